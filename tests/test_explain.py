"""What a task says of an output that scores below 1.0, and the libraries that a task may use."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stop.cache import Answers
from stop.records import Records
from stop.sandbox import Sandbox
from stop.task import LIBRARIES, BadTask, Task, find_tasks, known_tasks, read_task
from stop.utility import Alone, Evaluation, Outcome, Utility

Evaluate = Callable[[Task, str], Evaluation]
ALL_ON_ONE_SIDE = "def algorithm(weights):\n    return [0] * len(weights)\n"


@pytest.fixture
def evaluate(sandbox: Sandbox, tmp_path: Path) -> Iterator[Evaluate]:
    """Evaluates a solution of a task on train, in a record of its own."""
    records = Records(tmp_path / "run")
    made: list[Utility] = []

    def measure(task: Task, source: str) -> Evaluation:
        made.append(Utility(task, sandbox, Answers(records), Alone()))
        return made[-1].evaluate(source, "train", 0)

    yield measure
    for one in made:
        one.close()
    records.close()


def explaining(folder: Path, body: str) -> Task:
    """The task with an explain() of its own."""
    with (folder / "task.py").open("a") as f:
        f.write(f"\n\ndef explain(instance, output):\n    {body}\n")
    return read_task(folder)


def using(folder: Path, libraries: str) -> Path:
    """The task folder with another line in its task.toml."""
    text = (folder / "task.toml").read_text()
    (folder / "task.toml").write_text(f"libraries = {libraries}\n{text}")
    return folder


# -- explain -----------------------------------------------------------------------------------------------------------
def test_the_reason_is_in_the_report_and_in_the_records(task_folder: Path, evaluate: Evaluate, tmp_path: Path) -> None:
    found = evaluate(explaining(task_folder, "return f'{len(output)} sides, none cut'"), ALL_ON_ONE_SIDE)
    said = [one["detail"] for one in found.feedback]
    assert all(text.endswith(" sides, none cut") for text in said) and found.counts == {"scored": 8}
    (line,) = (tmp_path / "run" / "pending.jsonl").read_text().splitlines()
    assert [one["detail"] for one in json.loads(line)["instances"]] == said


def test_an_output_that_scores_1_is_not_explained(task_folder: Path, evaluate: Evaluate) -> None:
    with (task_folder / "task.py").open("a") as f:
        f.write("\n\ndef score(instance, output):\n    return 1.0\n")
    found = evaluate(explaining(task_folder, "return 'wrong'"), ALL_ON_ONE_SIDE)
    assert {(o.score, o.detail) for o in found.outcomes} == {(1.0, "")}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("return 1 // 0", ""),
        ("return explain(instance, output)", ""),
        ("return [0] * 10**12", ""),
        ("return None", ""),
        ("return [instance['id']]", ""),
        ("return type('Text', (str,), {})('x')", ""),
        ("return ''", ""),
        ("return 'x' * 10**6", "x" * 200),
        ("return '\\x1b[31mred\\n\\u202e'", "\\x1b[31mred\\n\\u202e"),
        ("return '\\ud800' * 200", "\\ud800" * 33 + "\\u"),
    ],
)
def test_an_explain_that_fails_says_nothing_and_a_text_is_made_harmless(
    task_folder: Path, evaluate: Evaluate, body: str, detail: str
) -> None:
    found = evaluate(explaining(task_folder, body), ALL_ON_ONE_SIDE)
    assert {(o.status, o.score, o.detail) for o in found.outcomes} == {("scored", 0.0, detail)} and not found.incidents


def test_an_explain_that_changes_the_instance_is_an_incident(task_folder: Path, evaluate: Evaluate) -> None:
    found = evaluate(explaining(task_folder, "instance['hidden'].clear()"), ALL_ON_ONE_SIDE)
    assert len(found.incidents) == 8 and "score() or explain() changed instance 0" in found.incidents[0]


def test_explain_gets_an_output_that_score_has_not_touched(task_folder: Path, evaluate: Evaluate) -> None:
    with (task_folder / "task.py").open("a") as f:
        f.write("\n\ndef score(instance, output):\n    output.clear()\n    return 0.0\n")
    found = evaluate(explaining(task_folder, "return 'empty' if not output else 'whole'"), ALL_ON_ONE_SIDE)
    assert {o.detail for o in found.outcomes} == {"whole"}


def test_a_task_without_explain_has_outcomes_without_detail(evaluate: Evaluate) -> None:
    found = evaluate(find_tasks(["maxcut"])[0], ALL_ON_ONE_SIDE)
    assert found.outcomes[0] == Outcome("train-0-0", "scored")
    assert found.record["instances"][0] == {"id": "train-0-0", "status": "scored", "score": 0.0}


# -- libraries ---------------------------------------------------------------------------------------------------------
def test_a_library_runs_before_task_py_which_may_replace_its_names(task_folder: Path, evaluate: Evaluate) -> None:
    with (task_folder / "task.py").open("a") as f:
        f.write("\n\nplan_fault = plan_fault([], 0, 0, None, lambda state: 'all')\n")
    task = explaining(using(task_folder, '["planning"]'), "return plan_fault")
    assert evaluate(task, ALL_ON_ONE_SIDE).outcomes[0].detail == "the goal is not reached: all"


def test_what_score_needs_of_a_library_is_shown_to_improvers(task_folder: Path) -> None:
    with (task_folder / "task.py").open("a") as f:
        f.write("\n\ndef score(instance, output):\n    return 0.0 if strips_step({}, set(), output)[1] else 1.0\n")
    shown = read_task(using(task_folder, '["planning"]')).text
    assert "def strips_step(" in shown and "def strips_facts(" in shown and "def score(" in shown
    assert "def strips_plan(" not in shown and "def instances(" not in shown
    assert "strips_step" not in find_tasks(["maxcut"])[0].text


def test_a_library_is_part_of_what_names_a_task_that_uses_it(
    task_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = read_task(task_folder)
    before = read_task(using(task_folder, '["planning"]'))
    (tmp_path / "libraries").mkdir()
    (tmp_path / "libraries" / "planning.py").write_text((LIBRARIES / "planning.py").read_text() + "\n")
    monkeypatch.setattr("stop.task.LIBRARIES", tmp_path / "libraries")
    after = read_task(task_folder)
    assert len({one.sha for one in (plain, before, after)}) == 3
    assert len({one.scorer_sha for one in (plain, before, after)}) == 3
    assert read_task(known_tasks()["maxcut"]).scorer_sha == plain.scorer_sha


@pytest.mark.parametrize("libraries", ['["plannin"]', '["planning", "planning"]', "[1]", '["../task"]', '["__init__"]'])
def test_a_library_that_is_none_is_refused_with_the_nearest(task_folder: Path, libraries: str) -> None:
    with pytest.raises(BadTask, match=r"task\.toml: libraries: .* (Nearest|Known|There)?.*planning"):
        read_task(using(task_folder, libraries))
