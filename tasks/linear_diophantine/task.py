"""Linear equations in small non-negative integers: a solution with the smallest sum.

Owns: instances, the smallest sum proved, their score and what is said of it. Does not own: limits and sizes
(task.toml), words (statement.md).
"""

import itertools
import random

import numpy as np

NEAR_MISS = 0.2  # the most that values score which satisfy not all equations


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [coefficients, right-hand sides], hidden a solution with the smallest sum."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """The smallest sum over that of this solution; at most NEAR_MISS for no solution, 0.0 for what could be none."""
    coefficients, right = instance["input"]
    values = _values(output, len(coefficients[0]))
    if values is None:
        return 0.0
    miss = _miss(coefficients, right, values)
    return NEAR_MISS * max(0.0, 1 - miss / SIZES["near"]) if miss else instance["hidden"]["smallest"] / sum(values)


def explain(instance: dict, output: object) -> str:
    """The first equation that does not hold."""
    coefficients, right = instance["input"]
    values = _values(output, len(coefficients[0]))
    if values is None:
        return f"not a list of {len(coefficients[0])} integers from 0 to {SIZES['largest_value']}"
    lefts = [sum(c * value for c, value in zip(row, values)) for row in coefficients]
    missed = [
        f"equation {e}: the left-hand side is {a}, not {b}" for e, (a, b) in enumerate(zip(lefts, right)) if a != b
    ]
    return missed[0] if missed else ""


def _values(output: object, unknowns: int) -> list[int] | None:
    if type(output) is np.ndarray and output.ndim == 1 and output.dtype.kind in "iu":
        output = output.tolist()
    if type(output) not in (list, tuple) or len(output) != unknowns:
        return None
    # type(), not isinstance: True is no value, and a subclass may lie about its own
    return list(output) if all(type(v) is int and 0 <= v <= SIZES["largest_value"] for v in output) else None


def _miss(coefficients: list[list[int]], right: list[int], values: list[int]) -> int:
    """By how much all equations together are missed."""
    return sum(abs(sum(c * v for c, v in zip(row, values)) - b) for row, b in zip(coefficients, right))


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"linear_diophantine/{split}/{block}/{seed}/{i}")
    which = "shown_" if split == "train" else ""
    unknowns, most = SIZES[f"{which}unknowns"], SIZES["largest_coefficient"]
    signed = [c for c in range(-most, most + 1) if c]
    coefficients = [rng.choices(signed, k=unknowns) for _ in range(SIZES[f"{which}equations"])]
    right = [0]
    while 0 in right:
        planted = [rng.randint(0, SIZES["largest_value"]) for _ in range(unknowns)]
        right = [sum(c * v for c, v in zip(row, planted)) for row in coefficients]
    best = _best(coefficients, right)
    hidden = {"smallest": sum(best), "solution": best, "method": "exact: all values, as two halves of the unknowns"}
    return {"id": f"{split}-{block}-{i}", "input": [coefficients, right], "hidden": hidden}


def _best(coefficients: list[list[int]], right: list[int]) -> list[int]:
    """A solution with the smallest sum: what every choice for the first half leaves is looked up among the second."""
    half = len(coefficients[0]) // 2
    first, left = _halves([row[:half] for row in coefficients])
    second, made = _halves([row[half:] for row in coefficients])
    rest: dict[tuple[int, ...], tuple[int, ...]] = {}
    for values, sums in zip(second, made):
        rest.setdefault(sums, values)  # the smallest sum comes first
    found = []
    for values, sums in zip(first, left):
        other = rest.get(tuple(b - a for a, b in zip(sums, right)))
        if other is not None:
            found.append((*values, *other))
    return list(min(found, key=sum))


def _halves(coefficients: list[list[int]]) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """All values of these unknowns, by their sum, and what each gives on the left-hand sides."""
    values = sorted(itertools.product(range(SIZES["largest_value"] + 1), repeat=len(coefficients[0])), key=sum)
    sums = np.array(values) @ np.array(coefficients).T
    return values, list(map(tuple, sums.tolist()))
