"""Each problem by the algorithm that textbooks give for it."""

from bisect import bisect_left, insort
from functools import cache
from itertools import accumulate

import numpy as np


def solve(problem, tests):
    return [int(globals()[problem](test)) for test in tests]


def longest_increasing(numbers):
    ends = []
    for number in numbers:
        k = bisect_left(ends, number)
        ends[k : k + 1] = [number]
    return len(ends)


def inversions(numbers):
    seen, count = [], 0
    for number in reversed(numbers):
        count += bisect_left(seen, number)
        insort(seen, number)
    return count


def largest_sum(numbers):
    return max(accumulate(numbers, lambda here, number: max(number, here + number)))


def intervals(talks):
    count = free = 0
    for end, start in sorted((end, start) for start, end in talks):
        if start >= free:
            count, free = count + 1, end
    return count


def kth_in_ranges(test):
    k, ranges = test
    free = -1  # everything below has been counted
    for first, last in sorted(ranges):
        first = max(first, free)
        if last >= first:
            if k <= last - first + 1:
                return first + k - 1
            k -= last - first + 1
            free = last + 1


def period(text):
    return next((p for p in range(1, len(text)) if text.startswith(text[p:])), len(text))


def edit_distance(words):
    first, second = words
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        before, row = row, [i]
        for j, b in enumerate(second):
            row.append(min(before[j + 1] + 1, row[j] + 1, before[j] + (a != b)))
    return row[-1]


def knapsack(test):
    capacity, things = test
    best = np.zeros(capacity + 1, dtype=int)
    for weight, value in things:
        if weight <= capacity:
            best[weight:] = np.maximum(best[weight:], best[: capacity + 1 - weight] + value)
    return best[capacity]


def brackets(text):
    @cache
    def kept(i, j):  # how many characters of text[i:j] find a partner
        if j - i < 2:
            return 0
        closing = {"(": ")", "[": "]"}.get(text[i])
        best = kept(i + 1, j)
        for k in range(i + 1, j):
            if text[k] == closing:
                best = max(best, 2 + kept(i + 1, k) + kept(k + 1, j))
        return best

    return len(text) - kept(0, len(text))


def coins(test):
    amount, values = test
    reached, count = {0}, 0
    seen = {0}
    while amount not in seen:
        reached = {part + value for part in reached for value in values if part + value <= amount} - seen
        if not reached:
            return -1
        seen |= reached
        count += 1
    return count


def grid_path(rows):
    last, steps = len(rows) - 1, 0
    layer = seen = {(0, 0)}
    while layer and (last, last) not in layer:
        near = {(y + a, x + b) for y, x in layer for a, b in ((1, 0), (-1, 0), (0, 1), (0, -1))}
        layer = {p for p in near - seen if min(p) >= 0 and max(p) <= last and rows[p[0]][p[1]] == "."}
        seen = seen | layer
        steps += 1
    return steps if layer else -1


def courses(test):
    n, pairs = test
    term = [1] * n
    for _ in range(n + 1):
        changed = False
        for before, after in pairs:
            if term[after] <= term[before]:
                term[after], changed = term[before] + 1, True
        if not changed:
            return max(term)
    return -1
