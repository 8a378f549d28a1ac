"""`python -m stop.tasks`: what can be named, and all there is to know of one task."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from stop import check
from stop.check import CHECKS
from stop.hostile import hostile_outputs
from stop.sandbox import Sandbox, wire
from stop.task import BadTask, find_tasks, known_sets, known_tasks, limits_sentence
from stop.tasks import main, meaning

TEMPLATE = Path(__file__).resolve().parent.parent / "tasks" / "_template"


def refused(*argv: str) -> object:
    with pytest.raises(SystemExit) as left:
        main(argv)
    return left.value.code


def test_every_task_is_a_line_with_its_limits_and_what_a_full_score_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()[1:-1]
    assert [line.split()[0] for line in lines] == list(known_tasks())
    for line, task in zip(lines, find_tasks(list(known_tasks())), strict=True):
        assert f"{task.cpu_seconds_per_instance:g}" in line.split() and str(task.memory_mb) in line.split()
        assert meaning(task)[:60] in line and (",".join(task.libraries) or "none") in line.split()
        assert next(iter(task.sizes), "fixed") in line  # as many as there is room for


def test_every_task_says_in_its_readme_what_a_full_score_means() -> None:
    for task in find_tasks(list(known_tasks())):
        assert meaning(task) != "not said in README.md", task.name


def test_the_name_of_a_set_lists_its_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quick"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert listed == [task.name for task in find_tasks(["quick"])]


def test_the_set_all_is_every_task_and_the_template_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert [task.name for task in find_tasks(["all"])] == sorted(known_tasks())
    assert main(["all"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert listed == sorted(known_tasks()) and "_template" not in listed


def test_a_sets_toml_makes_sets_of_tasks_and_adds_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "tsp" in known_sets()["planning"] and find_tasks(["tsp"])[0].sets == ("quick",)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "sets.toml").write_text('mine = ["tsp", "countdown"]\nquick = ["sokoban"]')
    monkeypatch.chdir(tmp_path)
    assert [task.name for task in find_tasks(["mine"])] == ["countdown", "tsp"]
    assert known_sets()["quick"] == ["maxcut", "sokoban", "string_grid", "tsp"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('mine = ["tps"]', "sets.toml: mine: no task 'tps'. Nearest: tsp."),
        ("mine = 3", "sets.toml: mine = 3; give a list of tasks."),
        ("mine = [[1]]", "sets.toml: mine: no task [1]."),
        ("mine = ", "sets.toml: Invalid value"),
        ('tsp = ["maxcut"]', "sets.toml: 'tsp' is no name for a set: a task has that name. Give another."),
        ('all = ["maxcut"]', "sets.toml: 'all' is no name for a set: it is every task. Give another."),
        ('"a b" = ["maxcut"]', "sets.toml: 'a b' is no name for a set: no blanks in it. Give another."),
    ],
)
def test_a_sets_toml_that_cannot_be_used_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "sets.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert refused() == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_solution_of_ones_own_is_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text("def algorithm(points):\n    return [0]\n")
    assert main(["tsp", "--solution", str(tmp_path / "mine.py")]) == 0
    assert f"--- {tmp_path / 'mine.py'} on train block 0: 0.0000 ---" in capsys.readouterr().out
    for wrong in (["tsp", "--solution", "no/file.py"], ["quick", "--solution", "x.py"], ["--solution", "x.py"]):
        assert refused(*wrong) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("task.py", "def score(", "def scor(", "task.py defines no score. Nearest: scor."),
        ("seed.py", "def algorithm(", "def solve(", "seed.py defines no algorithm."),
        ("task.toml", "score_cap = 1.0", "score_cap = 2.0", "score_cap = 2.0; it is 1.0, and may be more where open"),
        ("task.toml", "memory_mb = 256", 'memory_mb = "256"', "memory_mb = '256': give a whole number."),
        ("task.toml", "cpu_seconds_per_instance = ", "cpu_seconds_per_instance = 0 # ", "= 0; give a number above 0"),
    ],
)
def test_a_task_that_cannot_be_used_is_named_with_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, said: str
) -> None:
    folder = shutil.copytree(known_tasks()["maxcut"], tmp_path / "mine")
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    assert refused(str(folder)) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_broken_task_is_in_the_set_all_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tasks" / "broken").mkdir(parents=True)
    (tmp_path / "tasks" / "broken" / "task.toml").write_text("entry = 1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadTask, match="broken"):
        find_tasks(["all"])


@pytest.mark.parametrize("options", [[], ["--unsafe-no-sandbox"]])
def test_one_task_is_shown_with_statement_instance_seed_and_score(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["maxcut", *options]) == 0
    shown, said = capsys.readouterr()
    task = find_tasks(["maxcut"])[0]
    assert limits_sentence(task.cpu_seconds_per_instance, task.memory_mb, task.instances, task.independent) in shown
    assert "algorithm([[0, " in shown and task.seed_source in shown
    assert shown.count("  scored  0.") == task.instances["train"]
    assert ("WARNING" in said) == bool(options)


def test_a_task_folder_is_shown_by_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(known_tasks()["maxcut"], tmp_path / "mine")
    (folder / "seed.py").write_text("def algorithm(weights):\n    raise ValueError('\x1b[31mno')\n")
    assert main([str(folder)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("name:           mine") and "ValueError" in shown and "\x1b" not in shown


def test_an_unknown_task_is_one_line_that_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused("maxct") == 2
    said = capsys.readouterr().err
    assert said.startswith("python -m stop.tasks: no task or set 'maxct'. Nearest: maxcut.") and said.count("\n") == 1


def test_a_folder_that_is_no_task_is_named_and_the_others_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tasks" / "broken").mkdir(parents=True)
    (tmp_path / "tasks" / "broken" / "task.toml").write_text("entry = 1")
    monkeypatch.chdir(tmp_path)
    assert main([]) == 2
    shown, said = capsys.readouterr()
    assert "broken" in said and said.count("\n") == 1 and "maxcut" in shown


# -- the check of a task that somebody is writing ----------------------------------------------------------------------
@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The template, copied as docs/tasks.md says."""
    return shutil.copytree(TEMPLATE, tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__"))


def checked(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, str]]:
    """The exit status of --check, and what was said of each point."""
    status = main(["--check", str(path), *options])
    lines = capsys.readouterr().out.splitlines()[:-1]
    return status, {line.split()[1]: line for line in lines}


