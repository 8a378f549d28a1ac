"""Numbers, each used at most once, to make a target or come near it: the numbers round of Countdown.

Owns: instances, the nearest value proved, their score and what is said of it. Does not own: expressions (the library),
limits and sizes (task.toml), words (statement.md).
"""

import fractions
import math
import random
from collections import Counter

import numpy as np


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [numbers, target], hidden how near to the target one can come."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """1.0 for a nearest value, less the farther it is (statement.md); 0.0 for what is no such expression."""
    numbers, target = instance["input"]
    try:
        value = _value(numbers, output)
    except BadExpression:
        return 0.0
    farther = abs(value - target) - instance["hidden"]["distance"]
    return 1 / (1 + math.log2(1 + farther))


def explain(instance: dict, output: object) -> str:
    """What is wrong with the expression, or what it makes instead of the target."""
    numbers, target = instance["input"]
    try:
        value = _value(numbers, output)
    except BadExpression as why:
        return str(why)
    return "" if value == target else f"it makes {value}, {abs(value - target)} from {target}"[:150]


def _value(numbers: list[int], output: object) -> fractions.Fraction:
    """Raises BadExpression for anything but an expression with some of these numbers, each as often as it is given."""
    value, used = expression_value(output, whole=True)
    if not Counter(used) <= Counter(numbers):
        raise BadExpression(f"it uses {sorted(used)}, of which {sorted(numbers)} are given"[:150])
    return value


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"countdown/{split}/{block}/{seed}/{i}")
    shown = split == "train"
    target = rng.randint(*SIZES["shown_target" if shown else "target"])
    large = rng.sample(SIZES["large_numbers"], rng.randint(1, 3))
    small = [n for n in range(1, SIZES["largest_small_number"] + 1) for _ in range(2)]
    numbers = large + rng.sample(small, SIZES["shown_count" if shown else "count"] - len(large))
    rng.shuffle(numbers)
    hidden = {"distance": _distance(numbers, target), "method": "exact: all values of all subsets"}
    return {"id": f"{split}-{block}-{i}", "input": [numbers, target], "hidden": hidden}


def _distance(numbers: list[int], target: int) -> int:
    """From the target to the nearest value. A negative value makes none that its positive one does not make too."""
    every = 2 ** len(numbers) - 1
    values = {1 << i: np.array([n], dtype=np.int64) for i, n in enumerate(numbers)}
    nearest = min(abs(target - n) for n in numbers)
    for chosen in sorted(range(1, every + 1), key=int.bit_count):
        parts = [(part, chosen ^ part) for part in range(1, chosen) if part & chosen == part and part < chosen ^ part]
        made = [value for a, b in parts for value in _joined(values[a], values[b])]
        if made:
            nearest = min(nearest, *(int(abs(value - target).min()) for value in made if len(value)))
        if nearest == 0:
            break
        if made and chosen != every:
            values[chosen] = np.unique(np.concatenate(made))
    return nearest


def _joined(a: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
    """Everything above 0 that a value of one set and a value of the other make; below 2**53 for six small numbers."""
    left, right = (grid.ravel() for grid in np.meshgrid(a, b))
    large, small = np.maximum(left, right), np.minimum(left, right)
    quotient, rest = np.divmod(large, small)
    differences = large - small
    return [large + small, differences[differences > 0], large * small, quotient[rest == 0]]
