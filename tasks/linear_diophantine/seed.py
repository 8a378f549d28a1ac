import random

LARGEST = 9


def algorithm(coefficients, right):
    values = [random.randint(0, LARGEST) for _ in coefficients[0]]
    for _ in range(30):
        values = improve(values, coefficients, right)
    return values


def improve(values, coefficients, right):
    changed = list(values)
    changed[random.randrange(len(values))] = random.randint(0, LARGEST)
    if miss(changed, coefficients, right) < miss(values, coefficients, right) - 5:
        return changed
    return values


def miss(values, coefficients, right):
    total = 0
    for row, wanted in zip(coefficients, right):
        total += abs(sum(c * v for c, v in zip(row, values)) - wanted)
    return total
