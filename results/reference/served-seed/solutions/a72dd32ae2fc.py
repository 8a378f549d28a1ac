import random

def algorithm(weights):
    sides = [0] * len(weights)
    for _ in range(4):
        sides = improve(sides, weights)
    return sides

def improve(sides, weights):
    node = random.randrange(len(sides))
    changed = list(sides)
    changed[node] = 1 - sides[node]
    if cut(changed, weights) > cut(sides, weights) + 5:
        return changed
    return sides

def cut(sides, weights):
    total = 0
    for i in range(len(sides)):
        for j in range(i):
            if sides[i] != sides[j]:
                total += weights[i][j]
    return total

def optimize_cut(weights):
    pass