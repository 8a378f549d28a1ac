"""When a child is kept. Pure: compares two lists of improver runs on the same tasks, block and draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stop.analysis.intervals import paired_difference
from stop.betting import capital
from stop.chain import Record
from stop.lineage import ImproverRun, Score, Status
from stop.noise import by_task

CANARY_CONFIDENCE = 0.8  # of the two-sided interval whose upper end is that of the one-sided 90 % interval
DIGITS = 6  # significant ones of recorded capitals


@dataclass(frozen=True)
class Terms:
    """On what terms a child is judged."""

    level: float  # of this one decision
    smallest_difference: float  # in meta-utility, that is of interest
    most_repeats: int  # after which a decision is due
    score_cap: float = 1.0  # the largest of the run's tasks


@dataclass(frozen=True)
class Verdict:
    """What the rule says of a child, with the numbers that it looked at. level: of the test, if there was one."""

    status: Status
    why: str
    evidence: Record
    level: float | None = None


def always(child: Sequence[ImproverRun], parent: Sequence[ImproverRun]) -> Verdict:
    """STOP's rule: the child replaces its parent unless its meta-utility is 0 (arXiv:2310.02304, Algorithm 1)."""
    score = Score.of(child).mean
    evidence: Record = {"child": score}
    if score > 0.0:
        return Verdict("kept", "every child that works is kept", evidence)
    return Verdict("failed", "meta-utility 0: back to the parent", evidence)


def better(child: Sequence[ImproverRun], parent: Sequence[ImproverRun]) -> Verdict:
    """Keeps a child whose mean on the same block and draws is higher. No test of significance: weak evidence."""
    evidence = _means(child, parent)
    a, b = evidence["child"], evidence["parent"]
    if a > b:
        return Verdict("kept", f"{a:.4f} is above the parent's {b:.4f}", evidence)
    return Verdict("not_better", f"{a:.4f} is not above the parent's {b:.4f}", evidence)


def paired(child: Sequence[ImproverRun], parent: Sequence[ImproverRun], terms: Terms) -> Verdict | None:
    """What the rounds so far say by two bets (see betting), or None if another round is needed.

    One round is one repeat on every task; both lists are in order of repeat. `kept`: the first bet, that the mean
    difference child - parent is above 0, has won 1/level. `not_better`: the second has, that it is below the smallest
    difference of interest d. `indecisive`: neither by the last round. So a child whose true mean difference on this
    block is at most 0 is kept, and one whose difference is at least d is called not better, each with a probability of
    at most `level`. It says nothing of other blocks or tasks.
    """
    rounds = _rounds(child, parent)
    d, cap = terms.smallest_difference, terms.score_cap
    above = capital([[x / cap for x in one] for one in rounds], terms.level, terms.most_repeats)
    below = capital([[(d - x) / (cap - d) for x in one] for one in rounds], terms.level, terms.most_repeats)
    needed, n = 1 / terms.level, len(rounds)
    evidence: Record = {
        **_means(child, parent), "needed": _rounded(needed), "capital_better": [_rounded(c) for c in above],
        "capital_not_better": [_rounded(c) for c in below], "improver_runs": len(child) + len(parent),
    }  # fmt: skip
    if above[-1] >= needed:
        why = f"better: a bet on it has won {above[-1]:.1f} times its stake after {n} repeats, {needed:.1f} needed"
        return Verdict("kept", why, evidence, terms.level)
    if below[-1] >= needed:
        why = f"not better by {d:g}: a bet on that has won {below[-1]:.1f} times its stake after {n} repeats"
        return Verdict("not_better", f"{why}, {needed:.1f} needed", evidence, terms.level)
    if n < terms.most_repeats:
        return None
    bets = f"bets on better and on not better by {d:g} stand at {above[-1]:.2f} and {below[-1]:.2f} times their stake"
    return Verdict("indecisive", f"{bets} after {n} repeats, {needed:.1f} needed", evidence, terms.level)


def canary(child: Sequence[ImproverRun], parent: Sequence[ImproverRun], smallest_difference: float) -> Verdict:
    """A last look at a child that is about to become the parent, on a fresh block, at least two repeats per task.

    It fails if the one-sided 90 % t interval for child - parent, stratified by task, lies below minus the smallest
    difference. So it stops what is clearly worse elsewhere; passing it shows nothing.
    """
    found = paired_difference(by_task(child), by_task(parent))
    interval = found.interval(CANARY_CONFIDENCE)
    upper = interval[1] if interval else found.mean  # all runs differ by the same: there is no spread
    evidence: Record = {
        "canary_difference": found.mean, "canary_upper": upper, "canary_limit": -smallest_difference,
        "improver_runs": len(child) + len(parent),
    }  # fmt: skip
    said = f"on a fresh block {found.mean:+.4f}, at most {upper:+.4f} (90 %, n={found.n})"
    if upper < -smallest_difference:
        return Verdict("canary_failed", f"{said}: below {-smallest_difference:g}", evidence)
    return Verdict("kept", f"{said}: not below {-smallest_difference:g}", evidence)


@dataclass(frozen=True)
class Rule:
    """How a child is judged; `compares`: the parent is scored too, on the same block and draws.

    by_round: after each repeat of all tasks, in order, until there is a verdict; else after all repeats at once.
    """

    judge: Callable[[Sequence[ImproverRun], Sequence[ImproverRun], Terms], Verdict | None]
    compares: bool
    by_round: bool = False


RULES = {
    "better": Rule(lambda child, parent, terms: better(child, parent), compares=True),
    "paired": Rule(paired, compares=True, by_round=True),
    "always": Rule(lambda child, parent, terms: always(child, parent), compares=False),
}


def _means(child: Sequence[ImproverRun], parent: Sequence[ImproverRun]) -> Record:
    a, b = Score.of(child).mean, Score.of(parent).mean
    return {"child": a, "parent": b, "difference": a - b}


def _rounds(child: Sequence[ImproverRun], parent: Sequence[ImproverRun]) -> list[tuple[float, ...]]:
    """(repeats, tasks): child minus parent. Raises ValueError if they are not of the same tasks and repeats."""
    found: dict[int, list[float]] = {}
    for a, b in zip(child, parent, strict=True):
        if (a.task, a.repeat) != (b.task, b.repeat):
            raise ValueError(f"{a.task} repeat {a.repeat} has no pair, but {b.task} repeat {b.repeat}")
        found.setdefault(a.repeat, []).append(a.utility - b.utility)
    return list(map(tuple, found.values()))


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