def test_the_template_and_a_copy_of_it_keep_the_contract(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (TEMPLATE, copied):
        status, said = checked(path, capsys)
        assert status == 0 and list(said) == ["files", *CHECKS]
        assert all(line.startswith("ok ") for line in said.values())


@pytest.mark.parametrize(
    ("file", "old", "new", "point", "why"),
    [
        ("task.toml", "seed = 1", "sead = 1", "files", "unknown key 'sead'. Nearest: seed"),
        ("task.toml", "seed = 1", "", "files", "key 'seed' is missing"),
        ("README.md", "**1.0 means**", "1.0 is", "readme", "Begin a paragraph"),
        ("statement.md", "algorithm", "function", "statement", "does not name 'algorithm'"),
        ("statement.md", "{limits}", "", "files", "lacks {limits}"),
        ("task.py", "{split}/{block}", "{block}", "instances", "an input of"),
        ("task.py", "rng = random.Random(", "rng = random.Random() or (", "deterministic", "differs between"),
        ("task.py", "_largest(weights, capacity),", "_largest(weights, capacity), 'n': random.random(),",
         "deterministic", "in its hidden"),
        ("task.py", "exact: all", "not proved: all", "reference", "open = false"),
        ("task.py", '"method"', '"way"', "reference", "no 'method'"),
        ("task.py", '"method": "exact', '"method": 5, "m": "exact', "reference", "no 'method'"),
        ("task.py", 'hidden = {', 'hidden = {**({"solution": []} if i else {}), ', "reference", "only 7 of 8 hidden"),
        ("task.py", "    return sum(", "    return None and sum(", "seed", "Mend score() in task.py"),
        ("task.py", "    return sum(", "    return random.random() * sum(", "shown", "one output scores"),
        ("seed.py", "range(4)", "range(0)", "seed", "scores 0.0000 on train"),
        ("seed.py", "import random", "import rondam", "seed", "No module named 'rondam'"),
        ("task.py", "type(item) is int and ", "", "hostile", "score() does not take"),
        ("task.py", "type(output) not in (list, tuple) or ", "", "hostile", "score() does not take None"),
        ("task.py", "    if _fault(instance, output):", "    if output is None:", "hostile", "score() "),
        ("task.py", "    return _fault(instance, output)", "    return ''", "explain", "says nothing of None"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_task_is_a_line_with_the_next_step(
    copied: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, point: str, why: str
) -> None:
    text = (copied / file).read_text()
    assert old in text
    (copied / file).write_text(text.replace(old, new))
    status, said = checked(copied, capsys)
    assert status == 1 and said[point].startswith("WRONG") and why in said[point], said


def test_a_task_is_checked_as_a_preset_has_it(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (copied / "task.toml").open("a") as f:
        f.write("\n[presets.tiny]\nsizes = { items = [1, 1] }\n")
    status, said = checked(copied, capsys, "--preset", "tiny")
    assert status == 1 and "WRONG" in said["instances"]
    assert refused("--check", str(copied), "--preset", "tinny") == 2


@pytest.mark.parametrize(("wait", "ok"), [("time.sleep(0.4)", True), ("while time.process_time() < 0.4: pass", False)])
def test_a_block_is_too_slow_by_its_own_time_not_by_that_of_a_busy_machine(
    copied: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, wait: str, ok: bool
) -> None:
    monkeypatch.setattr(check, "MOST_CPU_SECONDS_A_BLOCK", 0.2)
    head, line, rest = (copied / "task.py").read_text().partition("    return [_instance(")
    (copied / "task.py").write_text(f"import time\n{head}    {wait}\n{line}{rest}")
    found = next(one for one in check.findings(copied, "", sandbox) if one.name == "instances")
    assert found.ok == ok and ("s of CPU time; 0.2 s are allowed" in found.said) != ok, found.said


def test_a_check_of_nothing_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused("--check") == refused("--check", "no/folder") == 2
    assert "task no/folder: is no folder. Copy tasks/_template to it" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [np.arange(3), [np.arange(3), np.arange(2)], [1, 2], "1 + 2", ["a", "b"], None])
def test_hostile_outputs_are_made_around_every_answer_and_are_never_it(answer: object) -> None:
    packed = hostile_outputs([[1, 2, 3]], answer)
    assert len(packed) >= 30 and wire.pack(answer) not in packed or answer is None
