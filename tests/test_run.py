"""`python -m stop.run` as a user meets it: mistakes, records, budgets, scaffolds that misbehave."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ONE

import stop
from stop.meta import FRESH_BLOCKS
from stop.run import main

KEYS = [
    "run", "versions", "kept", "seed_meta_utility", "best_meta_utility", "seed_test_utility", "best_test_utility",
    "test_looks", "evidence", "llm_calls", "cached_calls", "usd", "near_limit", "incidents", "seal", "stopped", "next",
]  # fmt: skip
IDENTITY = "def improve_algorithm(initial_solution, utility, language_model):\n    return initial_solution\n"


@pytest.fixture
def cut(tiny: list[str]) -> str:
    """A small task's folder."""
    return tiny[0]


def fenced(source: str) -> str:
    return f"Here it is.\n```python\n{source}```\n"


def status_of(argv: list[str]) -> int:
    """The exit status, whether main returns it or argparse exits with it."""
    try:
        return main(argv)
    except SystemExit as exit:
        return int(exit.code or 0)


def test_a_run_ends_with_one_block_of_fixed_keys(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["maxcut", "--generations", "2", *ONE, "--out", str(small_run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "---" and [line.split(": ")[0] for line in lines[1:]] == KEYS
    assert "seal: whole" in lines and "stopped: done" in lines


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["maxcat"], "no task or set 'maxcat'. Nearest: maxcut."),
        (["--scaffold", "sede"], "no scaffold 'sede'. Nearest: seed."),
        (["--scaffold", "missing/file.py"], "no scaffold file"),
        (["--model", "mutatoin"], "no model 'mutatoin'"),
        (["--model", "scripted:nowhere.json"], "nowhere.json"),
        (["--generation", "3"], "no option --generation. Nearest: --generations."),
        (["--budget-usd", "0"], "'0': give dollars, a number above 0"),
        (["--budget-minutes", "soon"], "'soon': give minutes, a number above 0"),
        (["--level", "1"], "'1': give a level, from 1e-09 to below 1"),
        (["--level", "1e-17"], "'1e-17': give a level, from 1e-09 to below 1"),
        (["--smallest-difference", "1e-200"], "'1e-200': give a difference, from 1e-09 to below 1"),
        (["--noise-repeats", "1"], "'1': give improver runs per task, 0 or at least 2"),
        (["--accept", "beter"], "nearest: better"),
        (["--mode", "goedel"], "no mode 'goedel'; nearest: godel"),
        (["--generations", "-1"], "a whole number of at least 0"),
        (["--workers", "two"], "'two'"),
        (["--replay"], "--replay needs --out"),
    ],
)
def test_a_mistake_is_one_clear_line_with_status_2_and_creates_nothing(
    argv: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert status_of(argv) == 2
    said = capsys.readouterr()
    assert line in said.err and said.err.count("\n") == 1 and said.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "why"),
    [("def improve_algorithm(", "does not parse"), ("def improve_algorithm(x): pass", "has the parameters (x)")],
)
def test_a_scaffold_that_cannot_run_is_refused_before_anything_is_made(
    source: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(source)
    assert main(["--scaffold", str(tmp_path / "mine.py"), "--out", str(tmp_path / "run")]) == 2
    assert why in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_an_out_that_cannot_be_used_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "other.txt").write_text("x")
    for out, why in [("file", "is a file"), ("file/below", "not a folder"), ("full", "holds other files")]:
        assert main(["maxcut", "--out", str(tmp_path / out)]) == 2
        assert why in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "full", "other.txt"]


