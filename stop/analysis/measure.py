"""What a metric returns: a number with its interval and its n, or the reason why there is none. Pure.

Owns: the one shape of a result, sums of independent estimates, straight lines through points. Does not own: what is
measured (curves, gaps, gain, credit).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stop.analysis.intervals import Estimate

NO_SPREAD = "no interval: all values are equal, which is no certainty"
TOO_FEW = "no interval: a task has fewer than two improver runs"
ROUNDING = 1e-12  # a spread of equal values that sums of floats make
MOST_SHARED = 0.9  # of the variance of one input that the others explain, beyond which its slope is not told apart


@dataclass(frozen=True)
class Measure:
    """A number read off records. estimate: None where it is not defined, never NaN. low, high: a 95 % interval.

    n: how many values it rests on; each function says of what. why: why the estimate or its interval is missing, or
    what limits it; empty if there is nothing to say.
    """

    estimate: float | None
    low: float | None
    high: float | None
    n: int
    why: str = ""

    @classmethod
    def of(cls, found: Estimate, why: str = "") -> Measure:
        """An estimate with its two-sided 95 % interval by Student's t."""
        rounding = found.stderr is not None and found.stderr <= ROUNDING * (1.0 + abs(found.mean))
        interval = None if rounding else found.interval()
        if interval is None:
            missing = NO_SPREAD if rounding else TOO_FEW
            return cls(found.mean, None, None, found.n, "; ".join(filter(None, (missing, why))))
        return cls(found.mean, *interval, found.n, why)

    @classmethod
    def undefined(cls, why: str, n: int = 0) -> Measure:
        return cls(None, None, None, n, why)

    def __str__(self) -> str:
        if self.estimate is None:
            return f"undefined (n={self.n}): {self.why}"
        interval = "" if self.low is None or self.high is None else f" [{self.low:+.4f}, {self.high:+.4f}]"
        return f"{self.estimate:+.4f}{interval} (n={self.n})" + (f": {self.why}" if self.why else "")


def combined(parts: Sequence[tuple[float, Estimate]]) -> Estimate:
    """The sum of weight x estimate over independent estimates.

    stderr = sqrt(sum (w se)^2); degrees of freedom by Welch and Satterthwaite (F. E. Satterthwaite, Biometrics
    Bulletin 2 (1946), equation 17). One part without a stderr leaves the sum without one. n: that of all parts.
    """
    mean = math.fsum(weight * part.mean for weight, part in parts)
    n = sum(part.n for _, part in parts)
    if any(part.stderr is None for _, part in parts):
        return Estimate(mean, n, None, None)
    shares = [((w * p.stderr) ** 2, p.df) for w, p in parts if p.stderr and p.df and w]
    variance = math.fsum(share for share, _ in shares)
    if variance == 0.0:
        return Estimate(mean, n, 0.0, None)
    df = 1.0 / math.fsum((share / variance) ** 2 / df for share, df in shares)
    return Estimate(mean, n, math.sqrt(variance), df)


def slopes(y: Sequence[float], columns: Sequence[Sequence[float]]) -> list[Estimate]:
    """Least squares of y on the columns and a constant: the slope of each column, with its error.

    y: (m,); columns: k of (m,), m > k + 1. Degrees of freedom m - k - 1. Raises ValueError for too few points or for
    columns that are not independent. Draper & Smith, Applied Regression Analysis, 3rd edition, chapter 5.
    """
    import numpy as np

    design = np.column_stack([np.ones(len(y)), *columns])
    df = len(y) - design.shape[1]
    if df < 1:
        raise ValueError(f"{len(y)} points for {len(columns)} slopes; it takes at least {len(columns) + 2}")
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("the inputs depend on each other: their slopes cannot be told apart")
    found, *_ = np.linalg.lstsq(design, np.asarray(y, dtype=float), rcond=None)
    residual = np.asarray(y) - design @ found
    spread = float(residual @ residual)
    total = float(np.sum((np.asarray(y) - np.mean(y)) ** 2))
    if spread <= 1e-20 * max(total, 1e-300):  # through every point but for rounding
        return [Estimate(float(slope), len(y), 0.0, None) for slope in found[1:]]
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * spread / df)
    return [Estimate(float(b), len(y), float(e), float(df)) for b, e in zip(found[1:], errors[1:], strict=True)]


def shared(columns: Sequence[Sequence[float]]) -> float:
    """The largest part, in [0, 1], of one column's variance that a straight line in the others explains."""
    import numpy as np

    worst = 0.0
    for i, column in enumerate(columns):
        others = [c for j, c in enumerate(columns) if j != i]
        y = np.asarray(column, dtype=float) - np.mean(column)
        total = float(y @ y)
        if not total:
            return 1.0
        design = np.column_stack([np.ones(len(y)), *others])
        residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        worst = max(worst, 1.0 - float(residual @ residual) / total)
    return worst
