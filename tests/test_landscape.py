"""The planted landscape: what it is by construction, and a small version of what it shows."""

from __future__ import annotations

import importlib.util
import random
import statistics
import sys
from pathlib import Path
from types import ModuleType

import pytest

from stop.choose import POLICIES, policy

FILE = Path(__file__).resolve().parent.parent / "benchmarks" / "landscape.py"


@pytest.fixture(scope="module")
def land() -> ModuleType:
    spec = importlib.util.spec_from_file_location("landscape", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["landscape"] = module  # for its dataclasses
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["progeny", "investment"])
def test_what_is_good_for_descendants_is_bad_for_the_version_itself(name: str, land: ModuleType) -> None:
    parent, rng = land.Nature(0.5, land.LANDS[name].promise), random.Random(0)
    children = [parent.child(land.LANDS[name], 2.0, rng) for _ in range(500)]
    assert statistics.correlation([c.score for c in children], [c.promise for c in children]) < -0.8
    rng = random.Random(0)
    agreeing = [parent.child(land.LANDS[name], -1.0, rng) for _ in range(500)]
    assert statistics.correlation([c.score for c in agreeing], [c.promise for c in agreeing]) > 0.8


def test_the_margin_is_stated_where_score_and_promise_disagree_over_whole_lineages(land: ModuleType) -> None:
    name, against = land.STATED
    low, high = land.correlation(land.LANDS[name], against).interval()
    assert high < 0.0 < land.correlation(land.LANDS[name], against - 1.0).mean  # at the least whole number


def test_grandchildren_score_what_their_parent_promised(land: ModuleType) -> None:
    rng = random.Random(1)
    parent = land.Nature(0.9, 0.4)
    scores = [parent.child(land.LANDS["progeny"], 0.5, rng).score for _ in range(2000)]
    assert statistics.fmean(scores) == pytest.approx(0.4, abs=0.01)  # not 0.9: a score is not inherited


def test_an_improver_run_is_as_good_as_its_version_on_average(land: ModuleType) -> None:
    runs = land.Nature(0.3, 0.0).runs(range(700), random.Random(0))
    assert statistics.fmean(r.utility for r in runs) == pytest.approx(0.3, abs=0.01)
    assert {r.task for r in runs} == set(land.TASKS)


@pytest.mark.parametrize("name", POLICIES)
def test_a_simulated_run_keeps_its_budget_and_is_the_same_again(name: str, land: ModuleType) -> None:
    runs = [land.Simulated(policy(name), land.LANDS["progeny"], 2.0, 5) for _ in range(2)]
    found = [one.run(150) for one in runs]
    assert found[0] == found[1] and runs[0].improver_runs <= 150
    assert len(runs[0].nature) == len(runs[0].lineage.versions) == 1 + (150 - 9) // 18


def test_measuring_further_counts_towards_the_budget(land: ModuleType) -> None:
    chosen = policy("hgm:alpha=0.4")
    run = land.Simulated(chosen, land.LANDS["progeny"], 2.0, 0)
    run.run(300)
    repeats = sum(run.lineage.repeats_measured(v.id) for v in run.lineage.versions)
    steps = len(run.lineage.versions) - 1
    assert repeats > 0 and run.improver_runs == 9 + 18 * steps + len(land.TASKS) * repeats <= 300


def test_greed_is_trapped_where_score_and_promise_disagree(land: ModuleType) -> None:
    name, against = land.STATED
    found = {spec: land.found(spec, land.LANDS[name], against, range(24), 360) for spec in ("hgm", "best")}
    assert statistics.fmean(found["hgm"]) > statistics.fmean(found["best"]) + land.MARGIN


def test_the_table_says_whether_the_margin_was_reached(land: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert land.main(["--runs", "3", "--budget", "60", "--policies", "hgm", "best", "dgm"]) == 0
    said = capsys.readouterr().out
    assert said.count("reached (") == 2 and "| dgm |" in said and "against 2: " in said
    assert land.main(["--runs", "3", "--budget", "60", "--against", "0", "--policies", "hgm", "best", "dgm"]) == 0
    assert "reached" not in capsys.readouterr().out
