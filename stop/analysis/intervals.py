"""How sure a mean is: stratified means, paired differences, t intervals, several tests at once. Pure.

The unit of evidence is one improver run; strata are tasks, and all tasks weigh the same. An interval speaks of other
draws on these tasks and this block of instances, not of other tasks or instances.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


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
    if largest == 0.0:
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
    return stratified_mean({name: [a - b for a, b in zip(first[name], second[name], strict=True)] for name in first})


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
