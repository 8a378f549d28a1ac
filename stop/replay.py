"""A recorded run, run again from its records alone: `python -m stop.run --replay`.

Owns: comparing. Calls no model, measures no solution, writes nothing. Does not own: the loop (improve), what the
folder holds (chain).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from stop.budget import RunBudget, RunMeter, SpentBefore
from stop.cache import Answers, Missing
from stop.chain import BadFolder, Record, check_seal, missing_texts, read_source
from stop.frames import checked_run
from stop.godel import loop
from stop.improve import BEFORE_THE_SEED, Arm, Recursion
from stop.ledger import Comparing, Differs
from stop.model import Request
from stop.plan import Means, Plan, level
from stop.sandbox import Sandbox, usable
from stop.scaffold import Scaffold
from stop.session import bench
from stop.settings import RunConfig
from stop.task import find_tasks


class _NoModel:
    """Stands where the model stood: a replay asks nobody."""

    def __init__(self, id: str, base_url: str) -> None:
        self.id, self.base_url = id, base_url

    def reply(self, request: Request) -> Any:
        raise AssertionError(f"a replay asked the model {self.id} for draw {request.draw}")


def replay(means: Means, asked: str, tell: Callable[[str], None], notify: Callable[[str], None]) -> list[str]:
    """What does not hold or differs, one line each; [] if nothing.

    asked: how to confine the improvers; with `auto` as in the run, or, where that does not work, as well as can be.
    Raises BadFolder, UnknownTask, UnknownPreset, BadTask, SandboxError with one clear line if the run cannot be run
    again at all.
    """
    run = checked_run(means.out)
    breaks = check_seal(means.out)[1]
    comparing = Comparing(means.out, breaks)
    if comparing.tail:
        tell("the unit in which the run was cut short has no end and is left out")
    problems = [str(b) for b in (*breaks, *missing_texts(means.out, comparing.rows["calls.jsonl"]))]
    plan = _plan(run, means, comparing, asked)
    recorded = RunConfig.of(run["config"]).sandbox
    if plan.config.sandbox != recorded:
        tell(f"replayed in sandbox {plan.config.sandbox!r}; the run was made in {recorded!r}")
    for task in plan.tasks:
        if run["tasks"].get(task.name, {}).get("sha") != task.sha:
            problems.append(f"task {task.name}: its files are not those of the run")
    try:
        _run(plan, run, comparing, tell, notify)
    except (Differs, Missing, BadFolder) as error:
        problems.append(str(error))
    return problems


def _plan(run: Record, means: Means, comparing: Comparing, asked: str) -> Plan:
    config = RunConfig.of(run["config"])
    try:
        confined = level(asked, means.out)
    except BadFolder:
        confined = usable("auto").name  # any will do: what is compared does not depend on it
    decided = [row.get("step", row["id"]) for row in comparing.rows["decisions.jsonl"]]
    steps = max([-1, *decided, *(row["step"] for row in comparing.rows["lineage.jsonl"])])
    scaffold = Scaffold("", "")
    if steps >= 0:
        source = read_source(means.out, run["scaffold"])
        scaffold = Scaffold(source, run["scaffold"]) if config.agent else Scaffold.checked(source)
    config = replace(config, generations=steps, sandbox=confined)
    return Plan(config, find_tasks([*config.tasks], config.preset), scaffold, means)


def _run(
    plan: Plan, run: Record, comparing: Comparing, tell: Callable[[str], None], notify: Callable[[str], None]
) -> None:
    """Every unit that was finished, in order. Raises Differs, Missing."""
    answers = Answers(None)
    comparing.open(answers)
    looks = [look for look in run["looks"]["test"] if look["done"]]
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox.of(plan.config.sandbox))
        model = _NoModel(run["model"], plan.config.base_url)
        meter = RunMeter(RunBudget(), SpentBefore())
        live = bench(stack, plan, model, sandbox, answers, meter, notify)
        source = functools.partial(read_source, plan.means.out)
        recursion = loop(plan.config)(live, comparing, source, tell)
        _look(recursion, looks, BEFORE_THE_SEED, source)
        for done in range(plan.config.generations + 1):
            recursion.run(plan.scaffold, done)
            _look(recursion, looks, f"after step {done}", source)
        comparing.close()


def _look(recursion: Recursion, looks: Sequence[Record], when: str, source: Callable[[str], str]) -> None:
    """The looks at test that were taken at that moment, in the order in which they ended."""
    for look in looks:
        if look["unit"] == f"test {when}":
            recursion.look_at_test()
        elif look["unit"].endswith(when) and "arms" in look:
            recursion.compare([Arm(a["name"], _named(a["scaffold"], source), a["calls_of"]) for a in look["arms"]])


def _named(sha: str, source: Callable[[str], str]) -> Scaffold:
    return Scaffold(source(sha), sha)
