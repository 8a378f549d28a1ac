"""What every scaffold makes of the tasks at equal calls, beside best_of_n, which only asks as often.

    python benchmarks/scaffolds.py [--scaffolds A,B] [--tasks SET] [--seeds 0-9] [--repeats 2] [--rows FILE] [--model M]

For every seed, task and scaffold: improver runs on the task's seed solution with the default budgets of a run, what
they return scored on test. All scaffolds face the same instances and draws, so that value i of one is paired with value
i of another. Prints two tables:

- the median over seeds of the utility on test, with a distribution-free interval between order statistics (for ten
  seeds the 2nd and the 9th value, 97.9 %), and the replies asked for per improver run: all may ask for as many, but
  some, as `seed`, ask for fewer;
- the paired differences from best_of_n: the median over seeds for each task, with the same kind of interval and
  without a verdict; and over all tasks the mean of all paired improver runs, tasks weighing the same, with a 95 % t
  interval and a p-value adjusted for the number of scaffolds (Holm).

The intervals say nothing of other tasks or instances: all seeds share one test block. With --rows what is measured is
kept in a file, and the same command goes on from it; a scaffold or task that was changed is measured anew.
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
from typing import Any

from stop.analysis.intervals import Median, holm, median, paired_difference
from stop.arguments import number
from stop.improve import Arm
from stop.scaffold import BadScaffold, Scaffold, UnknownScaffold, find_scaffold, read_scaffold
from stop.session import begin
from stop.settings import RunConfig
from stop.task import BadTask, Task, UnknownTask, find_tasks

BASELINE = "best_of_n"
SMALLEST_SHOWN = "0.0001"  # p-value


@dataclass(frozen=True)
class Row:
    """One scaffold on one task with one seed: its improver runs on test."""

    scaffold: str
    task: str
    seed: int
    seconds: float
    utilities: list[float] = field(default_factory=list)  # (repeats,), each in [0, 1]
    calls: list[int] = field(default_factory=list)  # (repeats,), replies asked for


Found = dict[tuple[str, str], list[Row]]  # (scaffold, task) -> one row per seed, in the order of seeds


class Rows:
    """What is measured already, in a file if there is one. A row is known by all that could change it."""

    def __init__(self, path: str) -> None:
        """path: "" for no file."""
        self._path = Path(path) if path else None
        lines = self._path.read_text().splitlines() if self._path and self._path.is_file() else []
        self._known = {json.dumps(one["of"]): Row(**one["row"]) for one in map(json.loads, lines)}

    def __contains__(self, of: dict[str, Any]) -> bool:
        return json.dumps(of) in self._known

    def __getitem__(self, of: dict[str, Any]) -> Row:
        return self._known[json.dumps(of)]

    def add(self, of: dict[str, Any], row: Row) -> None:
        self._known[json.dumps(of)] = row
        if self._path:
            with self._path.open("a") as file:
                file.write(json.dumps({"of": of, "row": asdict(row)}) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--scaffolds", help=f"comma-separated, {BASELINE} is added (default: all of scaffolds/)")
    p.add_argument("--tasks", default="paper", help="a task, a set or the path of a task (default: paper)")
    p.add_argument("--model", default="mutation", help="as for stop.run (default: mutation)")
    p.add_argument("--base-url", default="", metavar="URL", help="of the model's server")
    p.add_argument("--preset", default="", help="its budgets and sizes of tasks (default: none)")
    p.add_argument("--seeds", default="0-9", help="first-last (default: 0-9; below 1000 is for reporting only)")
    what = "improver runs per seed, task and scaffold (default: 2)"
    p.add_argument("--repeats", type=number(1, "improver runs"), default=2, help=what)
    p.add_argument("--rows", default="", metavar="FILE", help="to which rows are added, and from which it goes on")
    what = "improver runs at once (default: 2)"
    p.add_argument("--workers", type=number(1, "improver runs at once"), default=2, help=what)
    asked = p.parse_args(argv)
    first, _, last = asked.seeds.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal() and int(first) <= int(last or first)):
        p.error(f"--seeds {asked.seeds!r}: give the first and the last, as in 0-9")
    seeds = range(int(first), int(last or first) + 1)
    names = asked.scaffolds.split(",") if asked.scaffolds else [f.stem for f in sorted(_folder().glob("*.py"))]
    try:
        scaffolds = {name: read_scaffold(name) for name in dict.fromkeys([BASELINE, *names])}
        tasks = find_tasks([asked.tasks], asked.preset)
    except (BadScaffold, UnknownScaffold, BadTask, UnknownTask) as error:
        p.error(str(error))
    found: Found = {(name, task.name): [] for name in scaffolds for task in tasks}
    rows = Rows(asked.rows)
    for seed in seeds:  # seed after seed, so that a measurement that is cut short has some of everything
        for task in tasks:
            for row in measured(task, seed, scaffolds, rows, asked):
                found[row.scaffold, row.task].append(row)
    print("\n".join(tables(found, list(scaffolds), [task.name for task in tasks])), flush=True)
    return 0


def _folder() -> Path:
    return find_scaffold(BASELINE).parent


def measured(task: Task, seed: int, scaffolds: dict[str, Scaffold], rows: Rows, asked: argparse.Namespace) -> list[Row]:
    """A row for every scaffold; those that are not known are measured, in one session that shares evaluations."""
    settings = {"model": asked.model, "base_url": asked.base_url, "seed": seed, "test_repeats": asked.repeats}
    config = RunConfig.by_preset(asked.preset, tasks=(task.name,), **settings).record()
    of = {name: {"config": config, "task": task.sha, "scaffold": s.sha} for name, s in scaffolds.items()}
    missing = [name for name in scaffolds if of[name] not in rows]
    if missing:
        with (
            tempfile.TemporaryDirectory() as folder,
            begin(
                str(task.path), out=Path(folder) / "run", workers=asked.workers, preset=asked.preset, look_again=True,
                **settings,
            ) as session,
        ):  # fmt: skip
            for name in missing:
                started = time.monotonic()
                runs = session.compare([Arm(name, scaffolds[name])])[name]
                seconds = time.monotonic() - started
                row = Row(name, task.name, seed, seconds, [r.utility for r in runs], [r.spent.llm_calls for r in runs])
                rows.add(of[name], row)
                score = statistics.fmean(row.utilities)
                print(f"seed {seed}, {task.name}, {name}: {score:.4f} in {seconds:.1f} s", file=sys.stderr, flush=True)
    return [rows[one] for one in of.values()]


def tables(found: Found, scaffolds: Sequence[str], tasks: Sequence[str]) -> list[str]:
    """The lines of both tables."""
    lines = ["| scaffold | replies | " + " | ".join(tasks) + " |", "|---" * (len(tasks) + 2) + "|"]
    for name in scaffolds:
        calls = statistics.fmean(n for task in tasks for row in found[name, task] for n in row.calls)
        cells = [_cell(median(_means(found[name, task])), "") for task in tasks]
        lines.append(f"| {name} | {calls:.1f} | " + " | ".join(cells) + " |")
    others = [name for name in scaffolds if name != BASELINE]
    whole = [paired_difference(_strata(found, name, tasks), _strata(found, BASELINE, tasks)) for name in others]
    tested = [(name, one.p_value) for name, one in zip(others, whole, strict=True) if one.p_value is not None]
    adjusted = dict(zip((name for name, _ in tested), holm([p for _, p in tested if p is not None]), strict=True))
    head = f"| minus {BASELINE} | " + " | ".join(tasks) + " | mean, all tasks | p (Holm) | seeds above, equal, below |"
    lines += ["", head, "|---" * (len(tasks) + 4) + "|"]
    for name, one in zip(others, whole, strict=True):
        gaps = {task: _gaps(found[name, task], found[BASELINE, task]) for task in tasks}
        signs = [(gap > 0) - (gap < 0) for values in gaps.values() for gap in values]
        cells = [_cell(median(values), "+") for values in gaps.values()]
        interval = one.interval()
        mean = f"{one.mean:+.4f}" + (f" [{interval[0]:+.4f}, {interval[1]:+.4f}]" if interval else "")
        p = _p_value(adjusted[name]) if name in adjusted else "none"
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {mean} | {p} | {', '.join(_counts(signs))} |")
    return lines


def _means(rows: Sequence[Row]) -> list[float]:
    """The value of each seed."""
    return [statistics.fmean(row.utilities) for row in rows]


def _gaps(rows: Sequence[Row], baseline: Sequence[Row]) -> list[float]:
    """Seed by seed."""
    return [mine - theirs for mine, theirs in zip(_means(rows), _means(baseline), strict=True)]


def _strata(found: Found, name: str, tasks: Sequence[str]) -> dict[str, list[float]]:
    """Every improver run by itself, task by task."""
    return {task: [value for row in found[name, task] for value in row.utilities] for task in tasks}


def _counts(signs: Sequence[int]) -> list[str]:
    return [str(signs.count(sign)) for sign in (1, 0, -1)]


def _p_value(p: float) -> str:
    return f"{p:.4f}" if p >= float(SMALLEST_SHOWN) else f"<{SMALLEST_SHOWN}"


def _cell(found: Median, sign: str) -> str:
    interval = found.interval
    between = f" [{interval[0]:{sign}.3f}, {interval[1]:{sign}.3f}]" if interval else ""
    return f"{found.value:{sign}.3f}{between}"


if __name__ == "__main__":
    sys.exit(main())
