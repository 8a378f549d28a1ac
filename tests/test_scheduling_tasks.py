"""Scheduling, packing, puzzles, contest problems: references that reach the best, published optima, wrong outputs."""

from __future__ import annotations

import hashlib
import math
import random
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stop.cache import Answers
from stop.records import Records
from stop.sandbox import Sandbox
from stop.task import find_tasks
from stop.utility import Alone, Evaluation, Utility

SEEDS = {  # frozen: what has been measured was measured with these
    "job_shop": "8ff54e10167d",
}
NAMES = sorted(SEEDS)
REFERENCES = Path(__file__).parent / "references"

Evaluate = Callable[..., Evaluation]


@pytest.fixture(scope="module")
def evaluate(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluate]:
    """Evaluates a source on the first block of val, or of another split."""
    made: dict[str, Utility] = {}
    records = Records(tmp_path_factory.mktemp("records"))

    def on(source: str, name: str, split: Any = "val") -> Evaluation:
        if name not in made:
            made[name] = Utility(find_tasks([name])[0], sandbox, Answers(records), Alone())
        return made[name].evaluate(source, split, 0)

    yield on
    for one in made.values():
        one.close()
    records.close()


def code(name: str, **sizes: Any) -> dict[str, Any]:
    """The functions of a task.py, at sizes of our choice; a task's code is trusted."""
    task = find_tasks([name])[0]
    return runpy.run_path(str(task.path / "task.py"), init_globals={"SIZES": {**task.sizes, **sizes}})


def block(name: str, split: str = "val", n: int = 8) -> list[dict]:
    return code(name)["instances"](split, 0, n, find_tasks([name])[0].seed)


def reference(name: str) -> str:
    return (REFERENCES / f"{name}.py").read_text()


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split()]


# -- all of them -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_a_strong_solution_reaches_what_is_called_1_in_a_fraction_of_the_time(evaluate: Evaluate, name: str) -> None:
    found = evaluate(reference(name), name)
    assert found.counts == {"scored": len(found.outcomes)}
    assert found.score >= 0.95 and not found.near_limit


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_solution_is_the_one_that_was_measured(name: str) -> None:
    assert hashlib.sha256(find_tasks([name])[0].seed_source.encode()).hexdigest()[:12] == SEEDS[name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("output", [None, [], "x" * 10**5, [10**300] * 9, {"a": 1}, math.nan, np.zeros((3, 3))])
def test_every_wrong_output_is_explained_in_one_line_and_scores_0(name: str, output: Any) -> None:
    made = code(name)
    for one in block(name, n=2):
        line = made["explain"](one, output)
        assert line and "\n" not in line and len(line) < 120
        assert made["score"](one, output) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wrong_with_the_best_that_is_known(name: str) -> None:
    made = code(name)
    assert {made["explain"](one, one["hidden"]["solution"]) for one in block(name)} == {""}


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_equal_beside_two_processes_that_take_all_they_can(
    evaluate: Evaluate, name: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    task = find_tasks([name])[0]
    alone = [evaluate(source, name) for source in (task.seed_source, reference(name))]
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    records = Records(tmp_path)
    loaded = Utility(task, sandbox, Answers(records), Alone())
    try:
        beside = [loaded.evaluate(source, "val", 0) for source in (task.seed_source, reference(name))]
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
        loaded.close()
        records.close()
    assert beside == alone


# -- job_shop ----------------------------------------------------------------------------------------------------------
# Fisher and Thompson 1963, 6 by 6, and Lawrence 1984, 10 by 5, as in J. E. Beasley's OR-Library; optima 55 and 666 in
# Applegate and Cook, A computational study of the job-shop scheduling problem, ORSA Journal on Computing 3 (1991)
FT06 = """
2 1 0 3 1 6 3 7 5 3 4 6
1 8 2 5 4 10 5 10 0 10 3 4
2 5 3 4 5 8 0 9 1 1 4 7
1 5 0 5 2 5 3 3 4 8 5 9
2 9 1 3 4 5 5 4 0 3 3 1
1 3 3 3 5 9 0 10 4 4 2 1"""
LA01 = """
1 21 0 53 4 95 3 55 2 34
0 21 3 52 4 16 2 26 1 71
3 39 4 98 1 42 2 31 0 12
1 77 0 55 4 79 2 66 3 77
0 83 3 34 2 64 1 19 4 37
1 54 2 43 4 79 0 92 3 62
3 69 4 77 1 87 2 87 0 93
2 38 0 60 1 41 3 24 4 83
3 17 1 49 4 25 0 44 2 98
4 77 3 79 2 43 1 75 0 96"""


@pytest.mark.parametrize(("text", "optimum"), [(FT06, 55), (LA01, 666)])
def test_the_shortest_schedule_of_a_classic_job_shop_is_the_published_one(text: str, optimum: int) -> None:
    made = code("job_shop")
    jobs = [list(zip(row[::2], row[1::2], strict=True)) for row in map(numbers, text.strip().splitlines())]
    order = made["_shortest"](jobs, 100_000, random.Random(0))
    assert made["_fault"](jobs, order) == "" and made["_length"](jobs, order) == optimum


def orders(jobs: int, operations: int) -> set[tuple[int, ...]]:
    """Every order of so many operations of each job."""
    found: set[tuple[int, ...]] = {()}
    for _ in range(jobs * operations):
        found = {(*one, job) for one in found for job in range(jobs) if one.count(job) < operations}
    return found


def test_the_shortest_schedule_is_that_of_plain_enumeration() -> None:
    made = code("job_shop", shown_jobs=[3, 3], shown_machines=[3, 3])
    for one in made["instances"]("train", 0, 6, 1):
        (jobs,) = one["input"]
        assert one["hidden"]["optimum"] == min(made["_length"](jobs, order) for order in orders(3, 3))


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ([0, 0, 1], "the list has 3 entries, the jobs have 4 operations"),
        ([0, 0, 0, 1], "entry 2: job 0 has only 2 operations"),
        ([0, 1, 2, 1], "entry 2 is no job: give an integer from 0 to 1"),
        ([0, 1, True, 0], "entry 2 is no job: give an integer from 0 to 1"),
        ([0, 1, 1.0, 0], "entry 2 is no job: give an integer from 0 to 1"),
        (np.array([0.0, 1.0, 0.0, 1.0]), "the array is not one of integers in one dimension"),
    ],
)
def test_an_order_that_is_none_is_explained(output: Any, line: str) -> None:
    made, one = code("job_shop"), {"input": [[[[0, 3], [1, 2]], [[0, 1], [1, 4]]]], "hidden": {"optimum": 7}}
    assert made["explain"](one, output) == line and made["score"](one, output) == 0.0


