"""How often do the rules `better` and `paired` keep what is no better, and what do they see of what is?

    python benchmarks/acceptance.py [--pool FILE] [--decisions 2000] [--decision 1] [--runs 400] [--save FILE]

The pool: the utilities of many improver runs of the seed scaffold on val block 0 of every task of the set quick, with
the model mutation, and of two programs that mean the same, made as the controls of those names make them: `reword` (one
blank more in the prompt, so other replies to the same draws) and `rename` (other identifiers, so the same prompts and
the same replies: its differences are 0 by construction, and its row tests the loop, not the rules). Decisions are
resampled from the pool, without replacement inside a decision. First table: how often each rule keeps a child that is
no better. Parent against itself takes the two sides from disjoint draws, for on the same draws they would be equal; the
other two are paired by draw, as in a run. Second table: power and cost for true gains, made by raising each of the
child's utilities by the same amount, up to 1, so that the pool's mean rises by the gain; sides from disjoint draws.
Third table: how often the canary stops a child of a true loss, made the same way.

Making the pool takes some minutes on two cores; --save keeps it, --pool reads it, and then the tables take a minute.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stop.accept import Terms, Verdict, better, canary, paired
from stop.analysis.intervals import paired_difference, share_interval
from stop.betting import level_of
from stop.controls import renamed, reworded
from stop.draw import Draw
from stop.lineage import ImproverRun
from stop.noise import by_task
from stop.scaffold import read_scaffold
from stop.session import begin
from stop.settings import RunConfig

SETTINGS = RunConfig(tasks=())  # the defaults of a run
GAINS = (0.0, 0.02, 0.05, 0.10, 0.20)
LOSSES = (0.0, 0.02, 0.05, 0.10, 0.20)
SAME = ("parent", "reword", "rename")  # programs that mean the same
Pool = dict[str, dict[str, list[float]]]  # program -> task -> utility of each repeat
Sides = tuple[list[ImproverRun], list[ImproverRun]]  # child and parent, in order of repeat


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pool", metavar="FILE", help="read the pool instead of making it")
    p.add_argument("--save", metavar="FILE", help="where a pool that is made is kept")
    p.add_argument("--runs", type=int, default=400, help="improver runs per task and program (default: 400)")
    p.add_argument("--decisions", type=int, default=2000, help="resampled decisions a row (default: 2000)")
    p.add_argument("--decision", type=int, default=1, help="whose level holds: decision 1, 2, … of a run (default: 1)")
    p.add_argument("--workers", type=int, default=2, help="improver runs at once (default: 2)")
    arguments = p.parse_args(argv)
    if arguments.pool:
        pool: Pool = json.loads(Path(arguments.pool).read_text())["utilities"]
    else:
        pool = make_pool(arguments.runs, arguments.workers)
        if arguments.save:
            command = f"python benchmarks/acceptance.py --runs {arguments.runs} --save FILE"
            Path(arguments.save).write_text(json.dumps({"command": command, "utilities": pool}) + "\n")
    terms = Terms(level_of(arguments.decision, SETTINGS.level), SETTINGS.smallest_difference, SETTINGS.most_repeats)
    print(_heading(pool, arguments.decision, terms))
    print(false_acceptance(pool, arguments.decisions, terms))
    print(power(pool, arguments.decisions, terms))
    print(stopped(pool, arguments.decisions, terms))
    return 0


def make_pool(runs: int, workers: int) -> Pool:
    """The utilities of every program, recorded by runs of no step: the scores of version 0 on val block 0."""
    source = read_scaffold("seed").source
    draw = Draw(SETTINGS.seed, "propose", step=1)
    texts = {"parent": source, "reword": reworded(source, 1, draw), "rename": renamed(source, 1, draw)}
    pool: Pool = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            path = Path(folder) / f"{name}.py"
            path.write_text(text)
            with begin(
                "quick", out=Path(folder) / name, workers=workers, scaffold=str(path), generations=0, repeats=runs,
                noise_repeats=0,
            ) as session:  # fmt: skip
                session.score_seed()
                rows = session.recorded.rows("outcomes.jsonl")
            pool[name] = {}
            for row in rows:
                pool[name].setdefault(row["task"], []).append(round(row["utility"], 6))
            print(f"made: {name}, {len(rows)} improver runs", file=sys.stderr)
    return pool


# -- decisions --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Decided:
    """What came of one resampled decision."""

    better: bool  # kept by `better`, at the repeats of a run
    better_and_canary: bool  # and not stopped by the canary
    paired: str  # the verdict of `paired`
    repeats: int  # that it took
    fixed: bool  # kept by a one-sided paired t test of all repeats, at the same level


def decide(draw: Callable[[int], Sides], terms: Terms) -> Decided:
    """draw(n): n more repeats of child and parent."""
    child, parent = draw(terms.most_repeats)
    tasks = len({run.task for run in child})
    few = SETTINGS.repeats * tasks
    kept = better(child[:few], parent[:few]).status == "kept"
    passed = kept and canary(*draw(SETTINGS.repeats), terms.smallest_difference).status == "kept"
    repeats, verdict = _stopped(child, parent, tasks, terms)
    interval = paired_difference(by_task(child), by_task(parent)).interval(1 - 2 * terms.level)
    fixed = interval is not None and interval[0] > 0
    return Decided(kept, passed, verdict.status, repeats, fixed)


def _stopped(
    child: Sequence[ImproverRun], parent: Sequence[ImproverRun], tasks: int, terms: Terms
) -> tuple[int, Verdict]:
    """The first verdict of `paired`, and after how many repeats. Later repeats change no part of its paths."""
    whole = paired(child, parent, terms)
    assert whole is not None
    paths = whole.evidence["capital_better"], whole.evidence["capital_not_better"]
    for repeats, capitals in enumerate(zip(*paths, strict=True), 1):
        if max(capitals) >= 0.999 * whole.evidence["needed"]:
            verdict = paired(child[: repeats * tasks], parent[: repeats * tasks], terms)
            if verdict is not None:
                return repeats, verdict
    return terms.most_repeats, whole


def sampler(
    child: dict[str, list[float]], parent: dict[str, list[float]], *, same_draws: bool, rng: random.Random
) -> Callable[[int], Sides]:
    """Repeats of one decision, none of them twice, by task; the same draws on both sides, or none in common."""
    left = {task: rng.sample(range(len(values)), len(values)) for task, values in parent.items()}

    def draw(repeats: int) -> Sides:
        sides: Sides = [], []
        for number in range(repeats):
            for task, order in left.items():
                here = order.pop()
                there = here if same_draws else order.pop()
                sides[0].append(ImproverRun(task, number, "ok", utility=child[task][there]))
                sides[1].append(ImproverRun(task, number, "ok", utility=parent[task][here]))
        return sides

    return draw


# -- tables -----------------------------------------------------------------------------------------------------------
def false_acceptance(pool: Pool, decisions: int, terms: Terms) -> str:
    """How often what is no better is kept, with 99 % intervals (Clopper & Pearson 1934)."""
    names = "child", "mean difference", "`better` keeps", "and canary", "`paired` keeps", "not_better", "indecisive"
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for number, name in enumerate(SAME):
        rng = random.Random(number)
        child, parent, same = pool[name], pool["parent"], name != "parent"
        found = [decide(sampler(child, parent, same_draws=same, rng=rng), terms) for _ in range(decisions)]
        verdicts = Counter(d.paired for d in found)
        lines.append(
            f"| {name if same else 'the parent, other draws'} | {_pool_difference(child, parent) if same else '0'} "
            f"| {_rate(sum(d.better for d in found), decisions)} "
            f"| {_rate(sum(d.better_and_canary for d in found), decisions)} "
            f"| {_rate(verdicts['kept'], decisions)} "
            f"| {verdicts['not_better'] / decisions:.3f} | {verdicts['indecisive'] / decisions:.3f} |"
        )
    return "\n".join(lines) + "\n"


def power(pool: Pool, decisions: int, terms: Terms) -> str:
    """How often a true gain is kept, and the improver runs per task of both sides together that it took on average."""
    test = f"t test of {2 * terms.most_repeats} runs per task keeps"
    lines = [
        f"| true gain | `better` keeps | `paired` keeps | not_better | indecisive | runs per task | {test} |",
        "|---|---|---|---|---|---|---|",
    ]
    parent = pool["parent"]
    for number, gain in enumerate(GAINS):
        rng = random.Random(100 + number)
        child = {task: raised(values, gain) for task, values in parent.items()}
        found = [decide(sampler(child, parent, same_draws=False, rng=rng), terms) for _ in range(decisions)]
        verdicts = Counter(d.paired for d in found)
        spent = [2 * d.repeats for d in found]
        half = 2.576 * statistics.stdev(spent) / decisions**0.5
        lines.append(
            f"| {gain:.2f} | {_rate(sum(d.better for d in found), decisions)} | {_rate(verdicts['kept'], decisions)} "
            f"| {verdicts['not_better'] / decisions:.3f} | {verdicts['indecisive'] / decisions:.3f} "
            f"| {statistics.fmean(spent):.1f} ± {half:.1f} | {_rate(sum(d.fixed for d in found), decisions)} |"
        )
    return "\n".join(lines) + "\n"


def stopped(pool: Pool, decisions: int, terms: Terms) -> str:
    """How often the canary stops a child that is worse, at the repeats of a run."""
    lines = [f"| true loss | the canary of {SETTINGS.repeats} runs per task and side stops |", "|---|---|"]
    parent = pool["parent"]
    for number, loss in enumerate(LOSSES):
        rng = random.Random(200 + number)
        child = {task: lowered(values, loss) for task, values in parent.items()}
        pairs = (sampler(child, parent, same_draws=False, rng=rng)(SETTINGS.repeats) for _ in range(decisions))
        hits = sum(canary(*pair, terms.smallest_difference).status == "canary_failed" for pair in pairs)
        lines.append(f"| {loss:.2f} | {_rate(hits, decisions)} |")
    return "\n".join(lines)


def lowered(values: Sequence[float], loss: float) -> list[float]:
    """Each value lowered by the same amount, down to 0, so that their mean falls by the loss."""
    return [1.0 - v for v in raised([1.0 - v for v in values], loss)]


def raised(values: Sequence[float], gain: float) -> list[float]:
    """Each value raised by the same amount, up to 1, so that their mean rises by the gain."""
    low, high, target = 0.0, 1.0, statistics.fmean(values) + gain
    if target >= 1:
        raise ValueError(f"a gain of {gain:g} is not possible above a mean of {target - gain:.3f}")
    for _ in range(60):
        middle = (low + high) / 2
        above = statistics.fmean(min(1.0, v + middle) for v in values) > target
        low, high = (low, middle) if above else (middle, high)
    return [min(1.0, v + low) for v in values]


def _rate(hits: int, n: int) -> str:
    """A share with its 99 % interval."""
    low, high = share_interval(hits, n, 0.99)
    return f"{hits / n:.4f} [{low:.4f}, {high:.4f}]"


def _pool_difference(child: dict[str, list[float]], parent: dict[str, list[float]]) -> str:
    """Of two programs on the same draws, with its 99 % interval."""
    found = paired_difference(child, parent)
    low, high = found.interval(0.99) or (found.mean, found.mean)
    return f"{found.mean:+.4f} [{low:+.4f}, {high:+.4f}]"


def _heading(pool: Pool, decision: int, terms: Terms) -> str:
    parent = pool["parent"]
    runs = min(len(values) for values in parent.values())
    spread = ", ".join(f"{t} {statistics.fmean(v):.3f} ± {statistics.stdev(v):.3f}" for t, v in parent.items())
    return (
        f"pool: {runs} improver runs per task and program; the parent's mean ± standard deviation: {spread}\n"
        f"`better`: {SETTINGS.repeats} repeats, then as many for the canary; `paired`: decision {decision}, level "
        f"{terms.level:.4f}, at most {terms.most_repeats} repeats, smallest difference {terms.smallest_difference:g}; "
        "intervals 99 %\n"
    )


if __name__ == "__main__":
    sys.exit(main())
