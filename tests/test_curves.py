"""Curves of a run against what it spent, against values worked by hand."""

from __future__ import annotations

import pytest
from lineages import Made

from stop.analysis import curves, recorded
from stop.analysis.curves import Curve


def improving() -> Made:
    """0.3 after 12 calls, 0.6 after 24, and still 0.6 after 36."""
    run = Made()
    run.version(None, "seed", [0.2, 0.4])
    run.version(0, "kept", [0.5, 0.7])
    run.version(1, "not_better", [0.8, 0.9])
    return run


def steps(curve: Curve) -> list[tuple[float, int, float]]:
    return [(p.cost, p.version, round(p.value.mean, 6)) for p in curve.points]


def test_the_curve_holds_the_incumbent_after_every_unit() -> None:
    assert steps(curves.anytime(improving())) == [(12, 0, 0.3), (24, 1, 0.6), (36, 1, 0.6)]
    assert steps(curves.anytime(improving(), "tokens")) == [(22, 0, 0.3), (44, 1, 0.6), (66, 1, 0.6)]
    assert steps(curves.anytime(improving(), "usd")) == [(0.5, 0, 0.3), (1.0, 1, 0.6), (1.5, 1, 0.6)]


def test_seconds_are_those_of_the_units_and_the_curve_ends_where_they_are_lost() -> None:
    run = improving()
    run.timing = [{"kind": "unit", "unit": "step 1", "seconds": 3.0}, {"kind": "unit", "unit": "seed", "seconds": 2.0}]
    found = curves.anytime(run, "seconds")
    assert steps(found) == [(2.0, 0, 0.3), (5.0, 1, 0.6)]
    assert found.why == "no time is recorded of the unit 'step 2': the curve ends before it"


def test_a_curve_may_fall_and_its_best_so_far_does_not() -> None:
    run = Made()
    run.version(None, "seed", [0.5, 0.5])
    run.version(0, "kept", [0.3, 0.5])
    assert steps(curves.anytime(run)) == [(12, 0, 0.5), (24, 1, 0.4)]
    assert steps(curves.best_so_far(run)) == [(12, 0, 0.5), (24, 0, 0.5)]


def test_a_version_that_was_rolled_back_later_stood_until_then() -> None:
    run = improving()
    run.decide(1, "rolled_back", step=1)
    assert steps(curves.anytime(run)) == [(12, 0, 0.3), (24, 1, 0.6), (36, 0, 0.3)]


def test_what_the_canary_stopped_never_stood() -> None:
    run = improving()
    run.version(1, "kept", [0.9, 0.9])
    run.decide(3, "canary_failed", step=3, block=1003)
    assert steps(curves.anytime(run))[-1] == (48, 1, 0.6)
    assert recorded.kept(run) == [1] and recorded.incumbent(run) == 1


def test_the_area_is_the_mean_value_over_the_spending() -> None:
    curve = curves.anytime(improving())
    assert curves.area(curve, 18).estimate == pytest.approx(0.3)
    assert curves.area(curve, 48).estimate == pytest.approx((12 * 0.3 + 24 * 0.6) / 36)  # the last value holds on
    found = curves.area(curve, 36)
    # half of each; both have variance 0.01, so stderr 0.1 / sqrt 2 with 2 degrees of freedom: t = 4.3027
    assert found.estimate == pytest.approx(0.45) and found.low == pytest.approx(0.45 - 4.30265 * 0.0707107, abs=1e-5)


def test_before_the_seed_is_scored_there_is_no_value_and_no_area() -> None:
    curve = curves.anytime(improving())
    assert curves.value_at(curve, 30).estimate == curves.value_at(curve, 24).estimate == pytest.approx(0.6)
    assert "the first is at 12" in curves.value_at(curve, 11).why
    assert curves.area(curve, 12).estimate is None and curves.reached(curve, 0.6) == 24
    assert curves.reached(curve, 0.7) is None


def test_without_a_finished_version_there_is_no_point_and_the_curve_says_so() -> None:
    curve = curves.anytime(Made())
    assert curve == Curve("llm_calls", (), "no version is finished")
    assert curves.area(curve, 9).why == "no area up to 9 llm_calls under a curve without points: no version is finished"
    assert curves.value_at(curve, 9).why == "no point at or before 9 llm_calls: no version is finished"


def test_dollars_of_a_model_without_a_price_are_not_0() -> None:
    run = improving()
    run.settings = {"price": None}
    assert curves.anytime(run, "usd") == Curve("usd", (), "the price of the model is not known: no dollars")


def test_an_unknown_cost_is_named() -> None:
    with pytest.raises(ValueError, match="no cost 'calls'; found: steps, llm_calls, tokens, usd, seconds"):
        curves.anytime(improving(), "calls")
