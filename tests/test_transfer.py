"""`python -m stop.transfer`: its table against numbers worked by hand, resume, replay, refusals; looks at test."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Background, Said, contents, records, said_by

import stop
from stop.analysis.transfer import comparisons
from stop.chain import Record
from stop.improve import Arm
from stop.ledger import LookedBefore
from stop.run import main as run_main
from stop.scaffold import read_scaffold
from stop.session import begin
from stop.show import versions_of
from stop.transfer import main as transfer_main

Transfer = Callable[..., Said]
TOML = """entry = "algorithm"
cpu_seconds_per_instance = 0.5
memory_mb = 256
instances = { train = 1, val = 1, test = 2 }
seed = 1
score_cap = 1.0
sets = []
source = "a number that a program says, times a share"
licence = "MIT"
"""
TASK = """
def instances(split, block, n, seed):
    return [{"id": f"{split}-{block}-{i}", "input": [i], "hidden": {}} for i in range(n)]

def score(instance, output):
    return SHARE * output
"""
SAYS = "def algorithm(number):\n    return %s\n"
ASKS = """from helpers import extract_code

def improve_algorithm(initial_solution, utility, language_model):
    found = [initial_solution]
    for _ in range(%d):
        found += extract_code(language_model.prompt("", "```python\\n" + initial_solution + "\\n```", n_responses=1))
    return max(found, key=utility)
"""


def fenced(source: str) -> str:
    return f"```python\n{source}\n```"


def toy(path: Path, share: float, says: str = "0.2") -> Path:
    """A task that scores what a program says, times the share; its seed solution says 0.2."""
    path.mkdir()
    files = {"task.toml": TOML, "statement.md": "{limits}", "seed.py": SAYS % says, "README.md": "A toy.\n"}
    for name, text in {**files, "task.py": f"SHARE = {share}\n{TASK}"}.items():
        (path / name).write_text(text)
    return path


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Toy tasks, and a run on one of them: its seed asks once and its kept version asks three times."""
    folder = tmp_path_factory.mktemp("transfer")
    for name, share in (("whole", 1.0), ("half", 0.5), ("fifth", 0.2)):
        toy(folder / name, share)
    (folder / "asks.py").write_text(ASKS % 1)
    replies = [fenced(SAYS % says) for says in ("0.4", "0.6", "0.5")]
    rules = [{"match": "def improve_algorithm", "replies": [fenced(ASKS % 3)]}, {"replies": replies}]
    (folder / "script.json").write_text(json.dumps(rules))
    asked = ["--scaffold", folder / "asks.py", "--model", f"scripted:{folder / 'script.json'}", "--workers", 1]
    argv = [folder / "whole", *asked, "--generations", 1, "--repeats", 1, "--out", folder / "run"]
    assert run_main([str(word) for word in argv]) == 0
    assert stop.load(folder / "run").best == 1
    return folder


@pytest.fixture
def transfer(capsys: pytest.CaptureFixture[str]) -> Transfer:
    """`python -m stop.transfer` in this process."""
    return said_by(transfer_main, capsys)


# -- the statistics, worked by hand ----------------------------------------------------------------------------------
def rows(task: str, arm: str, utilities: list[float], calls: int, initial: float = 0.1) -> list[Record]:
    return [
        {"task": task, "arm": arm, "repeat": i, "utility": u, "seed_utility": initial, "llm_calls": calls}
        for i, u in enumerate(utilities)
    ]


ONE = rows("one", "seed", [0.2, 0.4], 6) + rows("one", "improved", [0.5, 0.9], 24)
ONE += rows("one", "best_of_n", [0.6, 0.6], 24)
TWO = rows("two", "seed", [0.3, 0.3], 6, 0.2) + rows("two", "improved", [0.2, 0.3], 12, 0.2)
TWO += rows("two", "best_of_n", [0.3, 0.5], 12, 0.2)


