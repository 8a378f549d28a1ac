import random


def algorithm(numbers, target):
    best = [("+", max(numbers))]
    for _ in range(5):
        best = improve(best, numbers, target)
    return text(best)


def improve(steps, numbers, target):
    number = random.choice(numbers)
    if number in [used for _, used in steps]:
        return steps
    longer = steps + [(random.choice("+-*"), number)]
    if abs(value(longer) - target) < abs(value(steps) - target) - 20:
        return longer
    return steps


def value(steps):
    total = 0
    for sign, number in steps:
        if sign == "+":
            total += number
        elif sign == "-":
            total -= number
        else:
            total *= number
    return total


def text(steps):
    made = str(steps[0][1])
    for sign, number in steps[1:]:
        made = f"({made} {sign} {number})"
    return made
