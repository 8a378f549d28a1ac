"""What became of a model's replies, and what its improver runs gained, read off recorded runs.

    python benchmarks/replies.py RUN [RUN ...]

Replies: how many there are, how they ended, how many hold a fenced block, and how many hold a program that parses.
Candidates: the distinct programs that improvers had scored on train, by task: how many do not parse, fail on an
instance, run without gain, beat the task's seed solution.
Gains: utility of the returned program minus that of the task's seed, per improver run; mean and 95 % t interval,
stratified by task (degrees of freedom: improver runs minus tasks). Improver runs of one task share its instances, so
an interval speaks of other draws, not of other instances.
Differences: utility under the first run minus that under each other one, paired by task and repeat, of version 0 on the
same val block; mean and interval as above.
Reads run folders; runs nothing but the tasks' own seed solutions, on train.
"""

from __future__ import annotations

import argparse
import ast
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import stop
from stop.frames import Run
from stop.lineage import ImproverRun, Score
from stop.sandbox import usable
from stop.sandbox.inside.helpers import extract_code
from stop.settings import RunConfig
from stop.show import print_table
from stop.task import find_tasks
from stop.tasks import measured
from stop.utility import Evaluation

REPLIES = ("run", "model", "scaffold", "replies", "ended", "fenced", "parse", "output tokens")
CANDIDATES = ("run", "task", "candidates", "do not parse", "fail", "run without gain", "beat the seed")
DIFFERENCES = ("first", "minus", "task", "n", "difference", "95 % interval", "calls per run")
GAINS = ("run", "version", "split", "task", "n", "seed", "gain", "95 % interval", "calls per run")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders")
    runs = [stop.load(path) for path in parser.parse_args(argv).runs]
    for headings, rows in ((REPLIES, reply_row), (CANDIDATES, candidate_rows), (GAINS, gain_rows)):
        print_table(headings, [row for run in runs for row in rows(run)])
        print()
    print_table(DIFFERENCES, [row for other in runs[1:] for row in difference_rows(runs[0], other)])
    return 0


def reply_row(run: Run) -> list[tuple[object, ...]]:
    calls, config = run.rows("calls.jsonl"), run.settings["config"]
    ended = ", ".join(f"{n} {reason}" for reason, n in run.stop_reasons.items())
    fenced = sum("```" in call["reply"] for call in calls)
    parse = sum(map(parses, extract_code([call["reply"] for call in calls])))
    tokens = sum(call["output_tokens"] for call in calls)
    return [(run.path.name, run.settings["model"], config["scaffold"], len(calls), ended, fenced, parse, tokens)]


def parses(code: str) -> bool:
    """Whether the text is a program, and not nothing."""
    try:
        return bool(ast.parse(code).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def candidate_rows(run: Run) -> list[tuple[object, ...]]:
    """Per task; the seed solution itself is no candidate."""
    config = RunConfig.of(run.settings["config"])
    found = []
    for task in find_tasks(list(config.tasks), config.preset):
        _, seed = measured(task, task.seed_source, usable("auto").name)
        rows = [r for r in run.rows("evaluations.jsonl") if (r["task"], r["split"]) == (task.name, "train")]
        kinds = Counter(kind(Evaluation.of(row), seed.score) for row in rows if row["sha"] != seed.sha)
        found.append((run.path.name, task.name, kinds.total(), *(kinds[name] for name in CANDIDATES[3:])))
    return found


def kind(found: Evaluation, seed_score: float) -> str:
    if any("does not parse" in o.detail or "no program" in o.detail for o in found.outcomes):
        return "do not parse"
    if any(o.status != "scored" for o in found.outcomes):
        return "fail"
    return "beat the seed" if found.score > seed_score else "run without gain"


def gain_rows(run: Run) -> list[tuple[object, ...]]:
    """Per version and split: all tasks together, then each of them."""
    found: list[tuple[object, ...]] = []
    for (version, split), rows in run.outcomes.groupby(["version", "split"], sort=True):
        gains = {task: list(of.utility - of.seed_utility) for task, of in rows.groupby("task")}
        seeds, calls = rows.groupby("task").seed_utility.mean(), rows.groupby("task").llm_calls.mean()
        of_tasks = {task: (seeds[task], calls[task], {task: values}) for task, values in gains.items()}
        for name, (seed, asked, some) in {"all": (seeds.mean(), calls.mean(), gains), **of_tasks}.items():
            mean, interval = estimate(some)
            n = sum(map(len, some.values()))
            cells = f"{seed:.4f}", f"{mean:+.4f}", interval, f"{asked:.1f}"
            found.append((run.path.name, version, split, name, n, *cells))
    return found


def difference_rows(first: Run, other: Run) -> list[tuple[object, ...]]:
    """All tasks that both have together, then each of them; nothing if they were not scored on the same block."""
    mine, theirs = (seed_runs(run) for run in (first, other))
    pairs: dict[str, list[float]] = {}
    for task, repeat in sorted(mine.keys() & theirs.keys()):
        pairs.setdefault(task, []).append(mine[task, repeat].utility - theirs[task, repeat].utility)
    if not pairs or first.settings["tasks"].keys() & other.settings["tasks"].keys() != pairs.keys():
        return []
    found: list[tuple[object, ...]] = []
    for name, some in {"all": pairs, **{task: {task: values} for task, values in pairs.items()}}.items():
        mean, interval = estimate(some)
        calls = (statistics.fmean(runs[key].llm_calls for key in runs if key[0] in some) for runs in (mine, theirs))
        cells = f"{mean:+.4f}", interval, " and ".join(f"{n:.1f}" for n in calls)
        found.append((first.path.name, other.path.name, name, sum(map(len, some.values())), *cells))
    return found


def seed_runs(run: Run) -> dict[tuple[str, int], Any]:
    """Outcomes of version 0 on val block 0, by task and repeat."""
    rows = run.outcomes[(run.outcomes.version == 0) & (run.outcomes.split == "val") & (run.outcomes.block == 0)]
    return {(row.task, row.repeat): row for row in rows.itertuples()}


def estimate(gains: Mapping[str, Sequence[float]]) -> tuple[float, str]:
    """Mean of the tasks' means, and its 95 % t interval."""
    from scipy import stats

    runs = [ImproverRun(task, i, "ok", utility=gain) for task, values in gains.items() for i, gain in enumerate(values)]
    score = Score.of(runs)
    if score.stderr is None:
        return score.mean, "none (n=1)"
    half = stats.t.ppf(0.975, score.n - len(gains)) * score.stderr
    return score.mean, f"[{score.mean - half:+.4f}, {score.mean + half:+.4f}]"


if __name__ == "__main__":
    sys.exit(main())
