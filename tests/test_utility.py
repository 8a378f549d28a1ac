"""One solution on one block: every way to fail costs its limits and nothing else, and is recorded with its reason."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stop.cache import Answers
from stop.records import Records
from stop.sandbox import Sandbox, wire
from stop.task import BadTask, UnknownTask, find_tasks, read_task
from stop.utility import Alone, Evaluation, Utility

TASK = Path(__file__).resolve().parent.parent / "tasks" / "maxcut"


@pytest.fixture
def evaluate(sandbox: Sandbox, tmp_path: Path) -> Iterator[Callable[[str | None], Evaluation]]:
    """Evaluates a solution of maxcut on train."""
    records = Records(tmp_path)
    utility = Utility(read_task(TASK), sandbox, Answers(records), Alone())
    yield lambda solution: utility.evaluate(solution, "train", 0)
    utility.close()
    records.close()


def program(body: str) -> str:
    return f"def algorithm(weights):\n    {body}\n"


@pytest.mark.parametrize(
    ("solution", "status", "why"),
    [
        (program("return 1 // 0"), "error", "ZeroDivisionError"),
        (program("import os; os._exit(0)"), "crash", ""),
        (program("import sys; sys.exit(0)"), "error", "SystemExit"),
        (program("while True: pass"), "timeout", "s of CPU time"),
        (program("return [0] * 10**10"), "error", "MemoryError"),
        (program("return 'x' * 10**7"), "error", ""),
        (program("return open('/etc/passwd').read()"), "error", "Error: [Errno "),
        (program("return object()"), "error", ""),
        (program("return None"), "scored", ""),
        ("def other(): pass", "error", "algorithm"),
        ("while True: pass", "timeout", "CPU time"),
        ("1 // 0", "error", "ZeroDivisionError"),
        ("def algorithm(", "unparsable", "does not parse"),
        ("", "unparsable", "empty"),
        (None, "unparsable", "empty"),
    ],
)
def test_every_failure_is_an_outcome_with_a_reason_and_score_0(
    evaluate: Callable[[str | None], Evaluation], solution: str | None, status: str, why: str
) -> None:
    found = evaluate(solution)
    first = found.outcomes[0]
    assert (first.status, found.score, len(found.outcomes)) == (status, 0.0, 8), first
    assert why in first.detail


def test_after_a_time_out_the_other_instances_are_not_run(evaluate: Callable[[str | None], Evaluation]) -> None:
    assert evaluate(program("while True: pass")).counts == {"not_run": 7, "timeout": 1}


def test_an_exception_on_one_instance_leaves_the_others(evaluate: Callable[[str | None], Evaluation]) -> None:
    once = "n = []\n" + program("n.append(1)\n    if len(n) == 3: raise KeyError(3)\n    return [0] * len(weights)")
    assert evaluate(once).counts == {"error": 1, "scored": 7}


def test_instances_of_an_independent_task_share_no_process(sandbox: Sandbox, tmp_path: Path) -> None:
    """What one instance leaves behind, a time-out included, is not there for the next."""
    folder = shutil.copytree(TASK, tmp_path / "independent")
    toml = (folder / "task.toml").read_text()
    (folder / "task.toml").write_text("independent = true\n" + toml)
    records = Records(tmp_path)
    utility = Utility(read_task(folder), sandbox, Answers(records), Alone())
    counting = "n = []\n" + program("n.append(1)\n    return [0] * len(weights) if len(n) == 1 else 1 // 0")
    largest = max(len(wire.unpack(i.packed)[0]) for i in utility.scorer.inputs("train", 0))
    sometimes = program(f"while len(weights) == {largest}: pass\n    return [0] * len(weights)")
    assert utility.evaluate(counting, "train", 0).counts == {"scored": 8}
    assert set(utility.evaluate(sometimes, "train", 0).counts) == {"scored", "timeout"}
    assert "each instance is run in a fresh process" in utility.task.text
    utility.close()
    records.close()


def test_equal_programs_are_measured_once_and_random_ones_score_the_same_again(
    evaluate: Callable[[str | None], Evaluation], tmp_path: Path
) -> None:
    source = "import random\n" + program("return [random.randrange(2) for _ in weights]")
    first = evaluate(source)
    again = evaluate("# the same, with a comment\n" + source)
    assert first == again and 0 < first.score < 1
    assert (tmp_path / "pending.jsonl").read_text().count('"kind":"evaluation"') == 1


def test_a_program_cannot_score_the_next_one(evaluate: Callable[[str | None], Evaluation]) -> None:
    poison = "import random, builtins\nrandom.randrange = lambda n: 0\nbuiltins.len = lambda x: 0\n" + program(
        "return [0]"
    )
    honest = program("return [i % 2 for i in range(len(weights))]")
    before = evaluate(honest)
    evaluate(poison)
    assert evaluate(honest + "\n\nx = 1").score == before.score > 0


def test_a_scorer_that_fails_gives_0_and_an_incident(sandbox: Sandbox, tmp_path: Path) -> None:
    folder = shutil.copytree(TASK, tmp_path / "broken")
    text = (folder / "task.py").read_text()
    (folder / "task.py").write_text(text + "\n\ndef score(instance, output):\n    return 2.0\n")
    records = Records(tmp_path)
    utility = Utility(read_task(folder), sandbox, Answers(records), Alone())
    found = utility.evaluate(program("return [0] * len(weights)"), "train", 0)
    assert found.counts == {"unscorable": 8} and found.score == 0.0
    assert '"incidents":["' in (tmp_path / "pending.jsonl").read_text()
    utility.close()
    records.close()


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("task.toml", None, "no task.toml"),
        ("task.py", "def (", "task.py does not parse"),
        ("statement.md", "no placeholder", "lacks {limits}"),
        ("task.toml", 'entri = "x"', "unknown key 'entri'. Nearest: entry"),
        ("task.toml", "entry = 3", "missing|give a text"),
    ],
)
def test_a_task_folder_with_a_fault_is_named(tmp_path: Path, name: str, text: str | None, why: str) -> None:
    folder = shutil.copytree(TASK, tmp_path / "bad")
    (folder / name).unlink() if text is None else (folder / name).write_text(text)
    with pytest.raises(BadTask, match=why):
        read_task(folder)


def test_what_is_told_is_what_is_enforced_and_what_scores() -> None:
    task = read_task(TASK)
    assert f"{task.cpu_seconds_per_instance:g} s of CPU time" in task.text
    assert f"{task.memory_mb} MB" in task.text and "{limits}" not in task.text
    assert "def score(instance" in task.text and "def instances" not in task.text


def test_a_set_stands_for_its_tasks_and_an_unknown_name_gets_the_nearest() -> None:
    assert [t.name for t in find_tasks(["quick", "maxcut"])] == sorted(t.name for t in find_tasks(["quick"]))
    with pytest.raises(UnknownTask, match="Nearest: maxcut"):
        find_tasks(["maxcat"])
