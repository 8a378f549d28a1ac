import random
import itertools

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
    for a in range(len(sides)):
        for b in range(a):
            if sides[a] != sides[b]:
                total += weights[a][b]
    return total

# Improved algorithm
def improved_algorithm(weights):
    sides = [0] * len(weights)
    for _ in range(4):
        improved_sides = improved_improve(sides, weights)
        if improved_sides is None:
            return sides
        sides = improved_sides
    return sides


def improved_improve(sides, weights):
    best_cut = float('inf')
    best_sides = None
    for sides in itertools.product([0, 1], repeat=len(sides)):
        cut_value = cut(sides, weights)
        if cut_value < best_cut:
            best_cut = cut_value
            best_sides = sides
    return best_sides if best_sides is not None else None