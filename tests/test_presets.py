"""Sizes of tasks and presets: what they change, that it is recorded, and that what is given beside them wins."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import ONE

import stop
from stop.run import main
from stop.session import begin
from stop.settings import DEFAULT_SET, PRESETS, RunConfig
from stop.task import BadTask, Task, UnknownPreset, find_tasks, known_tasks, read_task
from stop.tasks import main as show_tasks

PAPER = ["parity", "--preset", "stop-paper", "--workers", "1"]
SHORT = [*PAPER, "--generations", "0", *ONE]


def changed(folder: Path, name: str, old: str, new: str) -> Path:
    """A copy of three_sat with one text replaced."""
    copy = shutil.copytree(known_tasks()["three_sat"], folder / "mine")
    text = (copy / name).read_text()
    assert old in text
    (copy / name).write_text(text.replace(old, new, 1))
    return copy


def config(out: Path) -> dict:
    return json.loads((out / "run.json").read_text())["config"]


@pytest.fixture(scope="module")
def preset_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the preset with options beside it; do not change it, copy it."""
    out = tmp_path_factory.mktemp("runs") / "preset"
    assert main([*SHORT, "--out", str(out)]) == 0
    return out


# -- settings of a run -------------------------------------------------------------------------------------------------
def test_the_preset_records_the_published_settings(tmp_path: Path) -> None:
    assert main([*PAPER, "--budget-calls", "1", "--out", str(tmp_path / "r")]) == 0
    found = config(tmp_path / "r")
    published = {"preset": "stop-paper", "accept": "always", "generations": 6, "repeats": 5, "test_repeats": 5}
    budget = {"prompts_per_improver_run": 4, "responses_per_prompt": 6, "utility_calls_per_improver_run": 25}
    assert (published | budget | {"max_tokens": 1024}).items() <= found.items()
    assert found["scaffold_cpu_seconds"] == RunConfig(tasks=()).scaffold_cpu_seconds


def test_options_given_beside_the_preset_win(preset_run: Path, tmp_path: Path) -> None:
    found = config(preset_run)
    assert (found["generations"], found["repeats"], found["test_repeats"], found["accept"]) == (0, 1, 4, "always")
    assert main([*SHORT, "--accept", "better", "--budget-calls", "1", "--out", str(tmp_path / "r")]) == 0
    assert config(tmp_path / "r")["accept"] == "better"


def test_without_a_preset_the_settings_are_the_defaults() -> None:
    assert RunConfig.by_preset("", tasks=("maxcut",)) == RunConfig(tasks=("maxcut",))
    assert RunConfig.of(RunConfig.by_preset("stop-paper", tasks=("a",)).record()).preset == "stop-paper"


