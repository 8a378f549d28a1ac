"""The next terms of integer sequences drawn from eight families.

Owns: families, instances, their score and what is said of it. Does not own: limits and sizes (task.toml), words
(statement.md).
"""

import random
from collections.abc import Callable

import numpy as np


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block, as many of each family: input [terms, wanted], hidden the terms that follow."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """The share of terms that are right, each in its place; 0.0 for anything but a list of as many integers."""
    following = instance["hidden"]["solution"]
    terms = _terms(output, len(following))
    if terms is None:
        return 0.0
    return sum(term == right for term, right in zip(terms, following)) / len(following)


def explain(instance: dict, output: object) -> str:
    """Whether it is a list of as many integers as are wanted: which of them are right is not said."""
    wanted = instance["input"][1]
    return f"not a list of {wanted} integers" if _terms(output, wanted) is None else ""


def _terms(output: object, wanted: int) -> list[int] | None:
    if type(output) is np.ndarray and output.ndim == 1 and output.dtype.kind in "iu":
        output = output.tolist()
    if type(output) not in (list, tuple) or len(output) != wanted:
        return None
    # type(), not isinstance: True is no term, and a subclass may lie about its value
    return list(output) if all(type(term) is int for term in output) else None


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"integer_sequences/{split}/{block}/{seed}/{i}")
    order = random.Random(f"integer_sequences/{split}/{block}/{seed}").sample(FAMILIES, len(FAMILIES))
    family = order[i % len(order)]
    shown, wanted = SIZES["terms"], SIZES["wanted"]
    terms = [0]
    # a sequence that soon repeats one term, or grows too large, says too little or too much
    while len(set(terms[:shown])) < 4 or len(set(terms[shown:])) == 1 or max(map(abs, terms)) > SIZES["largest_term"]:
        terms = family(rng, "shown_" if split == "train" else "", shown + wanted)
    hidden = {"solution": terms[shown:], "method": f"planted: {family.__name__[1:]}"}
    return {"id": f"{split}-{block}-{i}", "input": [terms[:shown], wanted], "hidden": hidden}


# -- families: (random numbers, prefix of the sizes, how many) -> terms ------------------------------------------------
def _polynomial(rng: random.Random, which: str, count: int) -> list[int]:
    coefficients = _coefficients(rng, SIZES[f"{which}degree"])
    return [_at(coefficients, n) for n in range(count)]


def _coefficients(rng: random.Random, degree: int) -> list[int]:
    return [rng.randint(-9, 9) for _ in range(rng.randint(1, degree))] + [rng.choice((-3, -2, -1, 1, 2, 3))]


def _at(coefficients: list[int], n: int) -> int:
    return sum(c * n**power for power, c in enumerate(coefficients))


def _recurrence(rng: random.Random, which: str, count: int) -> list[int]:
    """Looks back at the nearest term or a few more; the farthest one counts."""
    order = rng.randint(2, SIZES[f"{which}order"])
    factors = [rng.randint(-2, 2) for _ in range(order - 1)] + [rng.choice((-2, -1, 1, 2))]
    constant = rng.randint(-5, 5)
    terms = [rng.randint(-9, 9) for _ in range(order)]
    while len(terms) < count:
        terms.append(constant + sum(f * term for f, term in zip(factors, terms[::-1])))
    return terms


def _steps(rng: random.Random, which: str, count: int) -> list[int]:
    steps = [rng.randint(-9, 19) for _ in range(rng.randint(2, SIZES[f"{which}period"]))]
    terms = [rng.randint(-99, 99)]
    while len(terms) < count:
        terms.append(terms[-1] + steps[(len(terms) - 1) % len(steps)])
    return terms


def _mix(rng: random.Random, which: str, count: int) -> list[int]:
    own = [_coefficients(rng, 2) for _ in range(rng.randint(2, SIZES[f"{which}period"]))]
    return [_at(own[n % len(own)], n) for n in range(count)]


def _interleaved(rng: random.Random, which: str, count: int) -> list[int]:
    even, odd = _polynomial(rng, which, count), _recurrence(rng, which, count)
    return [(odd if n % 2 else even)[n // 2] for n in range(count)]


def _digits(rng: random.Random, which: str, count: int) -> list[int]:
    first, step = rng.randint(1, 999), rng.randint(1, 99)
    base = rng.randint(2, 10)
    backwards = rng.random() < 0.3
    numbers = range(first, first + step * count, step)
    return [int(str(m)[::-1]) if backwards else _digit_sum(m, base) for m in numbers]


def _digit_sum(m: int, base: int) -> int:
    total = 0
    while m:
        m, digit = divmod(m, base)
        total += digit
    return total


def _remainders(rng: random.Random, which: str, count: int) -> list[int]:
    modulus = rng.randint(30, 999)
    factor, constant = rng.randint(2, modulus - 1), rng.randint(1, modulus - 1)
    squared = rng.random() < 0.3
    terms = [rng.randrange(modulus)]
    while len(terms) < count:
        terms.append((terms[-1] ** 2 + constant if squared else factor * terms[-1] + constant) % modulus)
    return terms


def _growth(rng: random.Random, which: str, count: int) -> list[int]:
    base, sign = rng.randint(2, 10), rng.choice((-1, 1))
    terms = [rng.randint(500, 5000)]
    while len(terms) < count:
        terms.append(terms[-1] + (_digit_sum(terms[-1], 2) * sign if base == 2 else _digit_sum(terms[-1], base)))
    return terms


FAMILIES: tuple[Callable[[random.Random, str, int], list[int]], ...] = (
    _polynomial, _recurrence, _steps, _mix, _interleaved, _digits, _remainders, _growth,
)  # fmt: skip
