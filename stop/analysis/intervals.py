"""How sure a mean or a median is: stratified means, paired differences, t intervals, order statistics, several tests
at once. Pure.

The unit of evidence is one improver run; strata are tasks, and all tasks weigh the same. An interval speaks of other
draws on these tasks and this block of instances, not of other tasks or instances.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ROUNDING = 1e-12  # relative: what differs by less is equal


@dataclass(frozen=True)
class Estimate:
    """A mean with what is known of its error. Without spread, or with a stratum of one value, there is no interval."""

    mean: float
    n: int  # values in all strata together
    stderr: float | None  # of the mean; None where a stratum has fewer than two values
    df: float | None  # degrees of freedom, >= 1; None where stderr is None or 0

    def interval(self, confidence: float = 0.95) -> tuple[float, float] | None:
        """(low, high), two-sided by Student's t; None if the spread is unknown or 0: that is no certainty.

        confidence: in (0, 1). Raises ValueError outside.
        """
        from scipy.special import stdtrit

        if not 0.0 < confidence < 1.0:
            raise ValueError(f"a confidence of {confidence:g}; it lies between 0 and 1, as in 0.95")
        if self.stderr is None or self.df is None:
            return None
        half = float(stdtrit(self.df, 0.5 + confidence / 2.0)) * self.stderr
        return self.mean - half, self.mean + half

    def times(self, factor: float) -> Estimate:
        """That of a sum, of which this is the mean. factor: above 0."""
        stderr = None if self.stderr is None else self.stderr * factor
        return Estimate(self.mean * factor, self.n, stderr, self.df)

    @property
    def p_value(self) -> float | None:
        """Two-sided, in [0, 1], of the hypothesis that the true mean is 0; None where there is no interval."""
        from scipy.special import stdtr

        if self.stderr is None or self.df is None:
            return None
        return float(2.0 * stdtr(self.df, -abs(self.mean) / self.stderr))


def stratified_mean(strata: Mapping[str, Sequence[float]]) -> Estimate:
    """The mean of the strata's means, which weigh the same, and its error from the spread inside each stratum.

    strata: name -> values, (n_h,) each, n_h >= 1. Degrees of freedom by Satterthwaite: F. E. Satterthwaite, An
    approximate distribution of estimates of variance components, Biometrics Bulletin 2 (1946), equation 17; Cochran,
    Sampling Techniques, 3rd edition, section 5.4. Raises ValueError for no strata, an empty one, or a value that is
    not finite.
    """
    if not strata:
        raise ValueError("no strata: there is nothing to take the mean of")
    for name, values in strata.items():
        if not values:
            raise ValueError(f"stratum {name!r} has no values: leave it out, or measure it")
        if not all(map(math.isfinite, values)):
            raise ValueError(f"stratum {name!r} has a value that is not finite: {list(values)}")
    mean = statistics.fmean(statistics.fmean(values) for values in strata.values())
    n = sum(map(len, strata.values()))
    if min(map(len, strata.values())) < 2:
        return Estimate(mean, n, None, None)
    parts = [(statistics.variance(v) / len(v) / len(strata) ** 2, len(v) - 1) for v in strata.values()]
    largest = max(part for part, _ in parts)
    if largest <= (ROUNDING * max(abs(value) for values in strata.values() for value in values)) ** 2:
        return Estimate(mean, n, 0.0, None)
    shares = [(part / largest, df) for part, df in parts]  # of one size, so that no square of a small part is 0
    total = sum(share for share, _ in shares)
    df = total**2 / sum(share**2 / df for share, df in shares)
    return Estimate(mean, n, math.sqrt(total * largest), df)


def paired_difference(first: Mapping[str, Sequence[float]], second: Mapping[str, Sequence[float]]) -> Estimate:
    """The stratified mean of first - second, value by value: value i of a stratum is paired with value i.

    Raises ValueError if the strata or their sizes differ, and as `stratified_mean` does.
    """
    if first.keys() != second.keys():
        raise ValueError(f"strata differ: {sorted(first)} and {sorted(second)}; pairs need the same on both sides")
    for name in first:
        if len(first[name]) != len(second[name]):
            raise ValueError(
                f"stratum {name!r} has {len(first[name])} and {len(second[name])} values; pairs need as many on both"
            )
    return stratified_mean({name: list(map(_minus, first[name], second[name])) for name in first})


def _minus(a: float, b: float) -> float:
    """a - b, and 0.0 where they differ by rounding alone."""
    return 0.0 if math.isclose(a, b, rel_tol=ROUNDING) else a - b


@dataclass(frozen=True)
class Median:
    """A median and, where there are values enough, an interval that assumes nothing of their distribution."""

    value: float
    n: int
    interval: tuple[float, float] | None  # two of the values
    coverage: float | None  # with which the interval holds the true median, at least; None where there is none


def median(values: Sequence[float], confidence: float = 0.95) -> Median:
    """The median, and the shortest interval between order statistics that are as far from either end.

    values: (n,), independent, n >= 1. From the k-th smallest to the k-th largest it covers with probability
    1 - 2 P(Bin(n, 1/2) < k) or more, whatever the distribution; k is the largest with a coverage of at least
    `confidence`, in (0, 1). At 0.95 that takes n >= 6. David & Nagaraja, Order Statistics, 3rd edition, section 7.1.
    Raises ValueError for no values, or one that is not finite.
    """
    if not values or not all(map(math.isfinite, values)):
        raise ValueError(f"no median of {list(values)}: give finite values, at least one")
    n, ordered, k, outside = len(values), sorted(values), 0, 0.0
    while 2 * k < n - 1 and (more := outside + 2 * math.comb(n, k) / 2**n) <= 1.0 - confidence:
        k, outside = k + 1, more
    middle = statistics.median(ordered)
    return Median(middle, n, (ordered[k - 1], ordered[n - k]), 1.0 - outside) if k else Median(middle, n, None, None)


def share_interval(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share, hits of n: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934), 404-413.

    Raises ValueError unless 0 <= hits <= n and n >= 1.
    """
    from scipy.special import betaincinv

    if not 0 <= hits <= n or n < 1:
        raise ValueError(f"{hits} of {n} is no share")
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, tail))
    high = 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, 1.0 - tail))
    return low, high


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given: rejecting those at most alpha keeps the family's error at alpha.

    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979),
    65-70. Raises ValueError for a value outside [0, 1].
    """
    for p in p_values:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"a p-value of {p}; it lies in [0, 1]")
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
