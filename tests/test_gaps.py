"""Train, val, test and the gaps between them, against values worked by hand."""

from __future__ import annotations

import pytest
from lineages import Made

from stop.analysis import gaps

SEED = "seed = 0"


def memoriser() -> Made:
    """The task's seed scores 0.1 on train and 0.2 on val; two improver runs return programs that shine on train."""
    run = Made()
    run.version(None, "seed")
    run.score(0, "val", 0, [0.3, 0.5], seed=0.2, solutions=["a = 1", "b = 1"])
    run.score(0, "test", 0, [0.2, 0.4], seed=0.1, solutions=["a = 1", "b = 1"])
    for text, train, val in ((SEED, 0.1, 0.2), ("a = 1", 0.8, 0.3), ("b = 1", 0.6, 0.5)):
        run.measure(text, "train", 0, train)
        run.measure(text, "val", 0, val)
    run.measure(SEED, "test", 0, 0.1)
    return run


def test_meta_utility_on_each_split() -> None:
    run = memoriser()
    found = [gaps.meta_utility(run, 0, split).estimate for split in gaps.SPLITS]
    assert found == [pytest.approx(0.7), pytest.approx(0.4), pytest.approx(0.3)]
    run.score(0, "test", 1, [0.9, 0.9])
    assert gaps.meta_utility(run, 0, "test").estimate == pytest.approx(0.3)  # of the first block of test


def test_meta_utility_weighs_tasks_alike() -> None:
    run = Made()
    run.version(None, "seed", {"a": [0.0, 0.2], "b": [0.4, 0.6, 0.8]})
    found = gaps.meta_utility(run, 0)
    # means 0.1 and 0.6; variances 0.02 / 2 and 0.04 / 3, each divided by 2^2
    assert found.estimate == pytest.approx(0.35) and found.n == 5
    assert found.high is not None and found.high > 0.35 + 2 * (0.01 / 4 + 0.04 / 12) ** 0.5


def test_the_gap_from_train_is_paired_and_frees_both_sides_of_the_seeds_score() -> None:
    found = gaps.gap(memoriser(), 0)
    # gains on train 0.7 and 0.5, on val 0.1 and 0.3: differences 0.6 and 0.2, stderr 0.2, t with 1 degree 12.706
    assert found.estimate == pytest.approx(0.4) and found.n == 2 and found.why == ""
    assert found.low == pytest.approx(0.4 - 12.7062 * 0.2, abs=1e-3)


def test_the_gap_from_val_to_test_is_of_independent_improver_runs() -> None:
    # gains 0.2 on val and 0.2 on test
    found = gaps.gap(memoriser(), 0, "val", "test")
    assert found.estimate == pytest.approx(0.0) and found.n == 4


def test_a_failed_improver_run_is_a_zero_on_both_sides() -> None:
    run = memoriser()
    run._rows["outcomes"][0] |= {"status": "error", "solution": "", "utility": 0.0}
    # the pairs: -0.1 against -0.2, and 0.5 against 0.3
    assert gaps.gap(run, 0).estimate == pytest.approx((0.1 + 0.2) / 2)


def test_without_the_seeds_score_on_train_the_gap_is_raw_and_says_so() -> None:
    run = memoriser()
    run._rows["evaluations"] = [e for e in run._rows["evaluations"] if (e["split"], e["score"]) != ("train", 0.1)]
    found = gaps.gap(run, 0)
    assert found.estimate == pytest.approx(0.7 - 0.4) and found.why.startswith("raw utilities")


def test_a_program_that_does_as_well_as_the_seed_is_not_taken_for_it() -> None:
    """On val both score 0.2; what one of them scores on train says nothing of the other."""
    run = Made()
    run.version(None, "seed")
    run.score(0, "val", 0, [0.2, 0.5], seed=0.2, solutions=["a = 1", "b = 1"])
    for text, train, val in (("a = 1", 0.8, 0.2), ("b = 1", 0.6, 0.5)):
        run.measure(text, "train", 0, train)
        run.measure(text, "val", 0, val)
    run.measure(SEED, "val", 0, 0.2)
    found = gaps.gap(run, 0)
    assert found.estimate == pytest.approx((0.6 + 0.1) / 2) and found.why.startswith("raw utilities")
    run.measure(SEED, "train", 0, 0.1)
    assert gaps.gap(run, 0).why.startswith("raw utilities")  # now there are two that it may be
    run.score(0, "test", 0, [0.3, 0.3], seed=0.3, solutions=["a = 1", "b = 1"])
    for text, test in ((SEED, 0.3), ("a = 1", 0.4), ("b = 1", 0.5)):
        run.measure(text, "test", 0, test)
    assert gaps.gap(run, 0).estimate == pytest.approx((0.7 + 0.2) / 2)  # test tells them apart


