"""How much scores move by luck alone: standard errors by task, intervals, how many repeats show a difference. Pure.

Owns: the mean of tasks' means with its error. Does not own: which runs are scored (improve), verdicts (accept).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stop.lineage import ImproverRun

POWER = 0.8
CONFIDENCE = 0.95  # of the interval for the number of repeats


@dataclass(frozen=True)
class Mean:
    """The mean of tasks' means, stratified by task. stderr: 0 if no two values of a task differ."""

    value: float
    stderr: float
    freedom: float  # degrees of freedom (Welch 1947, Satterthwaite 1946); inf where stderr is 0
    n: int

    @classmethod
    def of(cls, by_task: Mapping[str, Sequence[float]]) -> Mean:
        """by_task: the values of each task, at least two, independent of each other. Raises ValueError for fewer."""
        if not by_task or min(len(values) for values in by_task.values()) < 2:
            raise ValueError("a standard error needs two values of every task")
        tasks = len(by_task)
        parts = [(statistics.variance(v) / len(v) / tasks**2, len(v) - 1) for v in by_task.values()]
        variance = math.fsum(part for part, _ in parts)
        freedom = variance**2 / math.fsum(p**2 / f for p, f in parts) if variance > 0 else math.inf
        value = statistics.fmean(statistics.fmean(v) for v in by_task.values())
        return cls(value, math.sqrt(variance), freedom, sum(map(len, by_task.values())))

    def upper(self, confidence: float) -> float:
        """The end of the one-sided t interval: the mean is below it with this confidence, in (0, 1)."""
        if self.stderr == 0:
            return self.value
        from scipy.special import stdtrit

        return self.value + float(stdtrit(self.freedom, confidence)) * self.stderr


def by_task(runs: Sequence[ImproverRun]) -> dict[str, list[float]]:
    """The utilities of each task, in order; a failure is its zero."""
    found: dict[str, list[float]] = {}
    for run in runs:
        found.setdefault(run.task, []).append(run.utility)
    return found


def differences(child: Sequence[ImproverRun], parent: Sequence[ImproverRun]) -> dict[str, list[float]]:
    """Child minus parent of each task, run by run. Raises ValueError if they are not of the same tasks and repeats."""
    found: dict[str, list[float]] = {}
    for a, b in zip(child, parent, strict=True):
        if (a.task, a.repeat) != (b.task, b.repeat):
            raise ValueError(f"{a.task} repeat {a.repeat} has no pair, but {b.task} repeat {b.repeat}")
        found.setdefault(a.task, []).append(a.utility - b.utility)
    return found


@dataclass(frozen=True)
class Floor:
    """What luck does to the score of one and the same improver, and what it takes to see through it."""

    stderr: float  # of a meta-utility of `repeats` runs per task
    repeats: int
    n: int  # improver runs that it was estimated from
    difference: float  # in meta-utility, that is to be seen
    needed: int  # repeats per task and side
    needed_low: int  # the ends of the interval for `needed`
    needed_high: int

    @classmethod
    def of(cls, values: Mapping[str, Sequence[float]], repeats: int, difference: float, level: float) -> Floor:
        """values: of one improver on fresh draws, by task, at least two each.

        Repeats at which a one-sided test at `level` sees a true difference in 80 % of cases, as if the two sides had
        draws of their own (pairs need no more): 2 v (z_level + z_power)^2 / (tasks d^2), v the variance of a run inside
        its task (Cohen, Statistical Power Analysis, 1988, section 2.4). The interval is that of v by chi-square.
        """
        from scipy.special import chdtri

        mean, tasks = Mean.of(values), len(values)
        variance = statistics.fmean(statistics.variance(v) for v in values.values())  # of a single run
        quantile = statistics.NormalDist().inv_cdf
        per_variance = 2 * (quantile(1 - level) + quantile(POWER)) ** 2 / (tasks * difference**2)
        tail, ends = (1 - CONFIDENCE) / 2, (variance, variance)
        if variance > 0:
            low, high = (variance * mean.freedom / float(chdtri(mean.freedom, p)) for p in (tail, 1 - tail))
            ends = low, high
        needed, least, most = (max(2, math.ceil(per_variance * v)) for v in (variance, *ends))
        return cls(math.sqrt(variance / (repeats * tasks)), repeats, mean.n, difference, needed, least, most)

    @property
    def record(self) -> dict[str, float | int]:
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
