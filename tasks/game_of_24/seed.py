import random


def algorithm(numbers, target):
    best = draw(numbers)
    for _ in range(4):
        other = draw(numbers)
        if distance(other, target) < distance(best, target) - 3:
            best = other
    return text(best)


def draw(numbers):
    order = random.sample(numbers, len(numbers))
    signs = [random.choice("+-*") for _ in order]
    return list(zip(signs, order))


def distance(steps, target):
    value = steps[0][1]
    for sign, number in steps[1:]:
        if sign == "+":
            value = value + number
        if sign == "-":
            value = value - number
        if sign == "*":
            value = value * number
    return abs(value - target)


def text(steps):
    made = str(steps[0][1])
    for sign, number in steps[1:]:
        made = f"({made} {sign} {number})"
    return made
