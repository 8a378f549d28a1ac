"""Gains, imp@k, the multiplier, returns and elasticities, against values worked by hand."""

from __future__ import annotations

import math
import statistics

import pytest
from lineages import Made, Scores

from stop.analysis import gain
from stop.analysis.intervals import Estimate
from stop.analysis.measure import combined, slopes

SEED_GAINS, CHILD_GAINS = [0.3, 0.4, 0.3, 0.4], [0.9, 1.0, 0.9, 1.0]


def doubled() -> Made:
    """A child that asks twice as often and gains more, its parent, the seed, scored on the same block."""
    run = Made()
    run.version(None, "seed", SEED_GAINS)
    run.version(0, "kept", CHILD_GAINS, calls=12)
    run.score(0, "val", 1, SEED_GAINS)
    return run


def test_a_gain_is_over_the_tasks_seed_solution() -> None:
    run = Made()
    run.version(None, "seed", [0.5, 0.7], seed=0.4)
    found = gain.gain(run, 0)
    assert found.estimate == pytest.approx(0.2) and found.n == 2
    assert gain.gain(run, 0, "test").why == "version 0 was not scored on test"


def test_a_difference_is_paired_where_both_were_scored_on_one_block() -> None:
    found = gain.difference(doubled(), 1, 0)
    assert found.estimate == pytest.approx(0.6) and found.why.startswith("no interval: all values are equal")
    run = Made()
    run.version(None, "seed", [0.3, 0.5])
    run.version(0, "kept", [0.8, 1.0])
    found = gain.difference(run, 1, 0)
    # independent: each side has stderr 0.1, together sqrt 0.02 with 2 degrees of freedom
    assert found.estimate == pytest.approx(0.5) and found.why == "not paired: other instances and draws"
    assert found.n == 2  # of the version
    assert found.low == pytest.approx(0.5 - 4.30265 * math.sqrt(0.02), abs=1e-4)


def test_a_block_on_which_only_a_part_of_the_runs_is_there_does_not_pair() -> None:
    run = Made()
    run.version(None, "seed", [0.3, 0.5])
    run.version(0, "kept", [0.8, 1.0])
    run.score(0, "val", 1, [0.8])
    found = gain.difference(run, 1, 0)
    assert found.estimate == pytest.approx(0.5) and found.why == "not paired: other instances and draws"


def test_a_sum_of_independent_estimates_has_an_error_only_if_each_has_one() -> None:
    one, other, bare = Estimate(0.5, 3, 0.3, 2.0), Estimate(0.2, 5, 0.4, 4.0), Estimate(0.1, 1, None, None)
    found = combined([(1.0, one), (-2.0, other)])
    assert (found.mean, found.n) == (pytest.approx(0.1), 8) and found.stderr == pytest.approx(math.hypot(0.3, 0.8))
    assert found.df == pytest.approx((0.09 + 0.64) ** 2 / (0.09**2 / 2 + 0.64**2 / 4))
    assert combined([(1.0, one), (1.0, bare)]) == Estimate(pytest.approx(0.6), 4, None, None)


# -- imp@k -----------------------------------------------------------------------------------------------------------
def test_imp_at_k_is_the_gain_on_test_after_k_steps_of_one_improver() -> None:
    run = Made()
    run.version(None, "seed", [0.1, 0.2])
    run.version(0, "not_better", [0.1, 0.2])
    run.version(0, "kept", [0.5, 0.6])
    run.score(0, "test", 0, [0.2, 0.2, 0.4])
    run.score(2, "test", 0, [0.5, 0.4, 0.9])
    found = gain.imp_at_k(run, 2)
    # pairs 0.3, 0.2, 0.5: mean 1/3, variance 0.07 / 3, t with 2 degrees 4.30265
    assert found.estimate == pytest.approx(1 / 3) and found.n == 3
    assert found.low == pytest.approx(1 / 3 - 4.30265 * math.sqrt(0.07 / 3 / 3), abs=1e-4)
    assert gain.imp_at_k(run, 0).estimate == 0.0 and gain.imp_at_k(run, 1).estimate == 0.0
    assert gain.imp_at_k(run, 3).why == "the run made 2 modifications, fewer than 3"
    run.version(0, "not_better", [0.9, 0.9])  # what stands after a step is what counts, not what the step made
    run.score(3, "test", 0, [0.9, 0.9, 0.9])
    assert gain.imp_at_k(run, 3).estimate == pytest.approx(1 / 3)


