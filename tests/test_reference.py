"""A reference at every budget, and what a version is worth beside it."""

from __future__ import annotations

import pytest
from lineages import Made

from stop.analysis import reference


def at(calls: int, gained: list[float], seed: int = 0) -> Made:
    run = Made()
    run.settings = {"config": {"seed": seed, "tasks": ["t"]}, "tasks": {"t": {"sha": "a"}}}
    run.version(None, "seed", [g + 0.1 for g in gained], calls=calls, seed=0.1)
    return run


CURVE = [at(24, [0.6, 0.7]), at(6, [0.1, 0.3]), at(12, [0.4, 0.6])]


def test_the_curve_is_in_the_order_of_calls() -> None:
    found = reference.budget_curve(CURVE)
    assert [one.llm_calls for one in found] == [6, 12, 24]
    assert [one.gain.estimate for one in found] == [pytest.approx(g) for g in (0.2, 0.5, 0.65)]


def test_a_version_stands_beside_the_largest_budget_that_is_not_above_its_own() -> None:
    found = reference.beside(at(18, [0.5, 0.9]), 0, CURVE, "val")
    # pairs 0.5 - 0.4 and 0.9 - 0.6, with 12 calls
    assert found.estimate == pytest.approx(0.2) and found.n == 2 and found.why == ""
    assert found.high == pytest.approx(0.2 + 12.7062 * 0.1, abs=1e-3)
    # with just as many calls as a reference: that one, 0.5 - 0.6 and 0.9 - 0.7
    assert reference.beside(at(24, [0.5, 0.9]), 0, CURVE, "val").estimate == pytest.approx(0.05)


def test_other_draws_are_not_paired() -> None:
    found = reference.beside(at(18, [0.5, 0.9], seed=1), 0, CURVE, "val")
    assert found.estimate == pytest.approx(0.2) and found.why == "not paired: other draws"


def test_without_a_reference_at_so_few_calls_or_on_these_tasks_there_is_no_difference() -> None:
    assert reference.beside(at(3, [0.5, 0.9]), 0, CURVE, "val").why == (
        "no reference at or below 3 calls per improver run on val"
    )
    other = at(18, [0.5, 0.9])
    other.settings["tasks"] = {"t": {"sha": "b"}}
    assert reference.beside(other, 0, CURVE, "val").why.startswith("the reference was run on other tasks")
    assert reference.beside(at(18, [0.5]), 0, CURVE, "test").why == "version 0 was not scored on test"
