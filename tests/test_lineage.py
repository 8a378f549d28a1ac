"""Scores, verdicts, draws: the pure parts of the loop, against values worked by hand."""

from __future__ import annotations

import math

import pytest

from stop.accept import always, better
from stop.budget import BudgetExceeded, Meter, RunBudget, RunBudgetSpent, RunMeter, SpentBefore
from stop.cache import Once, reply_key
from stop.choose import policy
from stop.draw import Draw, instance_seed
from stop.lineage import Decision, ImproverRun, Lineage, Score, Spent, Version


def runs(*utilities: float, task: str = "a") -> list[ImproverRun]:
    return [ImproverRun(task, i, "ok", utility=u) for i, u in enumerate(utilities)]


def version(number: int, status: str = "kept") -> tuple[Version, list[Decision]]:
    made = Version(number, f"sha{number}", "", None, number, number, status, 0.5, None, 1, Spent())  # type: ignore[arg-type]
    return made, [Decision(number, number, "r", {}, 1, None, number, status, "rule", "")]  # type: ignore[arg-type]


def test_meta_utility_is_the_mean_of_the_tasks_means_and_failures_count_as_zero() -> None:
    score = Score.of(runs(0.2, 0.4) + runs(1.0, 0.0, task="b"))
    assert score.mean == pytest.approx((0.3 + 0.5) / 2) and score.n == 4
    assert score.stderr == pytest.approx(math.sqrt((0.02 / 2 + 0.5 / 2) / 4))


def test_one_run_per_task_has_no_standard_error_and_no_runs_no_score() -> None:
    assert Score.of(runs(0.5)).stderr is None
    assert Score.of([]) == Score(0.0, None, 0)


def test_better_keeps_only_a_higher_mean() -> None:
    assert better(runs(0.5, 0.7), runs(0.5, 0.6)).status == "kept"
    assert better(runs(0.5), runs(0.5)).status == "not_better"
    assert better(runs(0.0), runs(0.5)).evidence == {"child": 0.0, "parent": 0.5, "difference": -0.5}


def test_always_keeps_whatever_works_and_goes_back_on_zero() -> None:
    assert always(runs(0.1), runs(0.9)).status == "kept"
    assert always(runs(0.0), []).status == "failed"


def test_the_chain_goes_on_from_the_last_version_that_stands() -> None:
    lineage = Lineage()
    for number, status in enumerate(["seed", "kept", "failed", "not_better"]):
        lineage.append(*version(number, status))
    assert policy("chain").choose(lineage, 0).parent.id == 1
    lineage.standing[1] = "rolled_back"
    assert policy("chain").choose(lineage, 0).parent.id == 0


def test_the_lineage_refuses_a_version_out_of_order() -> None:
    with pytest.raises(ValueError, match="cannot follow"):
        Lineage().append(*version(3))


def test_draws_differ_by_index_and_occurrence_and_never_depend_on_the_step_but_to_propose() -> None:
    draw = Draw(0, "train", 0, "maxcut", 1)
    made = {draw.reply(occurrence=o, index=i) for o in range(3) for i in range(3)}
    assert len(made) == 9 and draw.reply(occurrence=0, index=0) in made
    assert Draw(0, "propose", step=1) != Draw(0, "propose", step=2)
    with pytest.raises(ValueError, match="must not depend on the step"):
        Draw(0, "val", step=1)


def test_instances_are_seeded_by_task_split_block_and_index_alone() -> None:
    assert instance_seed("t", "val", 1, 0) == instance_seed("t", "val", 1, 0) != instance_seed("t", "val", 2, 0)


def test_a_reply_key_names_everything_that_can_change_a_reply() -> None:
    names = ("model", "base_url", "system", "message", "temperature", "max_tokens", "draw")
    base = dict(zip(names, ("m", "", "s", "q", 0.7, 9, "d"), strict=True))
    others = dict(zip(names, ("n", "u", "t", "r", 0.8, 8, "e"), strict=True))
    changed = [base | {name: other} for name, other in others.items()]
    assert len({reply_key(**one) for one in [base, *changed]}) == 8  # type: ignore[arg-type]


def test_a_budget_refuses_what_does_not_fit_and_then_counts_nothing() -> None:
    meter = Meter(3, "utility")
    meter.charge(2)
    with pytest.raises(BudgetExceeded, match="2 of 3 used, 2 more"):
        meter.charge(2)
    meter.charge()
    assert meter.uses == 3


def test_the_runs_budget_is_taken_before_the_call_and_counts_what_was_spent_before() -> None:
    meter = RunMeter(RunBudget(calls=3), SpentBefore(calls=2))
    meter.count()
    with pytest.raises(RunBudgetSpent):
        meter.count()


def test_a_value_is_made_once_and_a_failure_is_forgotten() -> None:
    once: Once[int] = Once()
    with pytest.raises(ZeroDivisionError):
        once.get("k", lambda: 1 // 0)
    assert once.get("k", lambda: 1) == once.get("k", lambda: 2) == 1
