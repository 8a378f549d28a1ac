"""All values of all subsets, with numpy; then back from the nearest one to the two values that made it."""

import numpy as np


def algorithm(numbers, target):
    values = {1 << i: np.array([n]) for i, n in enumerate(numbers)}
    every = 2 ** len(numbers) - 1
    best = min((abs(n - target), n, 1 << i) for i, n in enumerate(numbers))
    for subset in sorted(range(1, every + 1), key=int.bit_count):
        made = [v for a, b in halves(subset) for v in joined(values[a], values[b])]
        if not made:
            continue
        made = np.concatenate(made)
        at = abs(made - target).argmin()
        best = min(best, (int(abs(made[at] - target)), int(made[at]), subset))
        if subset != every and best[0]:
            values[subset] = np.unique(made)
        if not best[0]:
            break
    return text(best[1], best[2], numbers, values)


def halves(subset):
    part = (subset - 1) & subset
    while part > subset ^ part:
        yield part, subset ^ part
        part = (part - 1) & subset


def joined(a, b):
    a, b = (grid.ravel() for grid in np.meshgrid(a, b))
    large, small = np.maximum(a, b), np.minimum(a, b)
    quotient, rest = np.divmod(large, small)
    return [large + small, (large - small)[large > small], large * small, quotient[rest == 0]]


def text(value, subset, numbers, values):
    if subset & (subset - 1) == 0:
        return str(value)
    for a, b in halves(subset):
        for one, other in ((a, b), (b, a)):
            for x in values[one].tolist():
                ways = (("+", value - x), ("-", x - value), ("*", value // x), ("/", x // value))
                for sign, y in ways:
                    if y > 0 and has(values[other], y) and makes(x, sign, y) == value:
                        return f"({text(x, one, numbers, values)} {sign} {text(y, other, numbers, values)})"
    raise LookupError(value)


def has(ordered, value):
    at = np.searchsorted(ordered, value)
    return at < len(ordered) and ordered[at] == value


def makes(x, sign, y):
    if sign == "/":
        return x // y if x % y == 0 else None
    return x + y if sign == "+" else x - y if sign == "-" else x * y
