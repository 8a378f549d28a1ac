"""A control of a recorded run: its settings, its scaffold as it was recorded, and its number of calls.

Owns: which runs can be controlled. Does not own: what an arm takes away (controls), whether a folder may take the run
(plan).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stop.closing import ended, looked_at_test
from stop.controls import BadControl, as_control
from stop.frames import Run, load
from stop.plan import Means, Plan
from stop.scaffold import Scaffold
from stop.settings import CONTROL_STEPS, RunConfig
from stop.task import Task, find_tasks


def like(run: Run, arm: str, means: Means, sandbox: str) -> Plan:
    """The control of that run. Its search may ask for as many calls as the run's did, known answers included.

    sandbox: the level of confinement, which changes no record. Raises BadControl for a run that cannot be controlled,
    and what finding its tasks raises.
    """
    config = RunConfig.of(run.settings["config"])
    _check(run, config)
    tasks = find_tasks([*config.tasks], config.preset)
    for task in tasks:
        _check_task(run, task)
    config = replace(config, sandbox=sandbox, budget_calls=0, budget_usd=0.0, budget_minutes=0.0)
    config = as_control(config, arm, calls=run.search_calls, steps=CONTROL_STEPS)
    scaffold = Scaffold.checked(run.source(run.settings["scaffold"]))
    return Plan(config, tasks, scaffold, means, like=run.path.resolve().name)


def find_run(path: str) -> Run:
    """The run of --like. Raises BadControl with the reason if there is none, or it cannot be read."""
    from stop.chain import BadFolder

    try:
        run = load(path)
        run.settings  # noqa: B018 - read and checked
    except BadFolder as error:
        raise BadControl(f"--like {error}") from None
    return run


def default_out(run: Run, arm: str) -> Path:
    return Path("results") / f"{run.path.resolve().name}-{arm}"


def _check(run: Run, config: RunConfig) -> None:
    steps = len(run.rows("lineage.jsonl")) - 1
    if config.control:
        raise BadControl(f"--like {run.path}: is itself the control {config.control}. Give the run that it is like.")
    if steps < 0 and any("arms" in look for look in run.settings["looks"]["test"]):
        raise BadControl(f"--like {run.path}: has no version, it compares scaffolds on test. Give one with a lineage.")
    if steps < config.generations or not looked_at_test(run) or ended(run) != "done":
        raise BadControl(
            f"--like {run.path}: is not finished: {max(steps, 0)} of {config.generations} steps, test "
            f"{'looked at' if looked_at_test(run) else 'not looked at'}. Go on with it first: run its command again."
        )
    if run.seal != "whole":
        raise BadControl(f"--like {run.path}: its seal is {run.seal}. Take a run whose records hold.")
    if not run.search_calls:
        raise BadControl(f"--like {run.path}: asked for no calls, so there is no equal number of them.")


def _check_task(run: Run, task: Task) -> None:
    if run.settings["tasks"].get(task.name, {}).get("sha") != task.sha:
        raise BadControl(
            f"--like {run.path}: the files of task {task.name} are not those of the run, so scores would not compare."
        )
