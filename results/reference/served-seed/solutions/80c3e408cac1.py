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
    if not np.allclose(weights, np.tril(weights).T):
        return 0
    total = 0
    for a in range(len(sides)):
        for b in range(a):
            if sides[a] != sides[b]:
                total += weights[a][b]
    return total