def test_imp_at_k_is_of_a_frozen_improver() -> None:
    run = Made()
    run.version(None, "seed", [0.1])
    run.version(0, "kept", [0.5])
    run.version(1, "kept", [0.6])
    assert gain.imp_at_k(run, 2, "val").why == "the improver changed before step 2: imp@k is of a frozen one"
    run.settings = {"config": {"control": "fixed-improver"}}
    assert gain.imp_at_k(run, 2, "val").estimate == pytest.approx(0.5)


# -- the multiplier --------------------------------------------------------------------------------------------------
def test_the_multiplier_is_the_ratio_of_gains_per_call_with_fiellers_interval() -> None:
    found = gain.multiplier(doubled(), 1)
    assert found.estimate == pytest.approx((0.95 / 12) / (0.35 / 6)) and found.n == 4
    assert (found.low, found.high) == (pytest.approx(1.17893, abs=1e-4), pytest.approx(1.66221, abs=1e-4))
    for bound in (found.low, found.high):  # what Fieller's bounds are: there x - kappa y is t standard errors from 0
        d = [x / 12 - float(bound or 0) * y / 6 for x, y in zip(CHILD_GAINS, SEED_GAINS, strict=True)]
        assert abs(statistics.fmean(d)) / (statistics.stdev(d) / 2) == pytest.approx(3.18245, abs=1e-4)


def test_without_a_common_block_the_multiplier_has_no_covariance() -> None:
    run = Made()
    run.version(None, "seed", SEED_GAINS)
    run.version(0, "kept", CHILD_GAINS, calls=12)
    found = gain.multiplier(run, 1)
    assert found.why == "not paired: other instances and draws"
    x, y = ([g / calls for g in gained] for gained, calls in ((CHILD_GAINS, 12), (SEED_GAINS, 6)))
    for bound in (float(found.low or 0), float(found.high or 0)):
        error = math.sqrt((statistics.variance(x) + bound**2 * statistics.variance(y)) / 4)
        apart = abs(statistics.fmean(x) - bound * statistics.fmean(y))
        assert apart / error == pytest.approx(3.18245, abs=1e-4)


def two_tasks(seed: Scores) -> Made:
    """A child that gains 0.6 on b in every run, beside the seed on the child's block."""
    run = Made()
    run.version(None, "seed", seed)
    run.version(0, "kept", {"a": [0.7, 0.9, 0.8], "b": [0.6] * 3}, calls=12)
    run.score(0, "val", 1, seed)
    return run


def test_tasks_weigh_the_same_in_the_multiplier_and_the_fewer_degrees_of_freedom_hold() -> None:
    seed_a, seed_b = [0.5, 0.6, 0.7], [0.4, 0.5, 0.3]
    found = gain.multiplier(two_tasks({"a": seed_a, "b": seed_b}), 1)
    assert found.estimate == pytest.approx((0.7 / 12) / (0.5 / 6)) and found.n == 6
    for bound in (float(found.low or 0), float(found.high or 0)):
        a = [x / 12 - bound * y / 6 for x, y in zip([0.7, 0.9, 0.8], seed_a, strict=True)]
        b = [0.6 / 12 - bound * y / 6 for y in seed_b]
        error = math.sqrt((statistics.variance(a) / 3 + statistics.variance(b) / 3) / 4)
        # of the child only task a has spread: 2 degrees of freedom, t 4.30265; the seed has 4
        apart = (statistics.fmean(a) + statistics.fmean(b)) / 2
        assert abs(apart) / error == pytest.approx(4.30265, abs=1e-4)


