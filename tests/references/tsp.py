"""Held and Karp's dynamic programming: the shortest way through a set of points that ends at one of them."""

import itertools
import math


def algorithm(points):
    last = len(points) - 1  # where the trip starts and ends
    step = [[math.dist(a, b) for b in points] for a in points]
    ways = {(1 << i, i): (step[last][i], None) for i in range(last)}
    for size in range(2, last + 1):
        for chosen in itertools.combinations(range(last), size):
            points_in = sum(1 << i for i in chosen)
            for end in chosen:
                rest = points_in ^ 1 << end
                ways[points_in, end] = min((ways[rest, i][0] + step[i][end], i) for i in chosen if i != end)
    left = 2**last - 1
    at = min(range(last), key=lambda i: ways[left, i][0] + step[i][last])
    order = [last]
    while at is not None:
        order.append(at)
        left, at = left ^ 1 << at, ways[left, at][1]
    return order
