"""Filling a bag: subset sums, with the largest one that fits proved by dynamic programming.

Owns: instances, their score, what is wrong with an output. Does not own: limits and sizes (task.toml), words.
"""

import random


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [weights, capacity], hidden the optimum. Nothing else may decide what they are."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """Weight in the bag over the largest that fits, in [0, 1]; 0.0 for an output with a fault."""
    if _fault(instance, output):
        return 0.0
    return sum(instance["input"][0][item] for item in output) / instance["hidden"]["optimum"]


def explain(instance: dict, output: object) -> str:
    """What is wrong with an output; "" if it is merely not optimal. It says nothing of the hidden part."""
    return _fault(instance, output)


def _fault(instance: dict, output: object) -> str:
    weights, capacity = instance["input"]
    if type(output) not in (list, tuple) or len(output) > len(weights):
        return f"give a list of at most {len(weights)} indices"
    # type(), not isinstance: True is no index, and a subclass may lie about its value
    if not all(type(item) is int and 0 <= item < len(weights) for item in output):
        return f"an index is an integer from 0 to {len(weights) - 1}"
    if len(set(output)) < len(output):
        return "an item is there twice"
    weight = sum(weights[item] for item in output)
    return f"the bag weighs {weight}, {capacity} allowed" if weight > capacity else ""


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"_template/{split}/{block}/{seed}/{i}")  # your task's name: else it shares these numbers
    fewest, most = SIZES["train_items" if split == "train" else "items"]
    weights = [rng.randint(1, SIZES["heaviest"]) for _ in range(rng.randint(fewest, most))]
    capacity = rng.randint(max(weights), sum(weights))
    hidden = {"optimum": _largest(weights, capacity), "method": "exact: all sums, by dynamic programming"}
    return {"id": f"{split}-{block}-{i}", "input": [weights, capacity], "hidden": hidden}


def _largest(weights: list[int], capacity: int) -> int:
    """The largest sum of some of the weights that is no more than the capacity."""
    sums = {0}
    for weight in weights:
        sums |= {found + weight for found in sums if found + weight <= capacity}
    return max(sums)
