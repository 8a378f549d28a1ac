"""Gripper with several rooms: a robot with two hands carries balls, with shortest plans proved by A*.

Owns: instances, their score, what is wrong with a plan. Does not own: following and finding plans (library planning),
limits and sizes (task.toml), words (statement.md).
"""

import random

ACTIONS = {  # name: (parameters, what must hold, what holds then, what no longer holds)
    "move": ("from to", "robot-in from, room to", "robot-in to", "robot-in from"),
    "pick": ("ball room hand", "in ball room, robot-in room, free hand", "held ball hand", "in ball room, free hand"),
    "drop": ("ball room hand", "held ball hand, robot-in room", "in ball room, free hand", "held ball hand"),
}
HANDS = ("left", "right")


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
    rng = random.Random(f"gripper/{split}/{block}/{seed}/{i}")
    rooms = [f"room{i}" for i in range(1, 1 + rng.randint(*SIZES["rooms"]))]
    balls = [f"ball{i}" for i in range(1, 1 + rng.randint(*SIZES["train_balls" if split == "train" else "balls"]))]
    start = goal = [rng.choice(rooms) for _ in balls]
    while goal == start:
        goal = [rng.choice(rooms) for _ in balls]
    given = [["room", room] for room in rooms] + [["robot-in", rng.choice(rooms)]] + [["free", hand] for hand in HANDS]
    given += [["in", ball, room] for ball, room in zip(balls, start)]
    wanted = [["in", ball, room] for ball, room in zip(balls, goal)]
    plan = strips_plan(ACTIONS, given, wanted, lambda bits: _estimate(rooms, wanted, bits))
    hidden = {"optimum": len(plan), "solution": plan, "method": "exact: A* with an estimate that never exceeds"}
    return {"id": f"{split}-{block}-{i}", "input": [given, wanted], "hidden": hidden}


def _estimate(rooms: list[str], wanted: list[list[str]], bits: dict):
    """A ball elsewhere is to be picked and dropped; the robot must be where it is, and then come to where it goes."""
    robot = {room: bits["robot-in", room] for room in rooms}
    errands = []
    for _, ball, goal in wanted:
        errand = {bits["in", ball, room]: (2, robot[goal], robot[room]) for room in rooms if ("in", ball, room) in bits}
        errand |= {bits["held", ball, hand]: (1, 0, robot[goal]) for hand in HANDS}
        errands.append(errand | {bits["in", ball, goal]: (0, 0, 0)})
    return errands_estimate(errands)
