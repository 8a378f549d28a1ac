import random

STEPS = {"U": (-1, 0), "D": (1, 0), "L": (0, -1), "R": (0, 1)}


def algorithm(level):
    plan = ""
    for _ in range(20):
        plan = improve(plan, level)
    return plan


def improve(plan, level):
    changed = walk(plan, level)
    if distance(changed, level) < distance(plan, level):
        return changed
    return plan


def walk(plan, level):
    player, boxes = played(plan, level)
    for _ in range(random.randint(1, 12)):
        letter = random.choice("UDLR")
        after = moved(player, boxes, letter, level)
        if after:
            player, boxes = after
            plan += letter
    return plan


def distance(plan, level):
    goals = places(level, ".+*")
    player, boxes = played(plan, level)
    total = 0
    for y, x in boxes:
        total += min(abs(y - row) + abs(x - column) for row, column in goals)
    return total


def played(plan, level):
    (player,) = places(level, "@+")
    boxes = places(level, "$*")
    for letter in plan:
        player, boxes = moved(player, boxes, letter, level)
    return player, boxes


def moved(player, boxes, letter, level):
    down, right = STEPS[letter]
    to = (player[0] + down, player[1] + right)
    beyond = (to[0] + down, to[1] + right)
    if level[to[0]][to[1]] == "#":
        return None
    if to not in boxes:
        return to, boxes
    if beyond in boxes or level[beyond[0]][beyond[1]] == "#":
        return None
    return to, boxes - {to} | {beyond}


def places(level, marks):
    return {(y, x) for y, row in enumerate(level) for x, mark in enumerate(row) if mark in marks}
