"""Blocksworld with four actions, and shortest plans proved by A*.

Owns: instances, their score, what is wrong with a plan. Does not own: following and finding plans (library planning),
limits and sizes (task.toml), words (statement.md).
"""

import random
from itertools import pairwise

ACTIONS = {  # name: (parameters, what must hold, what holds then, what no longer holds)
    "pick-up": ("x", "clear x, on-table x, hand-empty", "holding x", "clear x, on-table x, hand-empty"),
    "put-down": ("x", "holding x", "clear x, on-table x, hand-empty", "holding x"),
    "stack": ("x y", "holding x, clear y", "on x y, clear x, hand-empty", "holding x, clear y"),
    "unstack": ("x y", "on x y, clear x, hand-empty", "holding x, clear y", "on x y, clear x, hand-empty"),
}


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [start, goal], two lists of facts; hidden the optimum and a plan that has it."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """Fewest steps over those of this plan, in [0, 1]; 0.0 for a plan that fails."""
    return 0.0 if _fault(instance, output) else instance["hidden"]["optimum"] / len(output)


def explain(instance: dict, output: object) -> str:
    """The first thing that is wrong with a plan; "" if it is merely too long."""
    return _fault(instance, output)


def _fault(instance: dict, output: object) -> str:
    return strips_fault(output, SIZES["most_steps"], ACTIONS, *instance["input"])


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"blocksworld/{split}/{block}/{seed}/{i}")
    blocks = "abcdefghijkl"[: rng.randint(*SIZES["train_blocks" if split == "train" else "blocks"])]
    start = goal = _towers(blocks, rng)
    while goal == start:
        goal = _towers(blocks, rng)
    given = [*_standing(start), *(["clear", tower[-1]] for tower in start), ["hand-empty"]]
    plan = strips_plan(ACTIONS, given, _standing(goal), lambda bits: _estimate(goal, bits))
    hidden = {"optimum": len(plan), "solution": plan, "method": "exact: A* with an estimate that never exceeds"}
    return {"id": f"{split}-{block}-{i}", "input": [given, _standing(goal)], "hidden": hidden}


def _towers(blocks: str, rng: random.Random) -> list[list[str]]:
    """The blocks in random towers, each from the table upwards."""
    towers: list[list[str]] = []
    for block in rng.sample(blocks, len(blocks)):
        tower = rng.choice([[], *towers, *towers])
        if not tower:
            towers.append(tower)
        tower.append(block)
    return sorted(towers)


def _standing(towers: list[list[str]]) -> list[list[str]]:
    """The facts that say what stands where."""
    return [
        fact
        for tower in towers
        for fact in (["on-table", tower[0]], *(["on", upper, lower] for lower, upper in pairwise(tower)))
    ]


def _estimate(goal: list[list[str]], bits: dict):
    """A block that does not stand as in the goal, with all that is below it, is still to be lifted and to be put."""
    settled = []
    for tower in goal:
        below = 0
        for fact in map(tuple, _standing([tower])):
            below |= bits.get(fact, 1 << len(bits))  # a fact that never holds: a bit that never is there
            settled.append((below, bits.get(("holding", fact[1]), 0)))
    return lambda state: sum((state & below != below) * (1 if state & held else 2) for below, held in settled)
