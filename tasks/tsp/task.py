"""The travelling salesman in the plane, with the optimum proved by dynamic programming.

Owns: instances and their score. Does not own: limits (task.toml), words (statement.md).
"""

import math
import random

import numpy as np

FEWEST_POINTS, MOST_POINTS = 9, 10
WIDTH = 100


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [points], hidden the optimum. Other splits, blocks or seeds give other points."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """Length of the shortest round trip over that of this one, in [0, 1]; 0.0 for anything but each point once."""
    points = instance["input"][0]
    order = _order(output, len(points))
    if order is None:
        return 0.0
    found = instance["hidden"]["optimum"] / _length(points, order)
    return 1.0 if 1.0 < found < 1.0 + 1e-9 else found  # the same tour, added up in another order


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"tsp/{split}/{block}/{seed}/{i}")
    size = rng.randint(FEWEST_POINTS, MOST_POINTS)
    places = rng.sample(range(WIDTH * WIDTH), size)
    points = [[place % WIDTH, place // WIDTH] for place in places]
    order = _shortest(points)
    hidden = {"optimum": _length(points, order), "solution": order, "method": "exact: Held-Karp"}
    return {"id": f"{split}-{block}-{i}", "input": [points], "hidden": hidden}


def _shortest(points: list[list[int]]) -> list[int]:
    """An order of the shortest round trip. Held & Karp 1962, with all sets of one size at once."""
    places = np.array(points, dtype=np.float64)
    steps = np.sqrt(((places[:, None] - places[None]) ** 2).sum(-1))
    last = len(points) - 1  # the trip starts and ends at the last point; sets are of the others
    sets = np.arange(2**last)
    sizes = sum(sets >> i & 1 for i in range(last))
    shortest = np.full((2**last, last), np.inf)
    before = np.zeros((2**last, last), dtype=np.int64)
    shortest[1 << np.arange(last), np.arange(last)] = steps[last, :last]
    for size in range(2, last + 1):
        for end in range(last):
            chosen = sets[(sizes == size) & (sets >> end & 1 == 1)]
            ways = shortest[chosen ^ (1 << end)] + steps[:last, end]
            before[chosen, end] = ways.argmin(1)
            shortest[chosen, end] = ways.min(1)
    at, left = int((shortest[-1] + steps[:last, last]).argmin()), 2**last - 1
    order = [last, at]
    while len(order) < len(points):
        at, left = int(before[left, at]), left ^ (1 << at)
        order.append(at)
    return order


def _order(output: object, size: int) -> list[int] | None:
    if type(output) is np.ndarray and output.ndim == 1 and output.dtype.kind in "iu":
        output = output.tolist()
    if type(output) not in (list, tuple) or len(output) != size:
        return None
    # type(), not isinstance: True is no point, and a subclass may lie about its value
    if not all(type(point) is int for point in output) or set(output) != set(range(size)):
        return None
    return list(output)


def _length(points: list[list[int]], order: list[int]) -> float:
    return math.fsum(math.dist(points[a], points[b]) for a, b in zip(order, order[1:] + order[:1], strict=True))
