"""Sokoban: push boxes onto goals, with the fewest pushes found by pulling them away from the goals in every way.

Owns: levels, their score, what is wrong with a plan. Does not own: limits and sizes (task.toml), words
(statement.md).
"""

import random

STEPS = {"U": (-1, 0), "D": (1, 0), "L": (0, -1), "R": (0, 1)}
FLOOR = {" ": " ", "@": " ", "$": " ", ".": ".", "+": ".", "*": "."}  # what is below what is shown


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [level], hidden the fewest pushes. Other splits, blocks or seeds, other levels."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """The fewest pushes over those of this plan; a small share for some boxes; 0.0 if a step cannot be done."""
    level = instance["input"][0]
    boxes, pushes, fault = _played(level, output)
    if fault:
        return 0.0
    before, goals = _all(level, "$*"), _all(level, ".+*")
    if boxes == goals:
        return instance["hidden"]["fewest"] / pushes
    gained = len(boxes & goals) - len(before & goals)
    return SIZES["unsolved_share"] * max(0.0, gained / len(goals - before))


def explain(instance: dict, output: object) -> str:
    """The first thing that is wrong with a plan; "" if it solves the level."""
    level = instance["input"][0]
    boxes, _, fault = _played(level, output)
    missing = sorted(_all(level, ".+*") - boxes)
    if fault or not missing:
        return fault
    return f"not solved: after {len(output)} steps no box is on the goal in row {missing[0][0]}, column {missing[0][1]}"


def _played(level: list[str], plan: object) -> tuple[set, int, str]:
    """Where the boxes are after a plan, how often one was pushed, and "" or the first thing that is wrong."""
    walls, boxes, pushes = _all(level, "#"), _all(level, "$*"), 0
    (player,) = _all(level, "@+")
    if type(plan) is not str:
        return boxes, 0, "the output is no text"
    if len(plan) > SIZES["longest_plan"]:
        return boxes, 0, f"the plan has {len(plan)} steps, {SIZES['longest_plan']} allowed"
    for i, letter in enumerate(plan):
        if letter not in STEPS:
            return boxes, pushes, f"step {i} is none of U, D, L and R"
        down, right = STEPS[letter]
        player, beyond = (player[0] + down, player[1] + right), (player[0] + 2 * down, player[1] + 2 * right)
        if player in walls:
            return boxes, pushes, f"step {i}: {letter} runs into a wall"
        if player in boxes:
            if beyond in walls or beyond in boxes:
                return (
                    boxes,
                    pushes,
                    f"step {i}: {letter} pushes a box against a {'wall' if beyond in walls else 'box'}",
                )
            boxes, pushes = boxes - {player} | {beyond}, pushes + 1
    return boxes, pushes, ""


def _all(level: list[str], marks: str) -> set[tuple[int, int]]:
    """The places, row and column, that are marked so."""
    return {(y, x) for y, row in enumerate(level) for x, mark in enumerate(row) if mark in marks}


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"sokoban/{split}/{block}/{seed}/{i}")
    shown = "shown" if split == "train" else "hidden"
    fewest, most = SIZES[f"{shown}_pushes"]
    width, pushes = SIZES[f"{shown}_width"], 0
    while not pushes:
        floor = _room(width, rng)
        goals = _chosen(floor, rng.randint(*SIZES[f"{shown}_boxes"]), rng)
        away = _pulled(width, floor, goals)
        numbers = sorted({number for number in away.values() if fewest <= number <= most})
        if numbers:
            pushes = rng.choice(numbers)
            boxes, region = rng.choice([state for state, number in away.items() if number == pushes])
            player = _chosen(region, 1, rng)
    level = _drawn(width, floor, goals, boxes, player)
    hidden = {"fewest": pushes, "method": "exact: breadth-first search backwards from every solved position"}
    return {"id": f"{split}-{block}-{i}", "input": [level], "hidden": hidden}


# -- sets of places as the bits of an integer, place y * width + x -----------------------------------------------------
def _room(width: int, rng: random.Random) -> int:
    """The largest connected part of a room with some walls in it."""
    inner = [y * width + x for y in range(1, width - 1) for x in range(1, width - 1)]
    floor = sum(1 << place for place in inner if rng.random() >= SIZES["wall_probability"])
    return max((_reached(1 << place, floor, width) for place in inner if floor >> place & 1), key=int.bit_count)


def _chosen(places: int, n: int, rng: random.Random) -> int:
    return sum(1 << place for place in rng.sample([i for i in range(places.bit_length()) if places >> i & 1], n))


def _reached(start: int, free: int, width: int) -> int:
    """The free places that can be walked to."""
    reached = 0
    while start != reached:
        reached = start
        start |= (start << 1 | start >> 1 | start << width | start >> width) & free
    return reached


def _pulled(width: int, floor: int, goals: int) -> dict[tuple[int, int], int]:
    """The fewest pushes from every (boxes, region of the player) that can be solved."""
    away: dict[tuple[int, int], int] = {}
    layer, pushes, left = [], 0, floor & ~goals
    while left:  # a solved position for each region that the player may be in
        region = _reached(left & -left, floor & ~goals, width)
        layer.append((goals, region))
        left &= ~region
    while layer:
        away.update((state, pushes) for state in layer)
        before = {one for state in layer for one in _pulls(state, width, floor)}
        layer, pushes = sorted(before - away.keys()), pushes + 1
    return away


def _pulls(state: tuple[int, int], width: int, floor: int) -> list[tuple[int, int]]:
    """The states from which one push leads to this one: the player, beside a box, steps back and takes it along."""
    boxes, region = state
    found = []
    for step in (1, -1, width, -width):
        places = _shifted(boxes, step) & region & _shifted(region, -step)  # of the player, with room to step back
        while places:
            place = places & -places
            places &= ~place
            moved = boxes & ~_shifted(place, -step) | place
            found.append((moved, _reached(_shifted(place, step), floor & ~moved, width)))
    return found


def _shifted(places: int, step: int) -> int:
    return places << step if step > 0 else places >> -step


def _drawn(width: int, floor: int, goals: int, boxes: int, player: int) -> list[str]:
    """The level as text: wall #, box $, goal ., player @, a box on a goal *, the player on a goal +."""
    marks = {(0, 0, 0): " ", (0, 0, 1): ".", (1, 0, 0): "$", (1, 0, 1): "*", (0, 1, 0): "@", (0, 1, 1): "+"}
    rows = [[y * width + x for x in range(width)] for y in range(width)]

    def mark(place: int) -> str:
        return marks[boxes >> place & 1, player >> place & 1, goals >> place & 1] if floor >> place & 1 else "#"

    return ["".join(map(mark, row)) for row in rows]
