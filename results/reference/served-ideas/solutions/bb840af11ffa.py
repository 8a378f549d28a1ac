import math
import random
from itertools import pairwise

def algorithm(points):
    tour = list(range(len(points)))
    for _ in range(100):
        tour = improve(tour, points)
    return tour

def improve(tour, points):
    i, j = sorted(random.sample(range(len(tour)), 2))
    changed = tour[:i] + tour[i:j][::-1] + tour[j:]
    if length(changed, points) < length(tour, points) + 10:
        return changed
    return tour

def length(tour, points):
    total = 0
    for a, b in pairwise(tour):
        total += math.dist(points[a], points[b])
    return total