"""What scaffolds gain at each budget of calls: the one written by hand beside the others.

    python benchmarks/expert_curve.py [--tasks SET] [--prompts 1,2,4,8] [--repeats 8] [--seed 0] [--scaffolds NAME,...]

For every scaffold and number of prompts (of 6 replies each) a run without a step, with the model `mutation`: improver
runs on val block 0, the same draws for all. Prints the gain over the tasks' seed solutions against the calls that were
used, with 95 % intervals, and the difference to the expert at no more calls. Takes a minute or two on two cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import stop
from stop.analysis.reference import beside, budget_curve
from stop.frames import Run
from stop.sandbox import usable
from stop.scaffold import read_scaffold
from stop.session import Means, Plan, Session
from stop.settings import RunConfig
from stop.task import find_tasks

EXPERT = "expert"
HEAD = "| scaffold | calls per improver run | gain | minus expert at no more calls |\n|---|---|---|---|"


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tasks", default="quick", help="a task or a set (default: quick)")
    p.add_argument("--prompts", default="1,2,4,8", help="of an improver run, of 6 replies each (default: 1,2,4,8)")
    p.add_argument("--repeats", type=int, default=8, help="improver runs per task (default: 8)")
    p.add_argument("--seed", type=int, default=0, help="the runs' seed (default: 0)")
    p.add_argument("--scaffolds", default="best_of_n", help="beside the expert, comma-separated (default: best_of_n)")
    asked = p.parse_args(argv)
    budgets = [int(n) for n in asked.prompts.split(",")]
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        expert: list[Run] = []
        for name in (EXPERT, *asked.scaffolds.split(",")):
            recorded = [recorded_run(name, n, asked, Path(folder) / f"{name}-{n}") for n in budgets]
            expert = expert or recorded
            for one in budget_curve(recorded):
                against = "" if name == EXPERT else str(beside(one.run, 0, expert, "val"))
                print(f"| {name} | {one.llm_calls:.1f} | {one.gain} | {against} |", flush=True)
    return 0


def recorded_run(name: str, prompts: int, asked: argparse.Namespace, out: Path) -> Run:
    """One scaffold at one budget, scored on val block 0."""
    tasks = find_tasks([asked.tasks])
    config = RunConfig(
        tasks=tuple(t.name for t in tasks), scaffold=name, seed=asked.seed, generations=0, repeats=asked.repeats,
        prompts_per_improver_run=prompts, utility_calls_per_improver_run=12 * prompts, sandbox=usable("auto").name,
    )  # fmt: skip
    with Session(
        Plan(config, tasks, read_scaffold(name), Means(out, workers=2)), tell=_quiet, notify=_quiet
    ) as session:
        session.improve()
    return stop.load(out)


def _quiet(event: str) -> None:
    """Nothing is shown of a run's own progress."""


if __name__ == "__main__":
    sys.exit(main())