@pytest.mark.parametrize(
    ("change", "name"), [(["--seed", "1"], "seed"), (["--repeats", "2"], "repeats"), (["--accept", "always"], "accept")]
)
def test_a_resume_that_would_change_what_the_records_mean_is_refused_by_name(
    small_run: Path, change: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["maxcut", "--generations", "2", *ONE, "--out", str(small_run)]
    assert main([*base, *change]) == 2
    assert f"config {name}" in capsys.readouterr().err


def test_a_child_that_cannot_run_is_recorded_with_its_reason_and_the_parent_goes_on(
    cut: str, tmp_path: Path, scripted: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    model = scripted(fenced("def improve_algorithm(x):\n    return x\n"))
    assert main([cut, "--model", model, "--generations", "2", *ONE, "--out", str(tmp_path / "r")]) == 0
    run = stop.load(tmp_path / "r")
    assert list(run.versions.status) == ["seed", "failed", "failed"] and list(run.versions.parent_id[1:]) == [0, 0]
    assert "has the parameters (x)" in run.versions.detail[1] and run.versions.meta_utility[1] == 0.0


def test_a_parent_that_fails_to_rewrite_itself_costs_a_step_and_nothing_else(cut: str, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(IDENTITY.replace("return", "raise RuntimeError(utility.str[:9]) or"))
    argv = [cut, "--scaffold", str(tmp_path / "bad.py"), "--generations", "1", *ONE]
    assert main([*argv, "--out", str(tmp_path / "r")]) == 0
    run = stop.load(tmp_path / "r")
    assert run.versions.status[1] == "failed" and "RuntimeError: A program" in run.versions.detail[1]
    assert set(run.outcomes.status) == {"error"} and set(run.outcomes.utility) == {0.0}


def test_the_rule_of_the_paper_keeps_every_child_that_works(
    cut: str, tmp_path: Path, scripted: Callable[..., str]
) -> None:
    argv = [cut, "--model", scripted(fenced(IDENTITY)), "--accept", "always", "--generations", "2"]
    assert main([*argv, *ONE, "--out", str(tmp_path / "r")]) == 0
    assert list(stop.load(tmp_path / "r").versions.status) == ["seed", "kept", "kept"]


def test_a_spent_budget_ends_the_run_without_a_version_and_more_budget_goes_on(
    cut: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [cut, "--generations", "1", *ONE, "--workers", "1"]
    argv += ["--out", str(tmp_path / "r")]
    assert main([*argv, "--budget-calls", "20"]) == 0
    assert "stopped: budget_calls" in capsys.readouterr().out
    run = stop.load(tmp_path / "r")
    assert len(run.versions) == 1 and (tmp_path / "r" / "pending.jsonl").read_text().count('"kind":"call"') == 14
    assert main([*argv, "--budget-calls", "2000"]) == 0
    assert len(stop.load(tmp_path / "r").versions) == 2


def test_a_cache_that_was_asked_for_spares_the_calls_of_a_second_run(cut: str, tmp_path: Path) -> None:
    argv = [cut, "--generations", "0", *ONE, "--cache", str(tmp_path / "cache")]
    for out in ("a", "b"):
        assert main([*argv, "--out", str(tmp_path / out)]) == 0
    first, second = (stop.load(tmp_path / out) for out in "ab")
    assert first.fresh_calls > 6 and second.fresh_calls == 0
    assert first.rows("calls.jsonl") == second.rows("calls.jsonl")


def test_the_dry_run_counts_the_worst_case_and_creates_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["maxcut", "--generations", "1", "--repeats", "2", "--dry-run", "--out", str(tmp_path / "r")]) == 0
    said = capsys.readouterr().out
    # 24 to propose; at 2 runs x 24 replies 48 candidates, twice val and twice the canary; seed val, 8 runs for the
    # noise floor, and test for two versions x 6 runs
    worst = 24 + 48 * 48 + 2 * 48 + 2 * 48 + 48 + 8 * 24 + 2 * 6 * 24
    assert f"calls_worst: {worst}" in said and not (tmp_path / "r").exists()


def test_the_dry_run_of_a_paired_run_counts_its_most_repeats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["maxcut", "--generations", "1", "--repeats", "2", "--accept", "paired", "--most-repeats", "10"]
    assert main([*argv, "--noise-repeats", "0", "--dry-run", "--out", str(tmp_path / "r")]) == 0
    worst = 24 + 48 * 48 + 2 * 10 * 24 + 2 * 48 + 48 + 2 * 6 * 24
    assert f"calls_worst: {worst}" in capsys.readouterr().out


def test_the_run_folder_holds_what_the_contract_says(small_run: Path) -> None:
    run = json.loads((small_run / "run.json").read_text())
    assert {"config", "packages", "model", "tasks", "looks", "axes"} <= set(run) and len(run["axes"]) == 5
    assert [b for look in run["looks"]["val"] if (b := look["block"]) < FRESH_BLOCKS] == [0, 1, 2]
    assert len(run["looks"]["test"]) == 1
    loaded = stop.load(small_run)
    columns = "id sha parent parent_id step generation status meta_utility stderr n llm_calls input_tokens"
    assert {*columns.split(), "output_tokens", "usd", "detail", "prev"} <= set(loaded.versions.columns)
    assert {"id", "step", "rule", "evidence", "n", "level", "block", "verdict", "who", "why"} <= set(loaded.decisions)
    assert {"solution", "utility", "seed_utility", "counts", "llm_calls"} <= set(loaded.outcomes.columns)
    for sha in loaded.versions.sha:
        assert (small_run / "sources" / f"{sha}.py").is_file()
    for sha in {s for s in loaded.outcomes.solution if s} | set(loaded.evaluations.sha):
        assert (small_run / "solutions" / f"{sha}.py").is_file()


def test_every_call_can_be_read_in_full_from_the_folder_alone(small_run: Path) -> None:
    for call in stop.load(small_run).rows("calls.jsonl")[:50]:
        (message,) = call["messages"]
        assert message.get("text") or (small_run / "texts" / message["sha"]).read_text()
        assert re.fullmatch("[0-9a-f]{32}", call["draw"]) and "```python" in call["reply"]


def test_parent_and_child_face_the_same_draws_and_block(small_run: Path) -> None:
    outcomes = stop.load(small_run).outcomes
    step = outcomes[(outcomes.unit == "step 1") & (outcomes.split == "val")]
    by_version = {v: set(zip(g.task, g.repeat, g.block, strict=True)) for v, g in step.groupby("version")}
    assert len(by_version) in (0, 2) and len({frozenset(keys) for keys in by_version.values()}) <= 1


def test_a_finished_run_prints_its_block_again_and_measures_nothing(
    small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p.name: p.stat().st_mtime_ns for p in small_run.iterdir()}
    assert main(["maxcut", "--generations", "2", *ONE, "--out", str(small_run)]) == 0
    assert {p.name: p.stat().st_mtime_ns for p in small_run.iterdir()} == before


def test_unconfined_runs_warn_every_time(tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = [*tiny[:3], "--generations", "0", *ONE, "--unsafe-no-sandbox", "--out", str(tmp_path / "r")]
    for _ in range(2):
        assert main(argv) == 0
        assert "WARNING: --unsafe-no-sandbox" in capsys.readouterr().err


def test_foreign_text_reaches_the_terminal_neutralised(
    cut: str, tmp_path: Path, scripted: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    nasty = IDENTITY.replace("return initial_solution", "raise ValueError('\\x1b[2J[red]\\u202e')")
    argv = [cut, "--model", scripted(fenced(nasty)), "--accept", "better", "--generations", "1", *ONE]
    assert main([*argv, "--out", str(tmp_path / "r")]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err and "\u202e" not in said.out + said.err


def test_an_improver_that_asks_for_the_utility_of_nothing_ends_no_run(cut: str, tmp_path: Path) -> None:
    (tmp_path / "none.py").write_text(IDENTITY.replace("return", "assert utility.map([]) == []\n    return"))
    argv = [cut, "--scaffold", str(tmp_path / "none.py"), "--generations", "1", *ONE]
    assert main([*argv, "--out", str(tmp_path / "r")]) == 0
    run = stop.load(tmp_path / "r")
    assert (
        list(run.versions.status) == ["seed", "not_better"] and run.decisions.why[1] == "the same program as its parent"
    )


def test_answers_of_a_look_that_was_cut_short_become_no_part_of_a_later_step(cut: str, tmp_path: Path) -> None:
    straight, cut = [cut, *ONE, "--workers", "1", "--generations"], tmp_path / "cut"
    assert main([*straight, "2", "--out", str(tmp_path / "straight")]) == 0
    before_test = stop.load(tmp_path / "straight").rows("calls.jsonl")
    first = [call for call in before_test if call["unit"] in ("seed", "step 1")]
    assert (
        main([*straight, "1", "--budget-calls", str(len(first) + 3), "--out", str(cut)]) == 0
    )  # stops inside the look
    assert main([*straight, "2", "--look-again", "--out", str(cut)]) == 0
    rows = [stop.load(out).rows("calls.jsonl") for out in (tmp_path / "straight", cut)]
    assert rows[0] == rows[1] and main(["--replay", "--out", str(cut)]) == 0


@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        ("run.json", '"looks"', '"locks"', "the key 'looks' is missing"),
        ("run.json", '"seed": 0', '"sede": 0', "sede"),
        ("run.json", "{", "[", "run.json: "),
        ("seal.json", "{", "[", "seal.json line 1"),
        ("sources", "return", "return  ", "was edited"),
    ],
)
def test_a_run_folder_that_was_edited_is_refused_in_one_line(
    small_run: Path, tmp_path: Path, name: str, old: str, new: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shutil.copytree(small_run, tmp_path / "copy")
    for path in (out / name).glob("*.py") if name == "sources" else [out / name]:
        path.write_text(path.read_text().replace(old, new, 1))
    assert main(["maxcut", "--generations", "3", *ONE, "--look-again", "--out", str(out)]) in (1, 2)
    last = capsys.readouterr().err.splitlines()[-1]
    assert line in last and last.startswith("python -m stop.run: ")


@pytest.mark.parametrize("broken", ["raise OSError", "def instances(split, block, n, seed):\n    return []"])
def test_a_task_that_makes_no_instances_is_named_and_leaves_nothing(
    tmp_path: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    task = shutil.copytree(Path(__file__).parents[1] / "tasks" / "maxcut", tmp_path / "mine")
    with (task / "task.py").open("a") as f:
        f.write("\n\n" + broken + "\n")
    assert main([str(task), "--out", str(tmp_path / "r")]) == 2
    said = capsys.readouterr().err
    assert f"task {task}" in said and not (tmp_path / "r").exists()


def test_a_scaffold_may_be_named_by_its_path_on_resume(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(Path(__file__).parents[1] / "scaffolds" / "seed.py")
    argv = ["maxcut", "--generations", "2", *ONE, "--scaffold", path]
    assert main([*argv, "--out", str(small_run)]) == 0


def test_a_replay_takes_nothing_but_its_folder(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--replay", "--seed", "5", "--out", str(small_run)]) == 2
    assert "not --seed" in capsys.readouterr().err


def test_a_run_that_was_stopped_before_its_first_version_replays(cut: str, tmp_path: Path) -> None:
    argv = [cut, *ONE, "--budget-calls", "2", "--out", str(tmp_path / "r")]
    assert main(argv) == 0
    assert main(["--replay", "--out", str(tmp_path / "r")]) == 0


def test_two_ways_to_confine_exclude_each_other_and_an_empty_folder_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--sandbox", "strict", "--unsafe-no-sandbox", "--out", str(tmp_path / "r")]) == 2
    assert "exclude each other" in capsys.readouterr().err


def test_a_cache_and_none_exclude_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cache", str(tmp_path / "c"), "--no-cache", "--out", str(tmp_path / "run")]) == 2
    assert "--cache and --no-cache exclude each other" in capsys.readouterr().err and not list(tmp_path.iterdir())
    assert main(["--out", ""]) == 2 and "not an empty text" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
