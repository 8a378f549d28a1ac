"""The Tower of Hanoi between any two arrangements, on three pegs or four, with shortest plans by breadth-first search.

Owns: instances, their score, what is wrong with a plan. Does not own: following and finding plans (library planning),
limits and sizes (task.toml), words (statement.md).
"""

import random
from collections.abc import Iterator

Pegs = tuple[int, ...]  # the peg of each disc, the smallest disc first


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [start, goal, pegs]; hidden the optimum and a plan that has it."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """Fewest steps over those of this plan, in [0, 1]; 0.0 for a plan that fails."""
    return 0.0 if _fault(instance, output) else instance["hidden"]["optimum"] / len(output)


def explain(instance: dict, output: object) -> str:
    """The first thing that is wrong with a plan; "" if it is merely too long."""
    return _fault(instance, output)


def _fault(instance: dict, output: object) -> str:
    start, goal, pegs = instance["input"]

    def take(at: Pegs, step: object) -> tuple[Pegs, str]:
        return _moved(at, step, pegs)

    def lacking(at: Pegs) -> str:
        return next((f"disc {d} is on peg {a}, not {b}" for d, (a, b) in enumerate(zip(at, goal)) if a != b), "")

    return plan_fault(output, SIZES["most_steps"], tuple(start), take, lacking)


def _moved(at: Pegs, step: object, pegs: int) -> tuple[Pegs, str]:
    """Where the discs are after a step [from, to], and ""; or where they are, and why it cannot be taken."""
    # type(), not isinstance: True is no peg, and a subclass may lie about its value
    if type(step) not in (list, tuple) or len(step) != 2 or not all(type(peg) is int for peg in step):
        return at, "a step is two pegs: [from, to]"
    source, target = step
    if not (0 <= source < pegs and 0 <= target < pegs) or source == target:
        return at, f"a step goes from one peg to another; pegs are 0 to {pegs - 1}"
    if source not in at:
        return at, f"peg {source} is empty"
    disc = at.index(source)
    if target in at[:disc]:
        return at, f"disc {disc} cannot go on the smaller disc {at.index(target)}"
    return (*at[:disc], target, *at[disc + 1 :]), ""


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"tower_of_hanoi/{split}/{block}/{seed}/{i}")
    pegs = rng.choice(SIZES["pegs"])
    discs = rng.randint(*SIZES["train_discs" if split == "train" else "discs"])
    start = goal = [rng.randrange(pegs) for _ in range(discs)]
    while goal == start:
        goal = [rng.randrange(pegs) for _ in range(discs)]
    plan = _shortest(tuple(start), tuple(goal), pegs)
    hidden = {"optimum": len(plan), "solution": plan, "method": "exact: breadth-first search"}
    return {"id": f"{split}-{block}-{i}", "input": [start, goal, pegs], "hidden": hidden}


def _shortest(start: Pegs, goal: Pegs, pegs: int) -> list[list[int]]:
    def successors(at: Pegs) -> Iterator[tuple[list[int], Pegs]]:
        tops = [at.index(peg) if peg in at else len(at) for peg in range(pegs)]
        for source, disc in enumerate(tops):
            for target, below in enumerate(tops):
                if disc < below:
                    yield [source, target], (*at[:disc], target, *at[disc + 1 :])

    return shortest_plan(start, lambda at: at == goal, successors)
