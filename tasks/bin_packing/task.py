"""Online bin packing with Weibull items, as in FunSearch: a table of priorities packs a stream that nobody has seen.

Owns: instances, packing a stream by a table, the score, what is wrong with an output. Does not own: limits and sizes
(task.toml), words (statement.md).
"""

import math
import random

import numpy as np

LARGEST = 10**18  # of any priority; no infinity and no NaN is within


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [capacity, a sample], hidden the stream and a lower bound on its bins."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """1.0 for the lower bound on the bins, less a loss for every share of bins above it, in [0, 1]."""
    capacity, hidden = instance["input"][0], instance["hidden"]
    table = output.tolist() if type(output) is np.ndarray else output
    if _fault(capacity, table):
        return 0.0
    bins = _bins(capacity, hidden["items"], table)
    return max(0.0, 1.0 - SIZES["loss"] * (bins - hidden["bound"]) / hidden["bound"])


def explain(instance: dict, output: object) -> str:
    """The first thing that is wrong with an output; "" if it is a table of priorities."""
    return _fault(instance["input"][0], output.tolist() if type(output) is np.ndarray else output)


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"bin_packing/{split}/{block}/{seed}/{i}")
    shown = "shown" if split == "train" else "hidden"
    capacity = rng.randint(*SIZES[f"{shown}_capacity"])
    sample = _stream(capacity, SIZES["sample_items"], rng)
    items = _stream(capacity, SIZES[f"{shown}_items"], rng)
    hidden = {
        "items": items,
        "bound": _lower_bound(capacity, items),
        "method": "proved lower bound L2 (Martello and Toth): no packing, even of a known stream, is below",
    }
    return {"id": f"{split}-{block}-{i}", "input": [capacity, sample], "hidden": hidden}


def _stream(capacity: int, n: int, rng: random.Random) -> list[int]:
    """n items: Weibull, rounded, at least 1 and at most the capacity."""
    sizes = (rng.weibullvariate(SIZES["weibull_scale"] * capacity, SIZES["weibull_shape"]) for _ in range(n))
    return [min(capacity, max(1, round(size))) for size in sizes]


def _fault(capacity: int, table: object) -> str:
    """What is wrong with a table; "" if table[size][room] is a number wherever an item fits."""
    if type(table) not in (list, tuple):
        return "the output is no list"
    if len(table) != capacity + 1:
        return f"the table has {len(table)} rows, not {capacity + 1}"
    for size, row in enumerate(table):
        if type(row) not in (list, tuple) or len(row) != capacity + 1:
            return f"row {size} is no list of {capacity + 1} numbers"
        for room in range(size, capacity + 1):
            # type(), not isinstance: a subclass may lie about its value; NaN is not within the limits
            if type(row[room]) not in (int, float) or not -LARGEST <= row[room] <= LARGEST:
                return f"table[{size}][{room}] is no number from -1e18 to 1e18"
    return ""


def _bins(capacity: int, items: list[int], table: list) -> int:
    """How many bins the stream takes: each item goes where its row is highest; of equals, where there is most room."""
    with_room = [0] * (capacity + 1)  # how many bins are open, by the room that is left
    opened = 0
    for size in items:
        row = table[size]
        room = capacity  # a new bin is always at hand
        for other in range(capacity - 1, size - 1, -1):
            if with_room[other] and row[other] > row[room]:
                room = other
        if room == capacity:
            opened += 1
        else:
            with_room[room] -= 1
        with_room[room - size] += 1
    return opened


def _lower_bound(capacity: int, items: list[int]) -> int:
    """L2 of Martello and Toth 1990: of sizes from k on, large ones share no bin and small ones fill the gaps."""
    best = 0
    for k in range(capacity // 2 + 1):
        full = sum(size > capacity - k for size in items)
        large = [size for size in items if 2 * size > capacity and size <= capacity - k]
        small = sum(size for size in items if size >= k and 2 * size <= capacity)
        beside = small - sum(capacity - size for size in large)
        best = max(best, full + len(large) + max(0, math.ceil(beside / capacity)))
    return best
