"""One hypothesis after the other, the simplest first; one that explains all terms says how they go on."""

import math
from fractions import Fraction

import numpy as np

MOST_BELOW = 4000  # the numbers whose digits are tried


def algorithm(terms, wanted):
    for guess in (by_differences, by_recurrence, by_steps, interleaved, mixed, by_growth, by_remainders, by_digits):
        found = guess(terms, wanted)
        if found is not None:
            return [int(term) for term in found]
    return [max(terms, key=terms.count)] * wanted


def by_differences(terms, wanted, spare=3):
    """A polynomial: some row of differences is constant, and `spare` more terms say so."""
    rows = [list(terms)]
    while len(rows[-1]) > 1 and len(set(rows[-1])) > 1:
        rows.append([b - a for a, b in zip(rows[-1], rows[-1][1:])])
    if len(rows[-1]) < spare:
        return None
    for _ in range(wanted):
        rows[-1].append(rows[-1][-1])
        for lower, upper in zip(rows[::-1], rows[-2::-1]):
            upper.append(upper[-1] + lower[-1])
    return rows[0][len(terms) :]


def by_recurrence(terms, wanted):
    for order in range(1, 5):
        equations = [[*terms[i - order : i], 1] for i in range(order, len(terms))]
        factors = solved(equations, terms[order:]) if len(equations) > order + 1 else None
        if factors is None:
            continue
        more = list(terms)
        for _ in range(wanted):
            more.append(sum(f * t for f, t in zip(factors, [*more[-order:], 1])))
        if all(term.denominator == 1 for term in more[len(terms) :]):
            return more[len(terms) :]
    return None


def solved(equations, right):
    """Any exact solution of the equations; None if there is none."""
    rows = [[Fraction(n) for n in [*left, value]] for left, value in zip(equations, right)]
    unknowns, used = len(rows[0]) - 1, []
    for column in range(unknowns):
        at = next((r for r in range(len(used), len(rows)) if rows[r][column]), None)
        if at is None:
            continue
        top = len(used)
        rows[top], rows[at] = rows[at], rows[top]
        rows[top] = [n / rows[top][column] for n in rows[top]]
        for r in range(len(rows)):
            if r != top and rows[r][column]:
                rows[r] = [n - rows[r][column] * m for n, m in zip(rows[r], rows[top])]
        used.append(column)
    if any(row[-1] for row in rows[len(used) :]):
        return None
    found = [Fraction(0)] * unknowns
    for row, column in zip(rows, used):
        found[column] = row[-1]
    return found


def by_steps(terms, wanted):
    for period in range(1, 7):
        if len({b - a for a, b in zip(terms, terms[period:])}) == 1:
            more = list(terms)
            for _ in range(wanted):
                more.append(more[-period] + terms[period] - terms[0])
            return more[len(terms) :]
    return None


def interleaved(terms, wanted):
    halves = [terms[0::2], terms[1::2]]
    found = [by_differences(half, wanted) or by_recurrence(half, wanted) for half in halves]
    if None in found:
        return None
    more = [half + after for half, after in zip(halves, found)]
    return [more[n % 2][n // 2] for n in range(len(terms), len(terms) + wanted)]


def mixed(terms, wanted):
    for period in range(2, 7):
        parts = [terms[start::period] for start in range(period)]
        found = [by_differences(part, wanted, 2) for part in parts]
        if None not in found:
            more = [part + after for part, after in zip(parts, found)]
            return [more[n % period][n // period] for n in range(len(terms), len(terms) + wanted)]
    return None


def digit_sum(m, base):
    total = 0
    while m:
        m, digit = divmod(m, base)
        total += digit
    return total


def sums(base):
    found = [0]
    for m in range(1, MOST_BELOW):
        found.append(found[m // base] + m % base)
    return found


def by_growth(terms, wanted):
    for base, sign in [(base, sign) for base in range(2, 11) for sign in (1, -1)]:
        if min(terms) >= 0 and all(b == a + sign * digit_sum(a, base) for a, b in zip(terms, terms[1:])):
            more = list(terms)
            for _ in range(wanted):
                more.append(more[-1] + sign * digit_sum(more[-1], base))
            return more[len(terms) :]
    return None


def by_remainders(terms, wanted):
    if min(terms) < 0 or max(terms) > 999:
        return None
    after = dict(zip(terms, terms[1:]))
    if terms[-1] in after and all(after[a] == b for a, b in zip(terms, terms[1:])):
        return going_on(terms, wanted, after.__getitem__)  # it goes round
    steps = [b - a for a, b in zip(terms, terms[1:])]
    lines = math.gcd(*(c * a - b * b for a, b, c in zip(steps, steps[1:], steps[2:])))
    squares = [b - a * a for a, b in zip(terms, terms[1:])]
    squares = math.gcd(*(b - a for a, b in zip(squares, squares[1:])))
    for modulus in range(max(30, max(terms) + 1), 1000):
        if squares % modulus == 0:
            return going_on(terms, wanted, Quadratic(1, 0, terms[1] - terms[0] ** 2, modulus))
        if lines % modulus == 0:
            factors = np.arange(modulus)
            constants = (terms[1] - factors * terms[0]) % modulus
            for a, b in zip(terms, terms[1:]):
                fits = (factors * a + constants - b) % modulus == 0
                factors, constants = factors[fits], constants[fits]
            if len(factors):
                return going_on(terms, wanted, Quadratic(0, int(factors[0]), int(constants[0]), modulus))
    return None


class Quadratic:
    def __init__(self, a, b, c, modulus):
        self.a, self.b, self.c, self.modulus = a, b, c, modulus

    def __call__(self, t):
        return (self.a * t * t + self.b * t + self.c) % self.modulus


def going_on(terms, wanted, after):
    more = list(terms)
    for _ in range(wanted):
        more.append(after(more[-1]))
    return more[len(terms) :]


def by_digits(terms, wanted):
    backwards = [int(str(m)[::-1]) for m in range(MOST_BELOW)]
    for base in range(1, 11):
        table = np.array(backwards if base == 1 else sums(base))
        for step in range(1, 100):
            first = np.arange(1, 1000)
            for i, term in enumerate(terms):
                first = first[table[first + i * step] == term]
                if len(first) == 0:
                    break
            if len(first):
                return [table[first[0] + n * step] for n in range(len(terms), len(terms) + wanted)]
    return None
