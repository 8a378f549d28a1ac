"""The recorded runs that come with the project: small, whole, and equal when they are run again without their model."""

from __future__ import annotations

from pathlib import Path

import pytest

import stop
from stop.run import main

FOLDER = Path(__file__).resolve().parent.parent / "results" / "reference"
RUNS = sorted(path.parent for path in FOLDER.glob("*/run.json"))
MOST_BYTES = 5_000_000


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name)
def test_a_recorded_run_replays_without_its_model(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stop.load(path).seal == "whole"
    assert main(["--replay", "--out", str(path)]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.endswith(": equal\n")


def test_the_recorded_runs_are_small_and_there_is_one_by_a_real_model() -> None:
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) <= MOST_BYTES
    assert any(stop.load(path).settings["model"].startswith(("openai/", "gguf:")) for path in RUNS)


def test_prompts_and_replies_are_given_in_whole_texts() -> None:
    run = stop.load(FOLDER / "served-seed")
    found = run.exchanges()
    assert len(found) == len(run.rows("calls.jsonl")) and all("Improve the program." in m for m in found.message)
    some = run.exchanges(containing="def algorithm(flow, distance, preference):")
    assert len(some) == 6 and list(run.exchanges(containing="in no prompt").columns) == list(found.columns)
