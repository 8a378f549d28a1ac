"""Does the offline recursion improve its improver, and does it beat asking as often without recursion?

    python benchmarks/offline_recursion.py [--tasks SET] [--each] [--seeds 0-9] [--repeats 32] [--workers N]

For every seed a run with the defaults of `python -m stop.run`; then, on test, paired improver runs (same tasks, block
and draws) of the seed scaffold, of the run's best version, and of best_of_n at no fewer calls per improver run on each
task than the best version used. The same with the operator `iterate` off. Intervals are 95 % t intervals over seeds.
Takes about 20 minutes on two cores. With --each every task is a run of its own, and a line of one table.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stop.improve import Arm
from stop.lineage import ImproverRun, Score
from stop.sandbox import usable
from stop.scaffold import Scaffold, read_scaffold
from stop.session import Means, Plan, Session
from stop.settings import RunConfig
from stop.task import find_tasks

ARMS = {"all operators": "mutation", "iterate off": "mutation:no-iterate"}


EACH = (
    "| task | kept | seed | best | best - seed | above "
    "| best - best_of_n | above | calls best | calls best_of_n | s |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Row:
    """What one run came to on test: means over paired improver runs, in [0, 1]."""

    seed: int
    kept: int
    seed_score: float
    best_score: float
    best_calls: float  # per improver run
    control_score: float  # best_of_n
    control_calls: float
    seconds: float


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument(
        "--seeds", default="0-9", help="first-last (default: 0-9; anything below 1000 is for reporting only)"
    )
    p.add_argument("--tasks", default="quick", help="a task or a set (default: quick)")
    p.add_argument("--each", action="store_true", help="every task by itself, one line of a table for each")
    p.add_argument("--repeats", type=int, default=32, help="improver runs per task on test (default: 32)")
    p.add_argument("--workers", type=int, default=2, help="improver runs at once (default: 2)")
    p.add_argument("--arms", default=",".join(ARMS), help="comma-separated (default: all)")
    arguments = p.parse_args(argv)
    first, _, last = arguments.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    for arm in arguments.arms.split(","):
        if arguments.each:
            print(f"\n## {arm} (model {ARMS[arm]}), {len(seeds)} runs of each task\n\n{EACH}", flush=True)
            for task in find_tasks([arguments.tasks]):
                rows = [measure(task.name, ARMS[arm], seed, arguments.repeats, arguments.workers) for seed in seeds]
                print(_task_line(task.name, rows), flush=True)
            continue
        rows = []
        print(f"\n## {arm} (model {ARMS[arm]})\n")
        print(
            "| run seed | kept | seed | best | best_of_n | best - seed | best - best_of_n "
            "| calls best | calls best_of_n | s |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
        for seed in seeds:
            rows.append(measure(arguments.tasks, ARMS[arm], seed, arguments.repeats, arguments.workers))
            print(_line(rows[-1]), flush=True)
        print(_summary(rows, arguments.repeats), flush=True)
    return 0


def measure(which: str, model: str, seed: int, repeats: int, workers: int) -> Row:
    """One run with the default settings, then its three scaffolds on test."""
    tasks = find_tasks([which])
    names, confined = tuple(t.name for t in tasks), usable("auto").name
    config = RunConfig(tasks=names, model=model, seed=seed, test_repeats=repeats, sandbox=confined)
    scaffold = read_scaffold("seed")
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(config, tasks, scaffold, Means(Path(folder) / "run", workers))
        started = time.monotonic()
        with Session(plan, tell=_quiet, notify=_quiet) as session:
            session.improve()
            seconds = time.monotonic() - started
            recorded = session.recorded
            best = recorded.source(recorded.sha(recorded.best))
            kept = sum(verdict == "kept" for verdict in recorded.standing.values())
            arms = [Arm("seed", scaffold), Arm("best", Scaffold.checked(best))]
            arms += [Arm("best_of_n", read_scaffold("best_of_n"), calls_of="best")]
            at_seed, at_best, control = session.compare(arms).values()
    means = (Score.of(runs).mean for runs in (at_seed, at_best, control))
    seed_score, best_score, control_score = means
    return Row(seed, kept, seed_score, best_score, _calls(at_best), control_score, _calls(control), seconds)


def _quiet(event: str) -> None:
    """Nothing is shown of a run's own progress."""


def _calls(runs: Sequence[ImproverRun]) -> float:
    return statistics.fmean(r.spent.llm_calls for r in runs)


def _line(row: Row) -> str:
    return (
        f"| {row.seed} | {row.kept} | {row.seed_score:.4f} | {row.best_score:.4f} | {row.control_score:.4f} "
        f"| {row.best_score - row.seed_score:+.4f} | {row.best_score - row.control_score:+.4f} "
        f"| {row.best_calls:.1f} | {row.control_calls:.1f} | {row.seconds:.0f} |"
    )


def _task_line(name: str, rows: Sequence[Row]) -> str:
    """One task: means over runs, differences with their intervals, and in how many runs they are above 0."""
    gains = [r.best_score - r.seed_score for r in rows]
    over = [r.best_score - r.control_score for r in rows]
    above = [f"{sum(g > 0 for g in found)} of {len(rows)}" for found in (gains, over)]
    fields = ("seed_score", "best_score", "best_calls", "control_calls", "seconds")
    seed, best, calls, control, seconds = (statistics.fmean(getattr(r, field) for r in rows) for field in fields)
    return (
        f"| {name} | {sum(r.kept for r in rows)} | {seed:.4f} | {best:.4f} | {_interval(gains)} | {above[0]} "
        f"| {_interval(over)} | {above[1]} | {calls:.1f} | {control:.1f} | {seconds:.0f} |"
    )


def _summary(rows: Sequence[Row], repeats: int) -> str:
    gains = [r.best_score - r.seed_score for r in rows]
    over = [r.best_score - r.control_score for r in rows]
    control = [r.control_score - r.seed_score for r in rows]
    wins = sum(g > 0 for g in gains)
    return (
        f"\nn = {len(rows)} seeds, {repeats} paired improver runs per task on test each. "
        f"best above seed in {wins} of {len(rows)}, above best_of_n in {sum(g > 0 for g in over)} of {len(rows)}.\n"
        f"mean gain best - seed: {_interval(gains)}\n"
        f"mean gain best_of_n - seed: {_interval(control)}\n"
        f"mean gain best - best_of_n at equal calls: {_interval(over)}"
    )


def _interval(values: Sequence[float]) -> str:
    """Mean and 95 % t interval over seeds."""
    from scipy import stats

    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:+.4f} (n={len(values)}, no interval)"
    half = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:+.4f} [{mean - half:+.4f}, {mean + half:+.4f}]"


if __name__ == "__main__":
    sys.exit(main())
