"""Roots as floating-point numbers; a few of them whose product of (x - root), times a divisor of the last coefficient,
is nearly integral are a factor if the division says so exactly."""

import itertools

import numpy as np


def algorithm(coefficients):
    rest, factors = list(coefficients), []
    degree = 1
    while degree <= 3 and 2 * degree < len(rest):
        factor = found(rest, degree)
        if factor is None:
            degree += 1
        else:
            factors.append(factor)
            rest = quotient(rest, factor)
    return [*factors, rest]


def found(rest, degree):
    roots = np.roots(rest[::-1])
    for chosen in itertools.combinations(roots, degree):
        monic = np.poly(chosen)
        if np.abs(monic.imag).max() > 1e-2:
            continue
        for leading in (n for n in (1, 2, 3, 4) if rest[-1] % n == 0):
            factor = [round(c) for c in (leading * monic.real).tolist()][::-1]
            if quotient(rest, factor) is not None:
                return factor
    return None


def quotient(a, b):
    """a / b if it comes out in integers, else None."""
    left, made = list(a), []
    while len(left) >= len(b):
        factor, over = divmod(left[-1], b[-1])
        if over:
            return None
        made.append(factor)
        for i, c in enumerate(b[::-1]):
            left[-1 - i] -= factor * c
        left.pop()
    return None if any(left) else made[::-1]
