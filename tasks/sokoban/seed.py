MOST = 100
STEPS = {"U": (-1, 0), "D": (1, 0), "L": (0, -1), "R": (0, 1)}


def algorithm(level):
    walls = places(level, "#")
    goals = places(level, ".+*")
    (player,) = places(level, "@+")
    queue = [(player, places(level, "$*"), "")]
    best = ""
    most = 0
    for player, boxes, plan in queue:
        if len(boxes & goals) > most:
            best = plan
            most = len(boxes & goals)
        for letter in STEPS:
            after = moved(player, boxes, walls, letter)
            if after and len(queue) < MOST:
                queue.append((after[0], after[1], plan + letter))
    return best


def moved(player, boxes, walls, letter):
    down, right = STEPS[letter]
    to = (player[0] + down, player[1] + right)
    beyond = (to[0] + down, to[1] + right)
    if to in walls or (to in boxes and (beyond in walls or beyond in boxes)):
        return None
    if to in boxes:
        return to, boxes - {to} | {beyond}
    return to, boxes


def places(level, marks):
    return {(y, x) for y, row in enumerate(level) for x, mark in enumerate(row) if mark in marks}
