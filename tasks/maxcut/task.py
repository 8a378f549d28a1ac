"""Maximum cut on small random weighted graphs, with the optimum proved by enumeration.

Owns: instances and their score. Does not own: limits (task.toml), words (statement.md).
"""

import random

import numpy as np

FEWEST_NODES, MOST_NODES = 13, 16
EDGE_PROBABILITY = 0.4
LARGEST_WEIGHT = 10


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [weights], hidden the optimum. Other splits, blocks or seeds give other graphs."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """Weight of the cut over the optimum, in [0, 1]; 0.0 for anything but one 0 or 1 for each node."""
    weights = instance["input"][0]
    sides = _sides(output, len(weights))
    if sides is None:
        return 0.0
    return _cut(weights, sides) / instance["hidden"]["optimum"]


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"maxcut/{split}/{block}/{seed}/{i}")
    size = rng.randint(FEWEST_NODES, MOST_NODES)
    weights = [[0] * size for _ in range(size)]
    for a in range(size):
        for b in range(a):
            if rng.random() < EDGE_PROBABILITY:
                weights[a][b] = weights[b][a] = rng.randint(1, LARGEST_WEIGHT)
    hidden = {"optimum": _optimum(weights), "method": "exact: all cuts enumerated"}
    return {"id": f"{split}-{block}-{i}", "input": [weights], "hidden": hidden}


def _optimum(weights: list[list[int]]) -> int:
    """The largest cut: every choice for one half of the nodes against every choice for the other, as one product."""
    matrix = np.array(weights, dtype=np.float64)
    half = len(matrix) // 2
    left, right = _signs(half), _signs(len(matrix) - half)
    within_left = (left @ matrix[:half, :half] * left).sum(1) / 2
    within_right = (right @ matrix[half:, half:] * right).sum(1) / 2
    across = left @ matrix[:half, half:] @ right.T
    uncut_less_cut = across + within_left[:, None] + within_right[None, :]
    return int((matrix.sum() / 2 - uncut_less_cut.min()) / 2)


def _signs(n: int) -> np.ndarray:
    """All 2**n rows of -1 and 1."""
    return 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)


def _sides(output: object, size: int) -> list[int] | None:
    if type(output) is np.ndarray and output.ndim == 1 and output.dtype.kind in "iu":
        output = output.tolist()
    if type(output) not in (list, tuple) or len(output) != size:
        return None
    # type(), not isinstance: True is no side, and a subclass may lie about its value
    return list(output) if all(type(side) is int and side in (0, 1) for side in output) else None


def _cut(weights: list[list[int]], sides: list[int]) -> int:
    return sum(weights[a][b] for a in range(len(sides)) for b in range(a) if sides[a] != sides[b])