def test_differences_are_paired_by_repeat_and_every_task_weighs_the_same() -> None:
    one, two, both = comparisons(ONE + TWO)
    assert (one.task, one.runs, one.initial) == ("one", 2, 0.1)
    assert one.scores == pytest.approx({"seed": 0.3, "improved": 0.7, "best_of_n": 0.6})
    assert one.calls == {"seed": 6, "improved": 24, "best_of_n": 24}
    over = one.over["seed"]  # 0.3 and 0.5: mean 0.4, standard deviation 0.1 sqrt(2), error 0.1, t(1) = 12.7062
    assert over.mean == pytest.approx(0.4) and over.interval() == pytest.approx(
        (0.4 - 1.27062, 0.4 + 1.27062), abs=1e-5
    )
    assert one.over["initial"].mean == pytest.approx(0.6) and two.over["initial"].mean == pytest.approx(0.05)
    assert two.over["best_of_n"].mean == pytest.approx(-0.15)
    assert both.task == "all tasks" and both.runs == 4 and both.initial == pytest.approx(0.15)
    assert both.over["seed"].mean == pytest.approx((0.4 - 0.05) / 2)
    # errors 0.1 and 0.05, of means that weigh a half each; as many degrees of freedom as Satterthwaite gives
    assert both.over["seed"].stderr == pytest.approx((0.1**2 + 0.05**2) ** 0.5 / 2)
    assert both.over["seed"].df == pytest.approx((0.1**2 + 0.05**2) ** 2 / (0.1**4 + 0.05**4))


def test_the_order_of_the_records_changes_nothing_and_a_single_task_has_no_second_line() -> None:
    assert comparisons(TWO[::-1] + ONE[::-1])[::-1][1:] == comparisons(ONE + TWO)[:2]
    assert [one.task for one in comparisons(ONE)] == ["one"] and comparisons([]) == []


def test_an_arm_that_lacks_a_run_is_refused() -> None:
    with pytest.raises(ValueError, match="pairs need"):
        comparisons(ONE[:-1])


# -- the command -----------------------------------------------------------------------------------------------------
def test_the_table_has_every_arm_on_every_task_with_calls_and_the_same_command_prints_it_again(
    here: Path, transfer: Transfer, stop_run: Callable[..., Said], tmp_path: Path
) -> None:
    command = here / "run", "--to", here / "half", here / "fifth", "--repeats", 2, "--out", tmp_path / "t"
    said = transfer(*command)
    assert said.status == 0
    table, block = said.out.split("---\n")
    _, half, fifth, both = (line.split() for line in table.splitlines())
    # a program that says 0.2; one that says 0.4, the first reply; 0.6, the best of three; 0.6, the best of six
    assert half[:6] == ["half", "2", "0.1000", "0.2000", "0.3000", "0.3000"]
    assert half[6:] == ["+0.2000", "[no", "interval]", "+0.1000", "[no", "interval]", "+0.0000", "[no", "interval]",
                        "1.0", "3.0", "6.0"]  # fmt: skip
    assert fifth[:6] == ["fifth", "2", "0.0400", "0.0800", "0.1200", "0.1200"]
    assert both[:7] == ["all", "tasks", "4", "0.0700", "0.1400", "0.2100", "0.2100"]
    lines = dict(line.split(": ", 1) for line in block.splitlines())
    assert lines["improved_minus_seed"] == "+0.0700 [no interval]" and lines["seal"] == "whole"
    assert lines["failed_improver_runs"] == "seed 0, improved 0, best_of_n 0" and lines["test_looks"] == "1"
    assert lines["improver"].startswith("version 1 (") and lines["llm_calls"] == str(4 * (1 + 3 + 6))
    before = contents(tmp_path / "t")
    assert transfer(*command).out == said.out and contents(tmp_path / "t") == before
    assert stop_run("--replay", "--out", tmp_path / "t").out.endswith(": equal\n")


