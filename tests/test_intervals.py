"""Intervals and adjusted p-values, against values worked by hand and what must hold of any numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stop.analysis.intervals import Estimate, Median, holm, median, paired_difference, share_interval, stratified_mean

VALUES = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=2, max_size=6)
anything = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a machine that is busy
STRATA = st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1)


def test_one_stratum_is_the_t_interval_of_any_textbook() -> None:
    # mean 3, variance 2.5, standard error sqrt(2.5 / 5), t(0.975, 4) = 2.776445
    found = stratified_mean({"only": [1, 2, 3, 4, 5]})
    assert (found.mean, found.n) == (3, 5)
    assert found.stderr == pytest.approx(math.sqrt(0.5)) and found.df == pytest.approx(4)
    assert found.interval() == pytest.approx((3 - 2.776445 * math.sqrt(0.5), 3 + 2.776445 * math.sqrt(0.5)), abs=1e-6)


def test_two_strata_weigh_the_same_and_satterthwaite_counts_the_freedom() -> None:
    # a: mean 1, variance 2, of 2 values; b: mean 5, variance 4, of 3 values
    # variance of the mean of means: (2/2 + 4/3) / 4 = 7/12; df = (1 + 4/3)^2 / (1/1 + (4/3)^2 / 2) = (49/9) / (17/9)
    found = stratified_mean({"a": [0, 2], "b": [3, 5, 7]})
    assert (found.mean, found.n) == (3, 5)
    assert found.stderr == pytest.approx(math.sqrt(7 / 12))
    assert found.df == pytest.approx(49 / 17)


def test_a_p_value_is_that_of_the_t_test() -> None:
    # t = 2 with 1 degree of freedom: 1 - 2/pi * atan(2)
    assert Estimate(2.0, 2, 1.0, 1.0).p_value == pytest.approx(1 - 2 / math.pi * math.atan(2))
    assert Estimate(-2.0, 2, 1.0, 1.0).p_value == pytest.approx(1 - 2 / math.pi * math.atan(2))


def test_pairs_are_differences_value_by_value() -> None:
    found = paired_difference({"a": [1, 3], "b": [2, 2]}, {"a": [0, 1], "b": [1, 2]})
    assert found == stratified_mean({"a": [1, 2], "b": [1, 0]})
    assert found.mean == 1.0


def test_one_value_in_a_stratum_gives_no_interval_and_no_zero() -> None:
    found = stratified_mean({"a": [0.25], "b": [0.5, 1.0]})
    assert found.mean == 0.5 and found.n == 3
    assert found.stderr is None and found.interval() is None and found.p_value is None


def test_values_without_spread_give_no_interval() -> None:
    found = stratified_mean({"a": [0.5, 0.5], "b": [0.0, 0.0]})
    assert found.stderr == 0.0 and found.interval() is None and found.p_value is None


def test_a_stratum_without_spread_beside_one_with_it_leaves_the_freedom_of_the_other() -> None:
    assert stratified_mean({"a": [0.5, 0.5], "b": [0, 1, 2]}).df == pytest.approx(2)


@pytest.mark.parametrize(
    ("strata", "said"),
    [({}, "no strata"), ({"a": []}, "stratum 'a' has no values"), ({"a": [1.0, math.nan]}, "not finite")],
)
def test_what_has_no_mean_is_named(strata: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        stratified_mean(strata)


def test_pairs_that_do_not_match_are_named() -> None:
    with pytest.raises(ValueError, match=r"strata differ: \['a'\] and \['b'\]"):
        paired_difference({"a": [1.0]}, {"b": [1.0]})
    with pytest.raises(ValueError, match="'a' has 1 and 2 values"):
        paired_difference({"a": [1.0]}, {"a": [1.0, 2.0]})


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="lies between 0 and 1"):
        Estimate(0.0, 2, 1.0, 1.0).interval(confidence)


def test_holm_multiplies_the_smallest_most_and_never_falls() -> None:
    # sorted 0.01, 0.03, 0.04 -> 3 * 0.01, max(., 2 * 0.03), max(., 1 * 0.04)
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_values_that_differ_by_rounding_alone_have_no_spread() -> None:
    assert paired_difference({"a": [0.1 + 0.2, 0.3]}, {"a": [0.3, 0.3]}) == Estimate(0.0, 2, 0.0, None)
    assert stratified_mean({"a": [0.1 + 0.2, 0.3]}).interval() is None


def test_a_share_has_its_exact_interval() -> None:
    # none of n: the upper end solves (1 - p)^n = 0.025; all of n: the lower end p^n = 0.025
    assert share_interval(0, 10) == pytest.approx((0.0, 1 - 0.025**0.1))
    assert share_interval(10, 10) == pytest.approx((0.025**0.1, 1.0))
    # Clopper and Pearson 1934 for 3 of 10, as printed in tables: 0.0667, 0.6525
    assert share_interval(3, 10) == pytest.approx((0.0667, 0.6525), abs=1e-4)
    for hits, n in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="no share"):
            share_interval(hits, n)


def test_a_sum_has_the_error_of_its_mean_times_as_much() -> None:
    assert Estimate(0.5, 4, 0.1, 2.0).times(3) == Estimate(1.5, 4, pytest.approx(0.3), 2.0)
    assert Estimate(0.5, 1, None, None).times(3) == Estimate(1.5, 1, None, None)


def test_a_p_value_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="p-value of 1.5"):
        holm([0.5, 1.5])


@anything
@given(STRATA)
def test_order_changes_nothing_and_the_freedom_is_between_its_bounds(strata: dict[str, list[float]]) -> None:
    found = stratified_mean(strata)
    turned = stratified_mean({name: strata[name][::-1] for name in sorted(strata, reverse=True)})
    assert (found.mean, found.n) == (pytest.approx(turned.mean), turned.n)
    assert found.stderr == pytest.approx(turned.stderr)
    if found.df is not None:
        least, most = min(map(len, strata.values())) - 1, sum(len(v) - 1 for v in strata.values())
        assert least * (1 - 1e-9) <= found.df <= most * (1 + 1e-9)


@anything
@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(p <= a <= 1 for p, a in zip(values, adjusted, strict=True))
    order = sorted(range(len(values)), key=lambda i: values[i])
    assert [adjusted[i] for i in order] == sorted(adjusted)


def test_the_interval_of_a_median_lies_between_the_order_statistics_of_the_tables() -> None:
    # Bin(10, 1/2): P(0) + P(1) = 11/1024 on either side, so the 2nd and the 9th value; with P(2) it would be 56/1024
    found = median([7, 1, 10, 3, 9, 2, 8, 5, 4, 6])
    assert (found.value, found.interval) == (5.5, (2, 9)) and found.coverage == pytest.approx(1 - 22 / 1024)
    assert median(range(20)).interval == (5, 14)  # the 6th and the 15th: 0.9586
    assert median(range(25)).interval == (7, 17)  # the 8th and the 18th: 0.9567


def test_five_values_are_too_few_for_an_interval_of_a_median_and_six_are_enough() -> None:
    assert median([5, 1, 2, 3, 4]) == Median(3, 5, None, None)
    found = median([6, 5, 1, 2, 3, 4])
    assert found.interval == (1, 6) and found.coverage == pytest.approx(1 - 2 / 64)
    assert median([1.0]).interval is None


def test_the_interval_of_a_median_covers_as_often_as_it_says() -> None:
    """Every order of ten coins that fall above or below the true median, each equally likely."""
    hits = 0
    for coins in range(2**10):
        low, high = median([1 if coins >> i & 1 else -1 for i in range(10)]).interval or (1, -1)
        hits += low <= 0 <= high
    assert hits / 2**10 == median(range(10)).coverage


@pytest.mark.parametrize("values", [[], [1.0, math.nan]])
def test_there_is_no_median_of_nothing_or_of_what_is_no_number(values: list[float]) -> None:
    with pytest.raises(ValueError, match="no median"):
        median(values)
