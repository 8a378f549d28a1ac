"""When a child is kept. Pure: compares two lists of improver runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stop.chain import Record
from stop.lineage import ImproverRun, Score, Status


@dataclass(frozen=True)
class Verdict:
    """What the rule says of a child, with the numbers that it looked at."""

    status: Status
    why: str
    evidence: Record


def always(child: Sequence[ImproverRun], parent: Sequence[ImproverRun]) -> Verdict:
    """STOP's rule: the child replaces its parent unless its meta-utility is 0 (arXiv:2310.02304, Algorithm 1)."""
    score = Score.of(child).mean
    evidence: Record = {"child": score}
    if score > 0.0:
        return Verdict("kept", "every child that works is kept", evidence)
    return Verdict("failed", "meta-utility 0: back to the parent", evidence)


def better(child: Sequence[ImproverRun], parent: Sequence[ImproverRun]) -> Verdict:
    """Keeps a child whose mean on the same block and draws is higher. No test of significance: weak evidence."""
    a, b = Score.of(child).mean, Score.of(parent).mean
    evidence: Record = {"child": a, "parent": b, "difference": a - b}
    if a > b:
        return Verdict("kept", f"{a:.4f} is above the parent's {b:.4f}", evidence)
    return Verdict("not_better", f"{a:.4f} is not above the parent's {b:.4f}", evidence)


@dataclass(frozen=True)
class Rule:
    """How a child is judged; `compares`: the parent is scored too, on the same block and draws."""

    judge: Callable[[Sequence[ImproverRun], Sequence[ImproverRun]], Verdict]
    compares: bool


RULES = {"better": Rule(better, compares=True), "always": Rule(always, compares=False)}
