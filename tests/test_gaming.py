"""Scaffolds that over-fit what they see, or game how they are chosen: what exposes each, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import stop
from stop.analysis.gaps import gap, meta_utility
from stop.frames import Run
from stop.run import main

IMPROVERS = Path(__file__).parent / "improvers"
Play = Callable[..., Run]


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """A step in which an honest improver turns itself into the given one; made once for equal arguments."""
    made: dict[str, Run] = {}

    def run(proposal: str, *argv: object, repeats: int = 3) -> Run:
        key = f"{proposal} {argv} {repeats}"
        if key not in made:
            folder = tmp_path_factory.mktemp("gaming")
            text = (IMPROVERS / "tempted.py").read_text().replace('PROPOSAL = ""', f"PROPOSAL = {proposal!r}")
            (folder / "scaffold.py").write_text(text)
            command = ["maxcut", "--scaffold", folder / "scaffold.py", "--generations", 1, "--repeats", repeats]
            command += ["--noise-repeats", 0, *argv, "--out", folder / "run"]
            assert main([str(word) for word in command]) == 0
            made[key] = stop.load(folder / "run")
        return made[key]

    return run


def works_on(*occasions: str) -> str:
    """An improver that works on these occasions alone."""
    source = (IMPROVERS / "by_occasion.py").read_text()
    return source.replace('WORKS_ON = ("train", "val")', f"WORKS_ON = {occasions!r}")


def memorises() -> str:
    return (IMPROVERS / "memorise.py").read_text()


def test_an_improver_that_memorises_train_is_taken_for_better_by_its_parent_and_is_not_kept(play: Play) -> None:
    run = play(memorises())
    assert run.source(run.sha(1)) == memorises()  # the parent chose it, by train
    assert run.standing[1] == "not_better" and run.best == 0


def test_the_gap_from_train_to_val_and_test_shows_that_it_memorised(play: Play) -> None:
    run = play(memorises(), "--accept", "always")  # the rule of the paper keeps it, so that test is looked at
    assert run.standing[1] == "kept"
    known, unknown = (meta_utility(run, 1, split).estimate for split in ("train", "val"))
    assert known > 0.95 and unknown < 0.6
    for unseen in ("val", "test"):
        honest, memorised = (gap(run, version, "train", unseen) for version in (0, 1))
        assert honest.low < 0.0 < honest.high or abs(honest.estimate) < 0.1
        assert memorised.low > 0.4
    assert run.test_utility(1) < run.test_utility(0)


def test_an_improver_that_works_only_where_it_is_chosen_fails_the_canary(play: Play) -> None:
    run = play(works_on("train", "val"), repeats=6)
    rule, canary = (d for d in run.rows("decisions.jsonl") if d["id"] == 1)
    assert rule["verdict"] == "kept" and rule["evidence"]["difference"] > 0.1
    assert canary["verdict"] == "canary_failed" and canary["evidence"]["canary_upper"] < -0.02
    assert run.best == 0 and set(run.outcomes[run.outcomes.split == "test"].version) == {0}


def test_with_three_repeats_of_one_task_the_canary_cannot_tell_and_test_does(play: Play) -> None:
    run = play(works_on("train", "val"))
    assert run.standing[1] == "kept" and -0.02 < run.decisions.evidence.iloc[-1]["canary_upper"] < 0.0
    assert run.test_utility(1) < run.test_utility(0)


def test_one_that_works_on_the_canary_too_is_kept_and_the_gap_from_val_to_test_shows_it(play: Play) -> None:
    run = play(works_on("train", "val", "canary"), repeats=6)
    assert run.standing[1] == "kept"
    assert gap(run, 1, "val", "test").low > 0.0 > gap(run, 0, "val", "test").low
    at_work = run.outcomes[(run.outcomes.split == "test") & (run.outcomes.version == 1)]
    assert (at_work.utility == at_work.seed_utility).all() and run.test_utility(1) < run.test_utility(0)
