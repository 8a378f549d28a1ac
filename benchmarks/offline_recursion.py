"""Does the offline recursion improve its improver, and does it beat asking as often without recursion?

    python benchmarks/offline_recursion.py [--tasks SET] [--each] [--rows FILE] [--seeds 0-9] [--repeats 32] …

For every seed a run with the defaults of `python -m stop.run`; then, on test, paired improver runs (same tasks, block
and draws) of the seed scaffold, of the run's best version, and of best_of_n at no fewer calls per improver run on each
task than the best version used. The same with the operator `iterate` off. Intervals are 95 % t intervals over seeds.
Takes about 20 minutes on two cores. With --each every task is a run of its own and a line of one table; with --rows
what is measured is kept in a file, and the same command goes on from it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from stop.accept import RULES
from stop.analysis.intervals import paired_difference, stratified_mean
from stop.improve import Arm
from stop.lineage import ImproverRun, Score
from stop.sandbox import usable
from stop.scaffold import Scaffold, read_scaffold
from stop.session import Means, Plan, Session
from stop.settings import RunConfig
from stop.task import find_tasks

ARMS = {"all operators": "mutation", "iterate off": "mutation:no-iterate"}


EACH = (
    "| task | kept something | seed | best | best - seed | best - best_of_n | above best_of_n "
    "| calls best | calls best_of_n | s |\n|---|---|---|---|---|---|---|---|---|---|"
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
    runs: dict[str, list[float]] = field(default_factory=dict)  # each improver run of seed, best and best_of_n


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument(
        "--seeds", default="0-9", help="first-last (default: 0-9; anything below 1000 is for reporting only)"
    )
    p.add_argument("--tasks", default="quick", help="a task or a set (default: quick)")
    p.add_argument("--each", action="store_true", help="every task by itself, one line of a table for each")
    p.add_argument("--rows", help="a file to which --each adds what it measures, and from which it goes on")
    p.add_argument("--repeats", type=int, default=32, help="improver runs per task on test (default: 32)")
    p.add_argument("--steps", type=int, help="steps of a run (default: that of stop.run)")
    p.add_argument("--run-repeats", type=int, help="improver runs per task and score in a run (default: stop.run's)")
    p.add_argument("--accept", choices=sorted(RULES), default="better", help="the rule of a run (default: better)")
    p.add_argument("--workers", type=int, default=2, help="improver runs at once (default: 2)")
    p.add_argument("--arms", default=",".join(ARMS), help="comma-separated (default: all)")
    arguments = p.parse_args(argv)
    first, _, last = arguments.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    for arm in arguments.arms.split(","):
        if arguments.each:
            tasks = [task.name for task in find_tasks([arguments.tasks])]
            found = _each(tasks, ARMS[arm], seeds, arguments)
            n = f"{len(seeds)} runs of each task, n = {len(seeds) * arguments.repeats} paired improver runs on test"
            print(f"\n## {arm} (model {ARMS[arm]}), {n}\n\n{EACH}")
            print("\n".join(_task_line(name, found[name]) for name in tasks), flush=True)
            continue
        rows = []
        print(f"\n## {arm} (model {ARMS[arm]})\n")
        print(
            "| run seed | kept | seed | best | best_of_n | best - seed | best - best_of_n "
            "| calls best | calls best_of_n | s |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
        for seed in seeds:
            rows.append(measure(_asked(arguments, arguments.tasks, ARMS[arm], seed), arguments.workers))
            print(_line(rows[-1]), flush=True)
        print(_summary(rows, arguments.repeats), flush=True)
    return 0


def _asked(arguments: argparse.Namespace, which: str, model: str, seed: int) -> RunConfig:
    """The settings of one run: stop.run's defaults, but for what is asked."""
    settings = {"generations": arguments.steps, "repeats": arguments.run_repeats}
    return RunConfig(
        tasks=tuple(t.name for t in find_tasks([which])), model=model, seed=seed, test_repeats=arguments.repeats,
        accept=arguments.accept, sandbox=usable("auto").name, **{key: n for key, n in settings.items() if n},
    )  # fmt: skip


def _each(tasks: Sequence[str], model: str, seeds: range, arguments: argparse.Namespace) -> dict[str, list[Row]]:
    """The rows of every task, those that --rows holds taken from it; seed after seed, so that none is far ahead."""
    kept = Path(arguments.rows) if arguments.rows else None
    known = {}
    if kept and kept.is_file():
        for one in map(json.loads, kept.read_text().splitlines()):
            known[json.dumps(one["config"])] = Row(**one["row"])
    found: dict[str, list[Row]] = {name: [] for name in tasks}
    for seed in seeds:
        for name in tasks:
            config = _asked(arguments, name, model, seed)
            key = json.dumps(config.record())
            if key not in known:
                known[key] = measure(config, arguments.workers)
                print(f"{name}: {_line(known[key])}", file=sys.stderr, flush=True)
                if kept:
                    with kept.open("a") as file:
                        file.write(json.dumps({"config": config.record(), "row": asdict(known[key])}) + "\n")
            found[name].append(known[key])
    return found


def measure(config: RunConfig, workers: int) -> Row:
    """One run, then its three scaffolds on test."""
    scaffold, tasks = read_scaffold("seed"), find_tasks(list(config.tasks))
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
            found = session.compare(arms)
    seed_score, best_score, control_score = (Score.of(runs).mean for runs in found.values())
    calls, control_calls = _calls(found["best"]), _calls(found["best_of_n"])
    scores = {name: [r.utility for r in runs] for name, runs in found.items()}
    return Row(config.seed, kept, seed_score, best_score, calls, control_score, control_calls, seconds, scores)


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
    """One task: means over runs, and differences of paired improver runs with 95 % intervals, stratified by run."""
    seed, best, calls, control, seconds = (
        statistics.fmean(getattr(r, name) for r in rows)
        for name in ("seed_score", "best_score", "best_calls", "control_calls", "seconds")
    )
    gains, over = (_paired(rows, other) for other in ("seed", "best_of_n"))
    above = sum(r.best_score > r.control_score for r in rows)
    return (
        f"| {name} | {sum(r.kept > 0 for r in rows)} of {len(rows)} | {seed:.4f} | {best:.4f} | {gains} | {over} "
        f"| {above} of {len(rows)} | {calls:.1f} | {control:.1f} | {seconds:.0f} |"
    )


def _paired(rows: Sequence[Row], other: str) -> str:
    """The best version minus another arm. Where no improver run differs there is no interval: that is no certainty."""
    runs = [{str(r.seed): r.runs[arm] for r in rows} for arm in ("best", other)]
    found = paired_difference(*runs)
    interval = found.interval()
    return f"{found.mean:+.4f}" + (f" [{interval[0]:+.4f}, {interval[1]:+.4f}]" if interval else "")


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
    found = stratified_mean({"seeds": values})
    interval = found.interval()
    if interval is None:
        return f"{found.mean:+.4f} (n={found.n}, no interval)"
    return f"{found.mean:+.4f} [{interval[0]:+.4f}, {interval[1]:+.4f}]"


if __name__ == "__main__":
    sys.exit(main())
