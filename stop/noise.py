"""How much luck moves the score of one and the same improver, and how many repeats see through it. Pure.

Owns: the noise floor. Does not own: which runs it is estimated from (improve), intervals (analysis), verdicts (accept).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stop.analysis.intervals import stratified_mean
from stop.chain import Record
from stop.lineage import ImproverRun

POWER = 0.8
TAIL = 0.025  # on either side of the interval for the number of repeats


def by_task(runs: Sequence[ImproverRun]) -> dict[str, list[float]]:
    """The utilities of each task, in order; a failure is its zero."""
    found: dict[str, list[float]] = {}
    for run in runs:
        found.setdefault(run.task, []).append(run.utility)
    return found


@dataclass(frozen=True)
class Floor:
    """What luck does to a meta-utility, and what it takes to see through it."""

    stderr: float  # of a meta-utility of `repeats` runs per task
    repeats: int
    n: int  # improver runs that it was estimated from
    difference: float  # in meta-utility, that is to be seen
    needed: int  # repeats per task and side
    needed_low: int  # the ends of the 95 % interval for `needed`
    needed_high: int

    @classmethod
    def of(cls, values: Mapping[str, Sequence[float]], repeats: int, difference: float, level: float) -> Floor:
        """values: of one improver on fresh draws, by task, at least two each. Raises ValueError for fewer.

        Repeats at which a one-sided test at `level` sees a true difference d in 80 % of cases, if the other side varies
        as much and has draws of its own (on the same draws fewer do, where these help or harm both sides alike):
        2 v (z_level + z_power)^2 / (tasks d^2), v the variance of a run inside its task (Cohen, Statistical Power
        Analysis, 1988, section 2.4). The interval is that of v by chi-square.
        """
        from scipy.special import chdtri

        found, tasks = stratified_mean(values), len(values)
        if found.stderr is None:
            raise ValueError("a noise floor needs two runs of every task")
        variance = statistics.fmean(statistics.variance(v) for v in values.values())  # of a single run
        ends = (variance, variance)
        if found.df is not None:
            low, high = (variance * found.df / float(chdtri(found.df, tail)) for tail in (TAIL, 1 - TAIL))
            ends = low, high
        quantile = statistics.NormalDist().inv_cdf
        between = max(0.0, quantile(1 - level) + quantile(POWER))  # 0: so large a level needs no evidence
        per_variance = 2 * between**2 / (tasks * difference**2)
        needed, least, most = (max(2, math.ceil(per_variance * v)) for v in (variance, *ends))
        return cls(math.sqrt(variance / (repeats * tasks)), repeats, found.n, difference, needed, least, most)

    @property
    def record(self) -> Record:
        """What the decision on the seed holds of it."""
        return {
            "noise_stderr": self.stderr, "noise_repeats": self.repeats, "noise_n": self.n,
            "repeats_needed": self.needed, "repeats_needed_low": self.needed_low,
            "repeats_needed_high": self.needed_high, "smallest_difference": self.difference,
        }  # fmt: skip

    def __str__(self) -> str:
        return (
            f"noise floor: a meta-utility of {self.repeats} repeats has a standard error of {self.stderr:.4f} "
            f"(n={self.n} runs of the seed on fresh draws); to see a difference of {self.difference:g} takes about "
            f"{self.needed} repeats per task and side (95 % interval {self.needed_low} to {self.needed_high})"
        )
