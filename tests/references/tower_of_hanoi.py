"""Breadth-first search from both ends at once."""


def algorithm(start, goal, pegs):
    ways = [{tuple(start): None}, {tuple(goal): None}]
    edges = [[tuple(start)], [tuple(goal)]]
    while True:
        side = 0 if len(edges[0]) <= len(edges[1]) else 1
        further = []
        for at in edges[side]:
            for step, after in moves(at, pegs):
                if after not in ways[side]:
                    ways[side][after] = at, step
                    further.append(after)
                    if after in ways[1 - side]:
                        there = back(ways[0], after)[::-1]
                        return there + [[b, a] for a, b in back(ways[1], after)]
        edges[side] = further


def back(ways, at):
    steps = []
    while ways[at]:
        at, step = ways[at]
        steps.append(step)
    return steps


def moves(at, pegs):
    tops = [at.index(peg) if peg in at else len(at) for peg in range(pegs)]
    for a, disc in enumerate(tops):
        for b, below in enumerate(tops):
            if disc < below:
                yield [a, b], (*at[:disc], b, *at[disc + 1 :])