def test_the_worked_job_shop_of_the_readme_scores_what_it_says() -> None:
    made, one = code("job_shop"), {"input": [[[[0, 3], [1, 2]], [[0, 1], [1, 4]]]], "hidden": {"optimum": 7}}
    assert made["score"](one, [1, 0, 1, 0]) == made["score"](one, np.array([1, 0, 1, 0])) == 1.0
    assert made["score"](one, [0, 0, 1, 1]) == 7 / 9


# -- tsp ---------------------------------------------------------------------------------------------------------------
# G. Reinelt, TSPLIB - a traveling salesman problem library, ORSA Journal on Computing 3 (1991): degrees and minutes as
# DDD.MM, optima 3323 and 6859, distances on a sphere as in its section GEO
BURMA14 = """
16.47 96.10  16.47 94.44  20.09 92.54  22.39 93.37  25.23 97.24  22.00 96.05  20.47 97.02
17.20 96.29  16.30 97.38  14.05 98.12  16.53 97.38  21.52 95.59  19.41 97.13  20.09 94.55"""
ULYSSES16 = """
38.24 20.42  39.57 26.15  40.56 25.32  36.26 23.12  33.48 10.54  37.56 12.19  38.42 13.11  37.52 20.44
41.23 9.10   41.17 13.05  36.08 -5.21  38.47 15.13  38.15 15.35  37.51 15.17  35.49 14.32  39.36 19.56"""


def radians(degrees: float) -> float:
    """TSPLIB's, its pi included."""
    whole = int(degrees)
    return 3.141592 * (whole + 5.0 * (degrees - whole) / 3.0) / 180.0


def kilometres(text: str) -> list[list[int]]:
    """TSPLIB's GEO distances between the points of a text."""
    words = [radians(float(word)) for word in text.split()]
    points = list(zip(words[::2], words[1::2], strict=True))

    def between(a: tuple[float, float], b: tuple[float, float]) -> int:
        q1, q2, q3 = math.cos(a[1] - b[1]), math.cos(a[0] - b[0]), math.cos(a[0] + b[0])
        return int(6378.388 * math.acos(0.5 * ((1.0 + q1) * q2 - (1.0 - q1) * q3)) + 1.0)

    return [[0 if a == b else between(a, b) for b in points] for a in points]


@pytest.mark.parametrize(("text", "optimum"), [(BURMA14, 3323), (ULYSSES16, 6859)])
def test_the_shortest_trip_of_a_classic_instance_is_the_published_one(text: str, optimum: int, tmp_path: Path) -> None:
    source = (find_tasks(["tsp"])[0].path / "task.py").read_text()
    planar = "np.sqrt(((places[:, None] - places[None]) ** 2).sum(-1))"
    assert planar in source  # the same search, on distances that are given
    (tmp_path / "task.py").write_text(source.replace(planar, "places"))
    steps = kilometres(text)
    order = runpy.run_path(str(tmp_path / "task.py"))["_shortest"](steps)
    assert sorted(order) == list(range(len(steps)))
    assert sum(steps[a][b] for a, b in zip(order, order[1:] + order[:1], strict=True)) == optimum