def test_the_records_of_a_transfer_name_arms_and_scaffolds_and_are_no_versions(
    here: Path, transfer: Transfer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    transfer(here / "run", "--to", here / "half", "--repeats", 1, "--out", tmp_path / "t")
    made = stop.load(tmp_path / "t")
    assert list(made.outcomes.arm) == ["seed", "improved", "best_of_n"] and made.outcomes.version.isna().all()
    for sha in made.outcomes.scaffold:
        assert made.source(sha)
    (look,) = made.settings["looks"]["test"]
    assert look["done"] and [arm["calls_of"] for arm in look["arms"]] == ["", "", "improved"]
    assert made.settings["transfer"] == {"run": "run", "version": 1, "seen": []} and made.versions.empty
    assert made.settings["axes"]["mechanism"].startswith("none: ") and len(made.settings["axes"]) == 5
    from stop.show import main as show

    with pytest.raises(SystemExit):
        show([str(tmp_path / "t")])
    assert "is a transfer and has no versions" in capsys.readouterr().err


def test_a_replay_names_an_improver_run_of_a_transfer_that_was_edited(
    here: Path, transfer: Transfer, stop_run: Callable[..., Said], tmp_path: Path
) -> None:
    transfer(here / "run", "--to", here / "half", "--repeats", 1, "--out", tmp_path / "t")
    path = tmp_path / "t" / "outcomes.jsonl"
    lines = path.read_text().splitlines()
    lines[2] = lines[2].replace('"utility":0.3', '"utility":0.9')
    path.write_text("\n".join(lines) + "\n")
    said = stop_run("--replay", "--out", tmp_path / "t")
    assert said.status == 1 and any(
        "(best_of_n) on half test block 0 repeat 0: utility is 0.9" in x for x in said.lines
    )


def test_a_transfer_that_was_killed_goes_on_to_the_same_records(here: Path, transfer: Transfer, tmp_path: Path) -> None:
    command = [here / "run", "--to", here / "half", here / "fifth", "--repeats", 3, "--out"]
    transfer(*command, tmp_path / "whole")
    process = Background(*command, tmp_path / "cut", main=transfer_main)
    pending = tmp_path / "cut" / "pending.jsonl"
    while not (pending.exists() and pending.stat().st_size > 3000) and not process.ended():
        time.sleep(0.002)
    process.signal(signal.SIGKILL)
    process.wait()
    assert transfer(*command, tmp_path / "cut").status == 0
    assert records(tmp_path / "cut") == records(tmp_path / "whole")


def test_a_budget_ends_a_transfer_without_a_table_and_a_larger_one_goes_on(
    here: Path, transfer: Transfer, tmp_path: Path
) -> None:
    command = here / "run", "--to", here / "half", "--repeats", 1, "--workers", 1, "--out", tmp_path / "t"
    said = transfer(*command, "--budget-calls", 3)
    assert said.status == 0 and "stopped: budget_calls" in said.out and "improved_minus_seed: not measured" in said.out
    assert "improved_minus_seed: +0.1000" in transfer(*command).out


def test_the_dry_run_counts_three_improvers_and_creates_nothing(here: Path, transfer: Transfer, tmp_path: Path) -> None:
    said = transfer(
        here / "run", "--to", here / "half", here / "fifth", "--repeats", 2, "--dry-run", "--out", tmp_path / "t"
    )
    lines = dict(line.split(": ", 1) for line in said.out.splitlines())
    # 2 tasks, 2 improver runs each, 4 prompts of 6 replies at the most; the seed is likely to ask once
    assert lines["calls_worst"] == str(3 * 4 * 24) and lines["calls_likely"] == str(4 * (6 + 24 + 24))
    assert lines["improver_runs_per_task"] == "2 on test, of each of 3 improvers" and "steps" not in lines
    assert said.status == 0 and not (tmp_path / "t").exists()
    said = transfer(here / "run", "--to", here / "half", "--dry-run", "--budget-calls", 5, "--out", tmp_path / "t")
    assert "calls_worst: 5\n" in said.out and "calls_likely: 5\n" in said.out


def test_without_an_out_the_folder_is_named_after_run_tasks_version_and_seed(
    here: Path, transfer: Transfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = here / "run", "--to", here / "half", "--repeats", 1
    assert transfer(*command).status == transfer(*command, "--seed", 7, "--version", 1).status == 0
    assert sorted(p.name for p in Path("results").iterdir()) == ["transfer-run-half", "transfer-run-half-v1-s7"]


# -- refusals --------------------------------------------------------------------------------------------------------
def test_seen_tasks_are_refused_by_name_or_by_their_code_or_taken_and_marked(
    here: Path, transfer: Transfer, tmp_path: Path
) -> None:
    shutil.copytree(here / "whole", tmp_path / "copy")
    for task in (here / "whole", tmp_path / "copy"):
        said = transfer(here / "run", "--to", here / "half", task, "--out", tmp_path / "t")
        assert said.status == 2 and f"was improved on {task.name}. Name other tasks" in said.line
    assert not (tmp_path / "t").exists()
    said = transfer(here / "run", "--to", here / "whole", "--include-seen", "--repeats", 1, "--out", tmp_path / "t")
    assert "whole (seen)" in said.out and "seen_tasks: 1" in said.out


MISTAKES: dict[str, tuple[list[str], str]] = {
    "no run": (["RUN/none", "--to", "half"], "no run there"),
    "no such task": (["RUN", "--to", "halv"], "no task or set 'halv'"),
    "no such version": (["RUN", "--to", "half", "--version", "9"], "no version '9'"),
    "the seed": (["RUN", "--to", "half", "--version", "0"], "version 0 is the seed improver. Give another --version."),
    "no such model": (["RUN", "--to", "half", "--model", "mutatoin"], "no model 'mutatoin'"),
    "a file as out": (["RUN", "--to", "half", "--out", "RUN/run.json"], "is a file, not a folder"),
    "no task": (["RUN", "--to"], "expected at least one argument"),
    "no repeats": (["RUN", "--to", "half", "--repeats", "0"], "a whole number of at least 1"),
    "two caches": (["RUN", "--to", "half", "--cache", "c", "--no-cache"], "exclude each other"),
    "misspelt": (["RUN", "--to", "half", "--repeat", "2"], "no option --repeat. Nearest: --repeats."),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_status_2_and_leaves_nothing(
    mistake: str, here: Path, transfer: Transfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    argv, why = MISTAKES[mistake]
    argv = [word.replace("RUN", str(here / "run")) if word != "half" else str(here / "half") for word in argv]
    said = transfer(*argv)
    assert said.status == 2 and why in said.line and said.line.startswith("python -m stop.transfer: ")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_kept_nothing_or_was_edited_has_no_improver_to_try(
    here: Path, transfer: Transfer, tiny_run: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(here / "run", tmp_path / "edited")
    (source,) = out.glob(f"sources/{stop.load(out).sha(1)}.py")
    source.write_text(source.read_text() + "\n")
    assert "was edited" in transfer(out, "--to", here / "half").line
    (tmp_path / "idle.py").write_text(
        "def improve_algorithm(initial_solution, utility, language_model):\n    return 1\n"
    )
    argv = [here / "half", "--scaffold", tmp_path / "idle.py", "--generations", 1, "--repeats", 1]
    assert run_main([str(word) for word in [*argv, "--out", tmp_path / "idle"]]) == 0
    said = transfer(tmp_path / "idle", "--to", here / "fifth", "--out", tmp_path / "t")
    assert said.status == 2 and "no version was kept, so there is no improved improver to try" in said.lines[-1]
    said = transfer(tmp_path / "idle", "--to", here / "fifth", "--version", 1, "--out", tmp_path / "t")
    assert said.status == 2 and "version 1 cannot be tried: it " in said.lines[-1] and not (tmp_path / "t").exists()


def test_another_improver_or_seed_in_the_same_folder_is_refused_by_name_and_so_is_a_run(
    here: Path, transfer: Transfer, stop_run: Callable[..., Said], tmp_path: Path
) -> None:
    command = here / "run", "--to", here / "half", "--out", tmp_path / "t", "--repeats"
    assert transfer(*command, 1).status == 0
    assert "made with config test_repeats 1, now it is 2" in transfer(*command, 2).line
    assert "made with config seed 0, now it is 3" in transfer(*command, 1, "--seed", 3).line
    argv = here / "half", "--scaffold", here / "asks.py", "--model", f"scripted:{here / 'script.json'}"
    said = stop_run(*argv, "--generations", 0, "--repeats", 1, "--out", tmp_path / "t")
    assert said.status == 2 and "was made with config" in said.line


# -- looks at test ---------------------------------------------------------------------------------------------------
def test_a_comparison_is_recorded_once_and_another_one_needs_to_be_asked_for(here: Path, tmp_path: Path) -> None:
    settings = {"out": tmp_path / "run", "model": f"scripted:{here / 'script.json'}", "generations": 0, "repeats": 1}
    one, other = [Arm("asks", read_scaffold(str(here / "asks.py")))], [Arm("again", read_scaffold("best_of_n"))]
    with begin(str(here / "half"), **settings) as session:
        made = session.compare(one)
        calls = session._meter.calls
        assert session.compare(one) == made and session._meter.calls == calls > 0
        with pytest.raises(LookedBefore, match="would be another look"):
            session.compare(other)
        with pytest.raises(LookupError, match="has no version, it compares scaffolds on test"):
            versions_of(session.recorded)
        session.score_seed()
        with pytest.raises(LookedBefore, match="'test after step 0' would be another look"):
            session.look_at_test()
    with begin(str(here / "half"), **settings, look_again=True) as session:
        before = session._meter.calls
        assert session.compare(other).keys() == {"again"}
        session.look_at_test()
        assert session._meter.calls > before
    run = stop.load(tmp_path / "run")
    looks = run.settings["looks"]["test"]
    assert len(looks) == 3 and all(look["done"] for look in looks)
    assert set(run.outcomes.version.dropna()) == {0}
    assert run.test_utility(0) == pytest.approx(0.3)  # half of the best of 0.4, 0.6 and 0.5
    assert run_main(["--replay", "--out", str(tmp_path / "run")]) == 0


def test_the_command_runs_as_a_module(tmp_path: Path) -> None:
    command = f"{sys.executable} -m stop.transfer {tmp_path} --to maxcut > {tmp_path}/said 2>&1"
    assert os.waitstatus_to_exitcode(os.system(command)) == 2
    assert (tmp_path / "said").read_text().startswith(f"python -m stop.transfer: {tmp_path}: no run there.")
