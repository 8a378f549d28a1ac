"""Breadth first by pushes: between two pushes the player walks anywhere, and only where the boxes are counts."""

from collections import deque

STEPS = {"U": (-1, 0), "D": (1, 0), "L": (0, -1), "R": (0, 1)}


def algorithm(level):
    floor = places(level, " .$@*+")
    goals = frozenset(places(level, ".+*"))
    (player,) = places(level, "@+")
    queue, seen = deque([(frozenset(places(level, "$*")), player, "")]), set()
    while True:
        boxes, player, plan = queue.popleft()
        if boxes == goals:
            return plan
        walks = reached(player, floor - boxes)
        state = boxes, min(walks)
        if state in seen:
            continue
        seen.add(state)
        for y, x in boxes:
            for letter, (down, right) in STEPS.items():
                behind, ahead = (y - down, x - right), (y + down, x + right)
                if behind in walks and ahead in floor and ahead not in boxes:
                    queue.append((boxes - {(y, x)} | {ahead}, (y, x), plan + walks[behind] + letter))


def reached(player, free):
    walks, queue = {player: ""}, deque([player])
    while queue:
        y, x = queue.popleft()
        for letter, (down, right) in STEPS.items():
            to = y + down, x + right
            if to in free and to not in walks:
                walks[to] = walks[y, x] + letter
                queue.append(to)
    return walks


def places(level, marks):
    return {(y, x) for y, row in enumerate(level) for x, mark in enumerate(row) if mark in marks}
