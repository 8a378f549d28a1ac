"""Meet in the middle: what one half of the unknowns leaves is looked up among what the other half makes."""

import itertools


def algorithm(coefficients, right):
    half = len(coefficients[0]) // 2
    best = {}
    for values, sums in every(coefficients, half, len(coefficients[0])):
        if sums not in best or sum(values) < sum(best[sums]):
            best[sums] = values
    found = []
    for values, sums in every(coefficients, 0, half):
        rest = tuple(b - s for s, b in zip(sums, right))
        if rest in best:
            found.append(values + best[rest])
    return list(min(found, key=sum))


def every(coefficients, start, end):
    for values in itertools.product(range(10), repeat=end - start):
        yield values, tuple(sum(c * v for c, v in zip(row[start:end], values)) for row in coefficients)