def test_a_program_that_was_returned_unseen_leaves_train_undefined() -> None:
    run = memoriser()
    run._rows["evaluations"] = [e for e in run._rows["evaluations"] if (e["split"], e["score"]) != ("train", 0.8)]
    assert "was returned without having been scored on train" in gaps.gap(run, 0).why
    assert gaps.meta_utility(run, 0, "train").estimate is None


def overfitting(grows: float) -> Made:
    """Four versions; the gap of version k is k * grows (and a little off a line), on ever harder blocks."""
    run = Made()
    for k in range(4):
        run.version(k - 1 if k else None, "kept" if k else "seed")
        train = 0.5 + k * grows + (0.01 if k % 2 else 0.0)
        run.score(k, "val", k, [0.5 - 0.1 * k], seed=0.3 - 0.1 * k, solutions=[f"s = {k}"])
        run.measure(f"s = {k}", "train", 0, train)
    return run


def test_the_trend_of_the_gap_is_its_slope_whatever_the_blocks_difficulty() -> None:
    found = gaps.gap_trend(overfitting(0.1))
    # gaps 0, 0.11, 0.2, 0.31 and a constant: slope (3 * 0.31 + (0.2 - 0.11)) / 10
    assert found.estimate == pytest.approx(0.102) and found.n == 4
    # residuals -0.002, 0.006, -0.006, 0.002: variance 8e-5 / 2, over 5 for the slope; t with 2 degrees 4.30265
    assert found.low == pytest.approx(0.102 - 4.30265 * (4e-5 / 5) ** 0.5, abs=1e-6)


def test_a_trend_is_over_the_order_of_kept_versions_and_names_those_without_a_gap() -> None:
    run = overfitting(0.1)
    run.version(3, "not_better", [0.9])
    run.version(3, "kept")
    run.score(5, "val", 5, [0.1], seed=-0.1, solutions=["s = 5"])
    run.measure("s = 5", "train", 0, 0.9)
    run._rows["evaluations"] = [e for e in run._rows["evaluations"] if e["score"] != 0.7]  # that of version 2
    found = gaps.gap_trend(run)
    # ranks 0, 1, 3, 4 with gaps 0, 0.11, 0.31, 0.4 and a constant: the mean rank is 2
    assert found.estimate == pytest.approx((-2 * 0 - 0.11 + 0.31 + 2 * 0.4) / 10) and found.n == 4
    assert found.why == "versions 2 have no gap from train to val"


def test_a_run_without_a_finished_version_has_nothing_to_measure() -> None:
    with pytest.raises(LookupError, match="no version is finished: there is nothing to measure"):
        gaps.gap_trend(Made())


def test_a_trend_takes_three_versions() -> None:
    assert gaps.gap_trend(memoriser()).why.startswith("not identified: 1 versions with a gap, it takes 3")
    run = overfitting(0.1)
    for version in (2, 3):
        run.decide(version, "rolled_back", step=version)
    assert gaps.gap_trend(run).why.startswith("not identified: 2 versions with a gap, it takes 3")


def test_a_gap_goes_from_seen_to_unseen() -> None:
    with pytest.raises(ValueError, match="found 'test' to 'val'"):
        gaps.gap(memoriser(), 0, "test", "val")
    with pytest.raises(ValueError, match="no split 'dev'; found: train, val, test"):
        gaps.meta_utility(memoriser(), 0, "dev")


def test_gains_task_by_task() -> None:
    run = Made()
    run.version(None, "seed", {"a": [0.3], "b": [0.5, 0.7]}, seed=0.2)
    found = gaps.by_task(run, 0)
    assert found["a"].estimate == pytest.approx(0.1) and found["b"].estimate == pytest.approx(0.4)


@pytest.mark.parametrize("split", ["val", "train"])
def test_meta_utilities_read_at_once_are_those_read_one_by_one(split: str) -> None:
    run = memoriser()
    run.score(0, "val", 3, [0.9, 0.9])  # as the parent of a child: not its own
    assert gaps.meta_utilities(run, [0, 7], split) == {0: gaps.meta_utility(run, 0, split)}
    with pytest.raises(ValueError, match="no split 'test' to read at once"):
        gaps.meta_utilities(run, [0], "test")