def test_calls_are_averaged_task_by_task_as_gains_are() -> None:
    run = Made()
    run.version(None, "seed", {"a": [0.3, 0.4], "b": [0.3, 0.4, 0.3, 0.4]})
    run.version(0, "kept")
    run.score(1, "val", 1, {"a": [0.6, 0.8]}, calls=6)
    run.score(1, "val", 1, {"b": [0.6, 0.8, 0.6, 0.8]}, calls=12)
    assert gain.multiplier(run, 1).estimate == pytest.approx((0.7 / 9) / (0.35 / 6))


def test_a_multiplier_without_bounds_is_undefined() -> None:
    # the seed: mean 0.15, error 0.1 / sqrt(6) = 0.0408: above 0 with 4 degrees of freedom (t 2.776), not with 2 (4.303)
    found = gain.multiplier(two_tasks({"a": [0.05, 0.15, 0.25], "b": [0.05, 0.15, 0.25]}), 1)
    assert found.estimate is None and found.why.endswith("the interval of the multiplier is unbounded")


def test_calls_that_differ_between_improver_runs_are_part_of_the_error() -> None:
    run = Made()
    run.version(None, "seed", SEED_GAINS)
    run.version(0, "kept")
    run.score(0, "val", 1, SEED_GAINS)
    run.score(1, "val", 1, SEED_GAINS, calls=[6, 18, 6, 18])
    found = gain.multiplier(run, 1)
    assert found.estimate == pytest.approx((0.35 / 12) / (0.35 / 6))
    assert found.low is not None and found.high is not None and found.high - found.low > 0.1


def test_the_multiplier_of_a_version_with_the_seeds_text_is_1() -> None:
    run = Made()
    run.version(None, "seed", [0.1, -0.1], text="same = 1")
    run.version(0, "not_better", [0.1, -0.1], text="same = 1")
    found = gain.multiplier(run, 1)
    assert (found.estimate, found.low, found.high) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("seed", "why"),
    [
        ([0.1, -0.1, 0.2], "of the seed's gain +0.0667 [-0.3128, +0.5461] holds 0"),
        ([-0.3, -0.4, -0.3], "the seed loses (-0.3333)"),
        ([0.3], "of the seed's gain +0.3000 has none"),
    ],
)
def test_nothing_is_measured_in_units_of_a_gain_that_may_be_0(seed: list[float], why: str) -> None:
    run = Made()
    run.version(None, "seed", seed)
    run.version(0, "kept", [0.5] * len(seed))
    found = gain.multiplier(run, 1)
    assert found.estimate is None and found.low is None
    assert why.split("[")[0] in found.why


def test_a_version_that_asks_nothing_has_no_gain_per_call() -> None:
    run = doubled()
    run.version(1, "kept", [0.4, 0.4], calls=0)
    assert gain.multiplier(run, 2).why == "version 2 asked for no call: gain per call has no meaning"


# -- returns and elasticities ----------------------------------------------------------------------------------------
def growing(kept: int, exponent: float) -> Made:
    """Every unit doubles what was spent in all, and a call is worth `spent ** exponent`."""
    run = Made()
    run.version(None, "seed", [0.10, 0.12, 0.11], calls=1)
    for k in range(1, kept + 1):
        worth = (2.0**k) ** exponent * (1.02 if k % 2 else 1.0)
        run.version(k - 1, "kept", [0.11 * worth, 0.10 * worth, 0.12 * worth], calls=1)
        run._rows["versions"][-1]["llm_calls"] = 3 * 2 ** (k - 1)
    return run


def test_the_returns_exponent_is_the_slope_of_the_logarithms() -> None:
    found = gain.returns_exponent(growing(9, 0.5))
    # x = k log 2 (k = 1 to 9), y = 0.5 x + log 1.02 for odd k, whose slope against k is 0 by symmetry
    assert found.estimate == pytest.approx(0.5) and found.n == 9
    assert found.low is not None and 0.49 < found.low < 0.5