def test_a_run_with_a_preset_ran_at_its_sizes_and_replays(preset_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = find_tasks(["parity"], "stop-paper")[0]
    assert json.loads((preset_run / "run.json").read_text())["tasks"]["parity"]["sha"] == task.sha
    evaluations = stop.load(preset_run).evaluations
    assert set(evaluations.groupby(["sha", "split", "block"]).size()) == {20}
    assert main(["--replay", "--out", str(preset_run)]) == 0
    assert "equal" in capsys.readouterr().out


@pytest.mark.parametrize("without", [True, False])
def test_a_resume_with_another_preset_is_refused_by_name(
    preset_run: Path, small_run: Path, without: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    name, out, preset = ("parity", preset_run, []) if without else ("maxcut", small_run, ["--preset", "stop-paper"])
    assert main([name, *preset, "--generations", "2", *ONE, "--out", str(out)]) == 2
    assert "was made with config preset" in capsys.readouterr().err


def test_a_folder_made_before_there_were_presets_goes_on_without_one(small_run: Path, tmp_path: Path) -> None:
    out = shutil.copytree(small_run, tmp_path / "older")
    run = json.loads((out / "run.json").read_text())
    del run["config"]["preset"]
    (out / "run.json").write_text(json.dumps(run))
    (out / "seal.json").unlink()
    assert main(["maxcut", "--generations", "2", *ONE, "--out", str(out)]) == 0


def test_a_replay_takes_no_preset(preset_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--replay", "--preset", "stop-paper", "--out", str(preset_run)]) == 2
    assert "not --preset" in capsys.readouterr().err


def test_the_dry_run_tells_what_the_preset_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--preset", "stop-paper", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "run: results/paper-mutation-stop-paper-s0\n" in said and "preset: stop-paper\n" in said
    assert "tasks: lpn maxcut modified_qap parity string_grid three_sat\n" in said and "steps: 6\n" in said
    # 24 to propose, 25 candidates and val at 6 tasks x 5 runs x 24 replies, seed val, test of two versions
    assert f"calls_worst: {6 * (24 + 27 * 30 * 24) + 30 * 24 + 2 * 30 * 24}\n" in said
    assert main(["--dry-run"]) == 0
    assert "preset: none\n" in capsys.readouterr().out


def test_the_dry_run_names_the_tasks_that_the_preset_does_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tsp", "parity", "--preset", "stop-paper", "--dry-run", "--out", str(tmp_path / "r")]) == 0
    assert "preset: stop-paper (as without it: tsp)\n" in capsys.readouterr().out


def test_a_notebook_begins_a_run_with_a_preset(tmp_path: Path) -> None:
    with begin("parity", out=tmp_path / "r", preset="stop-paper", repeats=1) as session:
        assert (session.plan.config.accept, session.plan.config.repeats) == ("always", 1)
        assert session.plan.tasks[0].preset == "stop-paper"


def test_an_unknown_preset_is_one_line_with_the_nearest_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["parity", "--preset", "stop-papr", "--out", str(tmp_path / "r")]) == 2
    said = capsys.readouterr().err
    assert "no preset 'stop-papr'. Nearest: stop-paper." in said and said.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_every_preset_of_a_run_names_a_set_and_settings_that_exist() -> None:
    for name, preset in PRESETS.items():
        assert find_tasks([preset.tasks], name)
        assert set(preset.settings) <= set(RunConfig(tasks=()).record())
    assert find_tasks([DEFAULT_SET])


# -- tasks -------------------------------------------------------------------------------------------------------------
def test_a_preset_changes_what_it_names_and_the_sha_and_nothing_else() -> None:
    default, published = (read_task(known_tasks()["three_sat"], preset) for preset in ("", "stop-paper"))
    assert default.sha != published.sha and default.scorer_sha == published.scorer_sha
    assert default.seed_source == published.seed_source and default.presets == published.presets == ("stop-paper",)
    assert default.sizes == {"fewest_variables": 8, "most_variables": 12, "clauses_per_variable": 4}
    assert published.sizes == {"fewest_variables": 5, "most_variables": 50, "clauses_per_variable": 4}
    assert "from 8 to 12 variables" in default.statement and "from 5 to 50 variables" in published.statement


def test_a_task_without_the_preset_is_as_it_is_without_it() -> None:
    assert find_tasks(["tsp"], "stop-paper") == find_tasks(["tsp"])
    with pytest.raises(UnknownPreset, match=r"no preset 'large'\. .*stop-paper"):
        find_tasks(["tsp"], "large")


def test_a_preset_of_one_task_can_be_asked_for(tmp_path: Path) -> None:
    folder = changed(tmp_path, "task.toml", "[presets.stop-paper]", "[presets.large]")
    assert find_tasks([str(folder), "tsp"], "large")[0].sizes["most_variables"] == 50
    assert find_tasks([str(folder)], "stop-paper")[0].sizes["most_variables"] == 12


@pytest.mark.parametrize(
    ("name", "old", "new", "why"),
    [
        ("task.toml", "most_variables = 12", "most_variables = '16'", r"sizes: most_variables = '16'; give a finite"),
        ("task.toml", "most_variables = 12", "most_variables = inf", r"sizes: most_variables = inf; give a finite"),
        ("task.toml", "most_variables = 12", "most_variables = true", r"most_variables = True; give a finite"),
        ("task.toml", "most_variables = 12", "most_variables = [1, [2]]", r"give a finite number or a list of them"),
        ("task.toml", "most_variables = 12", "Most = 16", r"'Most' is no name for a size"),
        ("task.toml", "most_variables = 12", "limits = 16", r"'limits' is no name for a size"),
        ("task.toml", "[sizes]", "[size]", r"unknown key 'size'\. Nearest: sizes"),
        ("task.toml", "most_variables = 50", "most_variable = 50", r"preset stop-paper: sizes: unknown key 'most_v"),
        ("task.toml", "instances = { train = 30,", "instances = {", r"preset stop-paper: instances = "),
        ("task.toml", "cpu_seconds_per_instance = 0.1", "cpu_second = 1", r"preset stop-paper: unknown key 'cpu_sec"),
        ("task.toml", "cpu_seconds_per_instance = 0.1", "seed = 2", r"preset stop-paper: unknown key 'seed'"),
        ("task.toml", "cpu_seconds_per_instance = 0.1", "open = 1", r"preset stop-paper: open = 1: give true or false"),
        ("task.toml", "cpu_seconds_per_instance = 0.1", "memory_mb = -1", r"preset stop-paper: .*above 0"),
        ("task.toml", "sizes = { fewest_variables = 5, most_variables = 50 }", "sizes = 5", r"sizes = 5 has the wrong"),
        ("task.toml", "[presets.stop-paper]", "[presets]", r"preset cpu_seconds_per_instance: 0\.1 is no table"),
        ("statement.md", "{most_variables}", "{most_variable}", r"\{most_variable\}, .*Nearest: most_variables"),
        ("task.toml", "most_variables = 12\n", "", r"unknown key 'most_variables'"),
    ],
)
def test_a_fault_in_sizes_presets_or_placeholders_is_one_clear_line(
    tmp_path: Path, name: str, old: str, new: str, why: str
) -> None:
    folder = changed(tmp_path, name, old, new)
    with pytest.raises(BadTask, match=why) as error:
        read_task(folder)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


def test_numbers_are_told_as_a_reader_writes_them(tmp_path: Path) -> None:
    folder = changed(tmp_path, "task.toml", "most_variables = 12", "most_variables = 1000000\nrates = [0.50, 2]")
    (folder / "statement.md").write_text("{most_variables}, {rates}. {limits}")
    assert read_task(folder).statement.startswith("1000000, 0.5, 2. Limits")


def shown_code(task: Task) -> str:
    return task.text.split("```python\n")[-1]


def test_the_code_that_is_shown_has_the_sizes_that_it_uses_and_only_then() -> None:
    default, published = (read_task(known_tasks()["modified_qap"], preset) for preset in ("", "stop-paper"))
    assert shown_code(default).startswith("SIZES = {'facilities': 8,")
    assert shown_code(published).startswith("SIZES = {'facilities': 15,")
    assert "SIZES" not in shown_code(read_task(known_tasks()["maxcut"]))


# -- python -m stop.tasks ----------------------------------------------------------------------------------------------
def test_a_task_is_shown_and_listed_at_the_size_of_a_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_tasks(["three_sat"]) == 0
    assert "presets:        stop-paper" in capsys.readouterr().out
    assert show_tasks(["three_sat", "--preset", "stop-paper"]) == 0
    shown = capsys.readouterr().out
    assert "preset:         stop-paper" in shown and "from 5 to 50 variables" in shown and "30/30/30" in shown
    assert show_tasks(["paper", "--preset", "stop-paper"]) == 0
    assert "100/100/100" in capsys.readouterr().out


@pytest.mark.parametrize("name", [["tsp"], []])
def test_stop_tasks_refuses_a_preset_that_nobody_has(name: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        show_tasks([*name, "--preset", "stop-papr"])
    assert left.value.code == 2 and "Nearest: stop-paper" in capsys.readouterr().err


def test_what_1_means_is_that_of_the_preset_where_it_differs(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_tasks(["paper", "--preset", "stop-paper"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "tabu searches" in lines["maxcut"] and "solved" in lines["three_sat"]
