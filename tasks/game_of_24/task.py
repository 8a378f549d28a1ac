"""Four numbers, each used once, to make a target: the game of 24, and the same with other targets.

Owns: instances, their score and what is said of it. Does not own: expressions (the library), limits and sizes
(task.toml), words (statement.md).
"""

import fractions
import hashlib
import random

SPLITS = ("train", "val", "test")
BLOCKS = 10  # of each split that have no four numbers in common; there are only 1,820, of which 1,362 make 24
NEAR_MISS = 0.2  # the most that another value than the target scores


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [numbers, target], hidden an expression that makes it. No four numbers twice."""
    found: list[dict] = []
    while len(found) < n:
        found.append(_instance(split, block, seed, len(found), [sorted(one["input"][0]) for one in found]))
    return found


def score(instance: dict, output: object) -> float:
    """1.0 for an expression of all numbers that makes the target, at most NEAR_MISS for another value; else 0.0."""
    numbers, target = instance["input"]
    try:
        value = _value(numbers, output)
    except BadExpression:
        return 0.0
    return 1.0 if value == target else NEAR_MISS * float(max(0, 1 - abs(value - target) / target))


def explain(instance: dict, output: object) -> str:
    """What is wrong with the expression, or what it makes instead of the target."""
    numbers, target = instance["input"]
    try:
        value = _value(numbers, output)
    except BadExpression as why:
        return str(why)
    return "" if value == target else f"it makes {value}, not {target}"


def _value(numbers: list[int], output: object) -> fractions.Fraction:
    """Raises BadExpression for anything but an expression with these numbers, each once."""
    value, used = expression_value(output)
    if sorted(used) != sorted(numbers):
        raise BadExpression(f"it uses {sorted(used)}, not each of {sorted(numbers)} once"[:150])
    return value


def _instance(split: str, block: int, seed: int, i: int, taken: list[list[int]]) -> dict:
    rng = random.Random(f"game_of_24/{split}/{block}/{seed}/{i}")
    lowest, highest = SIZES["lowest_target"], SIZES["highest_target"]
    targets: list[int] = []
    while not targets:
        numbers = [rng.randint(1, SIZES["largest_number"]) for _ in range(4)]
        if sorted(numbers) in taken or _share(numbers) != (SPLITS.index(split), block % BLOCKS):
            continue
        made = _everything(numbers)
        wanted = [SIZES["shown_target"]] if split == "train" else range(lowest, highest + 1)
        targets = [target for target in wanted if target in made]
    target = rng.choice(targets)
    hidden = {"solution": made[target], "method": "exact: all values of all four numbers"}
    return {"id": f"{split}-{block}-{i}", "input": [numbers, target], "hidden": hidden}


def _share(numbers: list[int]) -> tuple[int, int]:
    """To which split, and there to which blocks, four numbers belong, whatever their order."""
    digest = hashlib.sha256(repr(sorted(numbers)).encode()).digest()
    return digest[0] % len(SPLITS), int.from_bytes(digest[1:3]) % BLOCKS


def _everything(numbers: list[int]) -> dict[fractions.Fraction, str]:
    """Every value that all of the numbers make, with an expression for it; by subsets, as bits."""
    every = 2 ** len(numbers) - 1
    made: dict[int, dict[fractions.Fraction, str]] = {
        1 << i: {fractions.Fraction(n): str(n)} for i, n in enumerate(numbers)
    }
    for chosen in sorted(range(1, every + 1), key=int.bit_count):
        values = made.setdefault(chosen, {})
        for part in range(1, chosen):
            if part & chosen == part:
                for a, left in made[part].items():
                    for b, right in made[chosen ^ part].items():
                        values.update(_joined(a, left, b, right, part < chosen ^ part))
    return made[every]


def _joined(
    a: fractions.Fraction, left: str, b: fractions.Fraction, right: str, both_ways: bool
) -> dict[fractions.Fraction, str]:
    """What two values make; sums and products, which are the same both ways, only once."""
    made = {a - b: f"({left} - {right})"}
    if both_ways:
        made |= {a + b: f"({left} + {right})", a * b: f"({left} * {right})"}
    return made | ({a / b: f"({left} / {right})"} if b else {})
