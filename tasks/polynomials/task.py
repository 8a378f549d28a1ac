"""Polynomials with integer coefficients, to be split into factors.

Owns: instances, their score and what is said of it. Does not own: limits and sizes (task.toml), words (statement.md).
A polynomial is a list of its coefficients, the constant one first.
"""

import math
import random

import numpy as np

MOST_BITS = 64  # of a coefficient of a factor: those of a divisor of an instance are far smaller


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [coefficients], hidden the irreducible factors."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """The share of possible splits that are made: (factors - 1) / (irreducible ones - 1); 0.0 for a wrong product."""
    if _fault(instance["input"][0], output):
        return 0.0
    return (len(output) - 1) / (len(instance["hidden"]["solution"]) - 1)


def explain(instance: dict, output: object) -> str:
    """What is wrong with the factors; not whether there are more."""
    return _fault(instance["input"][0], output)


def _fault(coefficients: list[int], output: object) -> str:
    """The first thing that is wrong with what should be factors; "" if their product is right."""
    degree = len(coefficients) - 1
    if type(output) not in (list, tuple) or not 1 <= len(output) <= degree:
        return f"not a list of 1 to {degree} polynomials"
    factors = [factor.tolist() if _is_plain_array(factor) else factor for factor in output]
    for i, factor in enumerate(factors):
        if type(factor) not in (list, tuple) or not 2 <= len(factor) <= degree + 1:
            return f"factor {i}: not a list of 2 to {degree + 1} coefficients"
        # type(), not isinstance: True is no coefficient, and a subclass may lie about its value
        if not all(type(c) is int and c.bit_length() <= MOST_BITS for c in factor) or factor[-1] == 0:
            return f"factor {i}: its coefficients are no integers of at most {MOST_BITS} bits, the last one not 0"
    degrees = sum(len(factor) - 1 for factor in factors)
    if degrees != degree:
        return f"the product has degree {degrees}, not {degree}"
    product = [1]
    for factor in factors:
        product = _product(product, factor)
    return "" if product == coefficients else f"the product is {product}, not {coefficients}"[:200]


def _is_plain_array(factor: object) -> bool:
    return type(factor) is np.ndarray and factor.ndim == 1 and factor.dtype.kind in "iu"


def _product(a: list[int], b: list[int]) -> list[int]:
    made = [0] * (len(a) + len(b) - 1)
    for i, left in enumerate(a):
        for j, right in enumerate(b):
            made[i + j] += left * right
    return made


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"polynomials/{split}/{block}/{seed}/{i}")
    count = rng.randint(*SIZES["shown_factors" if split == "train" else "factors"])
    factors = [_irreducible(rng) for _ in range(count)]
    if rng.random() < 0.25:
        factors[0] = factors[1]
    product = [1]
    for factor in factors:
        product = _product(product, factor)
    hidden = {"solution": factors, "method": "planted: factors of degree 2 and 3 have no rational root"}
    return {"id": f"{split}-{block}-{i}", "input": [product], "hidden": hidden}


def _irreducible(rng: random.Random) -> list[int]:
    """Of degree 1, 2 or 3, low ones more often; no integer divides all of its coefficients."""
    most = SIZES["largest_coefficient"]
    while True:
        degree = rng.choice((1, 1, 1, 2, 2, 3))
        factor = [rng.randint(-most, most) for _ in range(degree)] + [
            rng.choice((1, rng.randint(1, SIZES["largest_last"])))
        ]
        # up to degree 3 a product has a factor of degree 1, and with it a rational root (Gauss's lemma)
        if factor[0] and math.gcd(*factor) == 1 and (degree == 1 or not _has_root(factor)):
            return factor


def _has_root(factor: list[int]) -> bool:
    """Whether a rational number is a root: its numerator divides the first coefficient, its denominator the last."""
    tops = [p for p in range(1, abs(factor[0]) + 1) if factor[0] % p == 0]
    bottoms = [q for q in range(1, abs(factor[-1]) + 1) if factor[-1] % q == 0]
    degree = len(factor) - 1
    # the value at p / q, times q ** degree
    return any(
        sum(c * p**i * q ** (degree - i) for i, c in enumerate(factor)) == 0
        for top in tops
        for p in (top, -top)
        for q in bottoms
    )
