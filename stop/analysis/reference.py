"""What one scaffold gains at every budget: the curve that a program written by hand sets. Pure functions on frames.

The runs are of one scaffold each, without a step (`--generations 0`), at different budgets per improver run; for the
expert, `scaffolds/expert.py`. `benchmarks/expert_curve.py` makes such runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stop.analysis.measure import Measure
from stop.analysis.recorded import Recorded, gains, mean_of, minus, paired, runs, seed_of

SAME_DRAWS = ("seed", "tasks", "preset", "model")  # settings with which equal prompts get equal replies


@dataclass(frozen=True)
class Budgeted:
    """One budget: the mean calls of an improver run, and what it gains over the tasks' seed solutions."""

    llm_calls: float
    gain: Measure
    run: Recorded


def budget_curve(recorded: Sequence[Recorded], split: str = "val") -> list[Budgeted]:
    """Gain against calls per improver run, of the first version of each run, by calls. n: improver runs.

    Units of utility against calls of a model; runs that were not scored on that split are left out. Between two points
    nothing was measured, and nothing is drawn. Source: the equal-budget baselines of Kapoor et al., AI agents that
    matter, arXiv:2407.01502, section 2.
    """
    found = []
    for run in recorded:
        rows = runs(run, seed_of(run), split)
        if rows:
            calls = mean_of(rows, [float(r.llm_calls) for r in rows]).mean
            found.append(Budgeted(calls, Measure.of(mean_of(rows, gains(rows))), run))
    return sorted(found, key=lambda one: one.llm_calls)


def beside(run: Recorded, version: int, reference: Sequence[Recorded], split: str = "test") -> Measure:
    """The version's gain minus the reference's at the largest budget that is not above the version's own.

    Formula: G_v - G_ref(b), b = the largest measured calls per improver run <= the version's mean calls. Units of
    utility; below 0: the hand-written program does better with no more calls. n: improver runs of the version. Paired
    where both were scored on one block with the same draws (equal seed, tasks and model), else independent.
    Not defined where the version was not scored on that split, where the tasks are not the same (names and contents),
    or where every reference asks more.
    """
    rows = runs(run, version, split)
    if not rows:
        return Measure.undefined(f"version {version} was not scored on {split}")
    calls = mean_of(rows, [float(r.llm_calls) for r in rows]).mean
    for one in reference:
        if _tasks(one) != _tasks(run):
            return Measure.undefined(
                "the reference was run on other tasks, or on other contents of the same", len(rows)
            )
    below = [one for one in budget_curve(reference, split) if one.llm_calls <= calls]
    if not below:
        return Measure.undefined(f"no reference at or below {calls:g} calls per improver run on {split}", len(rows))
    other = runs(below[-1].run, seed_of(below[-1].run), split)
    together = _same_draws(run, below[-1].run) and paired(rows, other)
    return minus(rows, other, together, "not paired: other draws")


def _tasks(run: Recorded) -> Mapping[str, object]:
    return {name: task["sha"] for name, task in run.settings.get("tasks", {}).items()}


def _same_draws(run: Recorded, other: Recorded) -> bool:
    first, second = (one.settings.get("config", {}) for one in (run, other))
    return all(first.get(name) == second.get(name) for name in SAME_DRAWS)