def test_effort_is_all_that_was_spent_when_a_versions_unit_was_over() -> None:
    """3, 12, 27, 48, ... calls in all, and version k is worth k + 1 times the seed: its square root."""
    run = Made()
    run.version(None, "seed", [0.05, 0.06, 0.055], calls=1)
    for k in range(1, 9):
        run.version(k - 1, "kept", [0.05 * (k + 1), 0.06 * (k + 1), 0.055 * (k + 1)], calls=1)
        run._rows["versions"][-1]["llm_calls"] = 3 * ((k + 1) ** 2 - k**2)
    assert gain.returns_exponent(run).estimate == pytest.approx(0.5)


def test_the_returns_exponent_is_not_identified_below_eight_kept_versions() -> None:
    found = gain.returns_exponent(growing(7, 0.5))
    assert found.estimate is None and found.why == "not identified: 7 kept versions, it takes 8"


def test_one_version_that_loses_leaves_the_exponent_unidentified() -> None:
    run = growing(8, 0.5)
    run.version(8, "kept", [-0.2, -0.1, -0.3], calls=1)
    assert gain.returns_exponent(run).why == "not identified: version 9: its multiplier is -1.8182"


def spent(gained: float, calls: int, cpu: float | None) -> Made:
    run = Made()
    run.version(None, "seed", [gained], calls=calls)
    run.measure("a = 1", "train", 0, 0.5, cpu=cpu)
    run.measure("a = 1", "test", 0, 0.5, cpu=99.0)
    return run


def test_two_slopes_have_the_error_of_what_both_leave_unexplained() -> None:
    # y = x1 + 2 x2 + e, and e is orthogonal to both: its squares add up to 0.04, with 5 - 3 degrees of freedom
    columns = [-1, -1, 1, 1, 0], [-1, 1, -1, 1, 0]
    y = [-3 + 0.1, 1 - 0.1, -1 - 0.1, 3 + 0.1, 0]
    for found, slope in zip(slopes(y, columns), (1, 2), strict=True):
        assert (found.mean, found.n, found.df) == (pytest.approx(slope), 5, 2)
        assert found.stderr == pytest.approx(math.sqrt(0.04 / 2 / 4))


def test_what_a_run_spent_is_all_of_its_search_and_its_gain_is_the_incumbents() -> None:
    run = Made()
    run.version(None, "seed", [0.2, 0.4], seed=0.1)
    run.version(0, "kept", [0.5, 0.7], seed=0.1)
    run.version(1, "not_better", [0.9, 0.9], seed=0.1)
    run.measure("a = 1", "train", 0, 0.5, 0.7, cpu=2.0)  # one measurement of two instances
    run.measure("a = 1", "val", 1, 0.5, 0.7, cpu=1.0)
    run.measure("a = 1", "test", 0, 0.5, 0.7, cpu=99.0)
    assert gain.spending(run) == gain.Spending(pytest.approx(0.5), 36.0, 3.0)


def test_elasticities_are_the_exponents_of_calls_and_cpu() -> None:
    pairs = [(calls, cpu) for calls in (2, 4, 8) for cpu in (1.0, 3.0, 9.0)]
    runs = [spent(0.1 * calls**0.3 * cpu**0.2, calls, cpu) for calls, cpu in pairs]
    found = gain.elasticities(runs)
    assert found["llm_calls"].estimate == pytest.approx(0.3) and found["cpu_seconds"].estimate == pytest.approx(0.2)
    assert found["llm_calls"].n == 9


@pytest.mark.parametrize(
    ("runs", "why"),
    [
        ([(0.1, 2, 1.0)] * 7, "7 runs, it takes 8"),
        ([(0.1, 2, 1.0)] * 7 + [(0.0, 2, 1.0)], "run 7 has no gain above 0, which has no logarithm"),
        ([(0.1, 2, None)] * 8, "run 0 has no record of its CPU seconds"),
        ([(0.1, 2**k, 3.0**k) for k in range(8)], "calls and CPU rose together, 100% of one is explained by the other"),
    ],
)
def test_an_elasticity_that_the_runs_cannot_show_is_not_identified(
    runs: list[tuple[float, int, float | None]], why: str
) -> None:
    found = gain.elasticities([spent(*one) for one in runs])
    assert {m.why for m in found.values()} == {f"not identified: {why}"} and found["llm_calls"].estimate is None
