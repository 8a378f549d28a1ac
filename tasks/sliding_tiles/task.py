"""The 8-puzzle: slide tiles into order, with the fewest slides found by breadth-first search from both ends.

Owns: instances, their score, what is wrong with a plan. Does not own: limits and sizes (task.toml), words
(statement.md).
"""

import random

import numpy as np

GAP = 0


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [board, goal], hidden the fewest slides. No input occurs twice."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """The fewest slides over those of this plan; a small share if it ends nearer; 0.0 if a slide cannot be done."""
    board, goal = instance["input"]
    plan = output.tolist() if type(output) is np.ndarray else output
    end, fault = _played(board, plan)
    if fault:
        return 0.0
    if end == goal:
        return instance["hidden"]["fewest"] / len(plan)
    return SIZES["unsolved_share"] * max(0.0, 1.0 - _distance(end, goal) / _distance(board, goal))


def explain(instance: dict, output: object) -> str:
    """The first thing that is wrong with a plan; "" if it solves the puzzle."""
    board, goal = instance["input"]
    end, fault = _played(board, output.tolist() if type(output) is np.ndarray else output)
    if fault or end == goal:
        return fault
    tile = next(tile for tile, wanted in zip(end, goal) if tile not in (GAP, wanted))
    return f"not solved: after {len(output)} slides tile {tile} is not in its place"


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"sliding_tiles/{split}/{block}/{seed}/{i}")
    steps = rng.randint(*SIZES["shown_walk" if split == "train" else "hidden_walk"])
    tiles = list(range(SIZES["width"] ** 2))
    rng.shuffle(tiles)
    board = goal = tuple(tiles)
    while board == goal:
        before = None
        for _ in range(steps):
            before, board = board, rng.choice([b for b in map(tuple, _neighbours(board)) if b != before])
    plan = _shortest(board, goal)
    hidden = {"fewest": len(plan), "solution": plan, "method": "exact: breadth-first search from both ends"}
    return {"id": f"{split}-{block}-{i}", "input": [list(board), list(goal)], "hidden": hidden}


def _played(board: list[int], plan: object) -> tuple[list[int], str]:
    """The board after a plan, and "" or the first thing that is wrong with the plan."""
    board, width = list(board), SIZES["width"]
    if type(plan) not in (list, tuple):
        return board, "the output is no list"
    if len(plan) > SIZES["longest_plan"]:
        return board, f"the plan has {len(plan)} slides, {SIZES['longest_plan']} allowed"
    for step, tile in enumerate(plan):
        # type(), not isinstance: True is no tile, and a subclass may lie about its value
        if type(tile) is not int or not 0 < tile < len(board):
            return board, f"slide {step} is no tile: give an integer from 1 to {len(board) - 1}"
        here, gap = board.index(tile), board.index(GAP)
        if abs(here // width - gap // width) + abs(here % width - gap % width) != 1:
            return board, f"slide {step}: tile {tile} does not lie beside the gap"
        board[here], board[gap] = GAP, tile
    return board, ""


def _distance(board: list[int], goal: list[int]) -> int:
    """How many rows and columns the tiles are away from their places, all together."""
    width = SIZES["width"]
    places = [(here, goal.index(tile)) for here, tile in enumerate(board) if tile != GAP]
    return sum(abs(a // width - b // width) + abs(a % width - b % width) for a, b in places)


def _neighbours(board: tuple[int, ...]) -> list[list[int]]:
    """The boards that are one slide away."""
    width, gap = SIZES["width"], board.index(GAP)
    places = [gap - width] * (gap >= width) + [gap + width] * (gap < width * (width - 1))
    places += [gap - 1] * (gap % width > 0) + [gap + 1] * (gap % width < width - 1)
    found = []
    for place in places:
        changed = list(board)
        changed[gap], changed[place] = changed[place], GAP
        found.append(changed)
    return found


def _shortest(board: tuple[int, ...], goal: tuple[int, ...]) -> list[int]:
    """The tiles of a shortest plan. Layers grow from both ends, the smaller one next, until they first meet."""
    sides = {board: None}, {goal: None}
    layers = [board], [goal]
    while not (met := [b for b in layers[0] if b in sides[1]] or [b for b in layers[1] if b in sides[0]]):
        grown = min((0, 1), key=lambda i: len(layers[i]))
        layer = []
        for old in layers[grown]:
            for new in map(tuple, _neighbours(old)):
                if new not in sides[grown]:
                    sides[grown][new] = old
                    layer.append(new)
        layers[grown][:] = layer
    boards = [met[0]]
    while sides[0][boards[0]] is not None:
        boards.insert(0, sides[0][boards[0]])
    while sides[1][boards[-1]] is not None:
        boards.append(sides[1][boards[-1]])
    return [after[before.index(GAP)] for before, after in zip(boards, boards[1:])]
