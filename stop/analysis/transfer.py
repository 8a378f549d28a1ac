"""What an improver is worth on tasks that it was not made on (STOP, arXiv:2310.02304, section 5.2, table 1). Pure.

The unit of evidence is one improver run on test. Differences are paired: the same task, block and draws on both sides;
the initial solution is the same program in every run of a task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from stop.analysis.intervals import Estimate, paired_difference
from stop.chain import Record

SEED, IMPROVED, CONTROL = "seed", "improved", "best_of_n"  # the arms of a transfer
ALL_TASKS = "all tasks"


@dataclass(frozen=True)
class Comparison:
    """One task, or all of them weighing the same. Scores: means of `runs` improver runs an arm, in [0, score_cap]."""

    task: str
    runs: int
    initial: float  # the task's seed solution, as it is
    scores: dict[str, float]  # arm -> mean utility of what it returned; a failed run counts as its zero
    calls: dict[str, float]  # arm -> mean replies per improver run
    over: dict[str, Estimate]  # improved - what: "initial", SEED, CONTROL


def comparisons(outcomes: Sequence[Record]) -> list[Comparison]:
    """One comparison per task in order, then one of all tasks if there are several.

    outcomes: rows of outcomes.jsonl of a transfer: for each of the three arms the same tasks and repeats. Raises
    ValueError if they are not.
    """
    tasks = list(dict.fromkeys(row["task"] for row in outcomes))
    found = [_comparison(task, [row for row in outcomes if row["task"] == task]) for task in tasks]
    return [*found, _comparison(ALL_TASKS, outcomes)] if len(found) > 1 else found


def _comparison(name: str, rows: Sequence[Record]) -> Comparison:
    by_arm = {arm: _strata([row for row in rows if row["arm"] == arm], "utility") for arm in (SEED, IMPROVED, CONTROL)}
    calls = {arm: _strata([row for row in rows if row["arm"] == arm], "llm_calls") for arm in by_arm}
    initial = _strata([row for row in rows if row["arm"] == IMPROVED], "seed_utility")
    against = {"initial": initial, SEED: by_arm[SEED], CONTROL: by_arm[CONTROL]}
    over = {what: paired_difference(by_arm[IMPROVED], strata) for what, strata in against.items()}
    return Comparison(
        name, over[SEED].n, _mean(initial), {arm: _mean(strata) for arm, strata in by_arm.items()},
        {arm: _mean(strata) for arm, strata in calls.items()}, over,
    )  # fmt: skip


def _strata(rows: Sequence[Record], what: str) -> dict[str, list[float]]:
    """Task -> values in order of repeat."""
    strata: dict[str, list[float]] = {}
    for row in sorted(rows, key=lambda row: row["repeat"]):
        strata.setdefault(row["task"], []).append(row[what])
    return strata


def _mean(strata: dict[str, list[float]]) -> float:
    return fmean(fmean(values) for values in strata.values())
