"""Twelve classic problems of programming contests, each with tests from tiny to large and exact answers.

Owns: tests, their answers, the score, what is wrong with an output. Does not own: limits and sizes (task.toml), words
(statement.md).
"""

import random
from bisect import bisect_left, insort
from collections import deque

import numpy as np


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block, the problems in turn: input [problem, tests], hidden the answers."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """The share of tests that are answered right, in [0, 1]; 0.0 for anything but one answer for each test."""
    right = instance["hidden"]["answers"]
    answers = output.tolist() if type(output) is np.ndarray else output
    if type(answers) not in (list, tuple) or len(answers) != len(right):
        return 0.0
    # type(), not isinstance: True is no answer, and a subclass may lie about its value
    return sum(type(a) is int and a == b for a, b in zip(answers, right)) / len(right)


def explain(instance: dict, output: object) -> str:
    """The first test that is answered wrong; "" if none is."""
    problem, right = instance["input"][0], instance["hidden"]["answers"]
    answers = output.tolist() if type(output) is np.ndarray else output
    if type(answers) not in (list, tuple) or len(answers) != len(right):
        return f"{problem}: the output is no list of {len(right)} answers"
    for i, (found, wanted) in enumerate(zip(answers, right)):
        if type(found) is not int:
            return f"{problem}: the answer to test {i} is no integer"
        if found != wanted:
            return f"{problem}: the answer to test {i} is wrong"
    return ""


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"contest/{split}/{block}/{seed}/{i}")
    problem = list(PROBLEMS)[i % len(PROBLEMS)]
    make, solve, length = PROBLEMS[problem]
    largest = SIZES[f"{'shown' if split == 'train' else 'hidden'}_{length}"]
    steps = [(largest / SIZES["smallest"]) ** (k / (SIZES["tests"] - 1)) for k in range(SIZES["tests"])]
    tests = [make(round(SIZES["smallest"] * step), rng) for step in steps]
    answers = [solve(test) for test in tests]
    hidden = {"answers": answers, "solution": answers, "method": "exact: a fast algorithm, checked against slow ones"}
    return {"id": f"{split}-{block}-{i}-{problem}", "input": [problem, tests], "hidden": hidden}


# -- long ones, to be solved in about n log n steps ------------------------------------------------------------------
def _numbers(n: int, rng: random.Random) -> list[int]:
    return [rng.randint(0, 3 * n) for _ in range(n)]


def _longest_increasing(numbers: list[int]) -> int:
    ends: list[int] = []  # ends[k]: the smallest number that an increasing subsequence of k + 1 numbers ends with
    for number in numbers:
        k = bisect_left(ends, number)
        ends[k : k + 1] = [number]
    return len(ends)


def _inversions(numbers: list[int]) -> int:
    seen: list[int] = []
    count = 0
    for number in reversed(numbers):
        count += bisect_left(seen, number)
        insort(seen, number)
    return count


def _changes(n: int, rng: random.Random) -> list[int]:
    return [rng.randint(-100, 90) for _ in range(n)]


def _largest_sum(numbers: list[int]) -> int:
    best = here = numbers[0]
    for number in numbers[1:]:
        here = max(number, here + number)
        best = max(best, here)
    return best


def _talks(n: int, rng: random.Random) -> list[list[int]]:
    starts = [rng.randint(0, 5 * n) for _ in range(n)]
    return [[start, start + rng.randint(1, 40)] for start in starts]


def _intervals(talks: list[list[int]]) -> int:
    count, free = 0, 0
    for start, end in sorted(talks, key=lambda talk: talk[1]):
        if start >= free:
            count, free = count + 1, end
    return count


def _ranges(n: int, rng: random.Random) -> list:
    firsts = [rng.randint(0, 20_000 * n) for _ in range(n)]
    ranges = [[first, first + rng.randint(0, 40_000)] for first in firsts]
    return [rng.randint(1, sum(last - first + 1 for first, last in _merged(ranges))), ranges]


def _merged(ranges: list[list[int]]) -> list[list[int]]:
    merged: list[list[int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return merged


def _kth_in_ranges(test: list) -> int:
    k, ranges = test
    for first, last in _merged(ranges):
        if k <= last - first + 1:
            return first + k - 1
        k -= last - first + 1
    raise ValueError("k is larger than the union")


def _repeated(n: int, rng: random.Random) -> str:
    unit = "".join(rng.choice("ab") for _ in range(rng.randint(1, n)))
    return (unit * n)[:n]


def _period(text: str) -> int:
    border = [0] * len(text)  # border[i]: the longest proper prefix of text[: i + 1] that it also ends with
    for i in range(1, len(text)):
        k = border[i - 1]
        while k and text[i] != text[k]:
            k = border[k - 1]
        border[i] = k + (text[i] == text[k])
    return len(text) - border[-1]


# -- short ones, to be solved by dynamic programming or search -------------------------------------------------------
def _words(n: int, rng: random.Random) -> list[str]:
    first = [rng.choice("abc") for _ in range(n)]
    second = [rng.choice("abc") if rng.random() < 0.3 else letter for letter in first if rng.random() < 0.8]
    return ["".join(first), "".join(second)]


def _edit_distance(words: list[str]) -> int:
    first, second = words
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        before, row = row, [i]
        for j, b in enumerate(second, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b)))
    return row[-1]


def _things(n: int, rng: random.Random) -> list:
    things = [[rng.randint(1, 20), rng.randint(1, 30)] for _ in range(n)]
    return [sum(weight for weight, _ in things) // 2, things]


def _knapsack(test: list) -> int:
    capacity, things = test
    best = [0] * (capacity + 1)
    for weight, value in things:
        for room in range(capacity, weight - 1, -1):
            best[room] = max(best[room], best[room - weight] + value)
    return best[capacity]


def _brackets_text(n: int, rng: random.Random) -> str:
    return "".join(rng.choice("()[]") for _ in range(n))


def _brackets(text: str) -> int:
    n = len(text)
    cost = [[0] * (n + 1) for _ in range(n + 1)]  # cost[i][j]: insertions into text[i:j]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n + 1):
            cost[i][j] = 1 + cost[i + 1][j]
            closing = {"(": ")", "[": "]"}.get(text[i])
            partners = [k for k in range(i + 1, j) if text[k] == closing]
            cost[i][j] = min([cost[i][j], *(cost[i + 1][k] + cost[k + 1][j] for k in partners)])
    return cost[0][n]


def _change(n: int, rng: random.Random) -> list:
    return [rng.randint(5 * n, 10 * n), rng.sample(range(1, 30), 4)]


def _coins(test: list) -> int:
    amount, coins = test
    fewest = [0] + [amount + 1] * amount
    for part in range(1, amount + 1):
        fewest[part] = min(fewest[part - coin] + 1 if coin <= part else amount + 1 for coin in coins)
    return fewest[amount] if fewest[amount] <= amount else -1


def _maze(n: int, rng: random.Random) -> list[str]:
    open_maze = rng.random() < 0.9
    while True:
        rows = [["#" if rng.random() < 0.3 else "." for _ in range(n)] for _ in range(n)]
        rows[0][0] = rows[-1][-1] = "."
        maze = ["".join(row) for row in rows]
        if (_grid_path(maze) != -1) == open_maze:
            return maze


def _grid_path(rows: list[str]) -> int:
    last = len(rows) - 1
    steps, queue = {(0, 0): 0}, deque([(0, 0)])
    while queue:
        y, x = queue.popleft()
        for to in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
            if 0 <= to[0] <= last and 0 <= to[1] <= last and rows[to[0]][to[1]] == "." and to not in steps:
                steps[to] = steps[y, x] + 1
                queue.append(to)
    return steps.get((last, last), -1)


def _plan_of_study(n: int, rng: random.Random) -> list:
    order = rng.sample(range(n), n)
    pairs = [[order[a], order[b]] for a, b in (sorted(rng.sample(range(n), 2)) for _ in range(2 * n))]
    if rng.random() < 0.15:
        pairs.insert(rng.randint(0, len(pairs)), rng.choice(pairs)[::-1])
    return [n, pairs]


def _courses(test: list) -> int:
    n, pairs = test
    term, missing, terms = [1] * n, [0] * n, 0
    for _, after in pairs:
        missing[after] += 1
    ready = [course for course in range(n) if not missing[course]]
    for course in ready:
        terms = max(terms, term[course])
        for before, after in pairs:
            if before == course:
                term[after] = max(term[after], term[course] + 1)
                missing[after] -= 1
                ready += [after] * (missing[after] == 0)
    return terms if len(ready) == n else -1


PROBLEMS = {
    "longest_increasing": (_numbers, _longest_increasing, "long"),
    "edit_distance": (_words, _edit_distance, "short"),
    "inversions": (_numbers, _inversions, "long"),
    "knapsack": (_things, _knapsack, "short"),
    "largest_sum": (_changes, _largest_sum, "long"),
    "brackets": (_brackets_text, _brackets, "short"),
    "intervals": (_talks, _intervals, "long"),
    "coins": (_change, _coins, "short"),
    "kth_in_ranges": (_ranges, _kth_in_ranges, "long"),
    "grid_path": (_maze, _grid_path, "short"),
    "period": (_repeated, _period, "long"),
    "courses": (_plan_of_study, _courses, "short"),
}
