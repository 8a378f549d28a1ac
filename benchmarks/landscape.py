"""Where immediate score and metaproductivity disagree: which policy finds good versions at equal improver runs?

    python benchmarks/landscape.py [--land progeny] [--against 2] [--runs 200] [--first 0] [--budget 720]
                                   [--margin 0.05] [--policies hgm best dgm]

No program runs here. Lineages are made up: a version has two hidden numbers, its true score and its promise, which is
what descendants inherit. A child's promise is its parent's and a random change d ~ Normal(0, drift); what d does to the
score at once is set against what it does to descendants:

    promise(child) = promise(parent) + d
    progeny:     score(child) = promise(parent) - against * d + e                    promise: the score of children
    investment:  score(child) = score(parent) + promise(parent) - against * d + e    promise: the gain of children

with e ~ Normal(0, jitter) and scores kept within [0.02, 0.98]. With against > 0 a change that is good for descendants
is bad for the version itself (a rewrite that makes later changes easier), and one that spoils a whole clade looks good
at birth (a trick, an overfitted prompt), at every depth; with against < 0 they agree. How far they disagree over a
whole lineage is printed: the correlation of true score and promise in lineages whose parents are drawn uniformly. In
`progeny` only promise is inherited: a breeder's case for judging parents by their offspring, and HGM's. In `investment`
scores add up along a lineage, so that a high one is worth having.

The rest is the package's own: policies choose from a `Lineage`, a child is scored on three tasks in three improver runs
each, beside the current version, and kept by the rule `better`. The utility of an improver run is drawn from a Beta
distribution around the true score of the version, as wide as GRAIN instances of success or failure would make it. Every
improver run counts towards the budget: of the child, of what it is compared with, and those in which hgm measures
versions further. Simulated run i of every policy has the seed i. The figure of merit is the true score of the version
that the run returns, the last that was kept.

Where the margin holds (STATED): `progeny` at the least whole `against` at which score and promise are negatively
correlated. Reached is the margin if the whole 95 % interval of the paired difference lies above it. A margin that was
chosen after a look at some runs is for runs that nobody has seen: --first.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from stop.accept import better
from stop.analysis.intervals import Estimate, paired_difference, stratified_mean
from stop.arguments import named, number
from stop.choose import POLICIES, Policy, policy
from stop.lineage import MEASURED_BLOCK, Decision, ImproverRun, Lineage, Score, Spent, Version

MARGIN = 0.05  # of true score, that hgm is to be above best and dgm; stated before any run
STATED = ("progeny", 2.0)  # where
TASKS, REPEATS = ("a", "b", "c"), 3  # as in the default run
SEED_SCORE = 0.3
GRAIN = 8  # instances of a block: the spread of one improver run's utility
LEAST, MOST = 0.02, 0.98


@dataclass(frozen=True)
class Land:
    """What children inherit. drift, jitter: standard deviations of a change of promise, and of luck in a score."""

    promise: float  # of the seed
    drift: float
    jitter: float
    inherits_score: bool


LANDS = {
    "progeny": Land(promise=SEED_SCORE, drift=0.1, jitter=0.05, inherits_score=False),
    "investment": Land(promise=0.0, drift=0.03, jitter=0.02, inherits_score=True),
}


@dataclass(frozen=True)
class Nature:
    """What no policy sees of a version."""

    score: float
    promise: float

    def child(self, land: Land, against: float, rng: random.Random) -> Nature:
        change = rng.gauss(0.0, land.drift)
        expected = self.promise + (self.score if land.inherits_score else 0.0)
        score = expected - against * change + rng.gauss(0.0, land.jitter)
        return Nature(min(MOST, max(LEAST, score)), self.promise + change)

    def runs(self, repeats: Sequence[int], rng: random.Random) -> list[ImproverRun]:
        """Improver runs on every task; the mean of their utilities is the score."""
        a, b = GRAIN * self.score, GRAIN * (1.0 - self.score)
        return [ImproverRun(task, repeat, "ok", utility=rng.betavariate(a, b)) for repeat in repeats for task in TASKS]


class Simulated:
    """One run on the landscape, step by step, until the next step would not fit its budget of improver runs."""

    def __init__(self, chooses: Policy, land: Land, against: float, seed: int) -> None:
        self._policy, self._land, self._against, self._seed = chooses, land, against, seed
        self._rng = random.Random(seed)
        self.nature = [Nature(SEED_SCORE, land.promise)]
        self.lineage = Lineage()
        self.improver_runs = 0
        self._record(None, "seed", self._scored(0), [])

    def run(self, budget: int) -> Nature:
        """What it returns: the last version that was kept."""
        step = 2 * len(TASKS) * REPEATS
        while self.improver_runs + step <= budget and self._measured(budget - step):
            parent = self._policy.choose(self.lineage, self._seed).parent.id
            self.nature.append(self.nature[parent].child(self._land, self._against, self._rng))
            child, rival = self._scored(len(self.nature) - 1), self._scored(self.lineage.current().id)
            self._record(parent, better(child, rival).status, child, rival)
        return self.nature[self.lineage.current().id]

    def _scored(self, version: int) -> list[ImproverRun]:
        self.improver_runs += len(TASKS) * REPEATS
        return self.nature[version].runs(range(REPEATS), self._rng)

    def _measured(self, budget: int) -> bool:
        """Measures versions further as the policy asks; whether the budget allows a step after that."""
        done = 0
        while (version := self._policy.measure(self.lineage, self._seed, done)) is not None:
            if self.improver_runs + len(TASKS) > budget:
                return False
            runs = self.nature[version.id].runs([self.lineage.repeats_measured(version.id)], self._rng)
            rows = [r.record(version=version.id, split="val", block=MEASURED_BLOCK, unit="") for r in runs]
            self.lineage = self.lineage.measured(rows)
            self.improver_runs, done = self.improver_runs + len(runs), done + 1
        return True

    def _record(
        self, parent: int | None, status: str, child: Sequence[ImproverRun], rival: Sequence[ImproverRun]
    ) -> None:
        number, score = len(self.lineage.versions), Score.of(child)
        version = Version(
            number, f"{number:012}", "" if parent is None else f"{parent:012}", parent, number, 0, status,  # type: ignore[arg-type]
            score.mean, score.stderr, score.n, Spent(),
        )  # fmt: skip
        decision = Decision(number, number, "better", {}, len(child), None, number, version.status, "rule", "")
        outcomes = [r.record(version=number, split="val", block=number, unit="") for r in child]
        self.lineage.append(version, [decision], outcomes)


def found(spec: str, land: Land, against: float, seeds: Sequence[int], budget: int) -> list[float]:
    """True score of what each of the simulated runs returns."""
    return [Simulated(policy(spec), land, against, seed).run(budget).score for seed in seeds]


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--land", choices=LANDS, default=STATED[0], help="default: progeny")
    p.add_argument("--against", type=float, default=STATED[1], help="how far score and promise disagree (default: 2)")
    p.add_argument("--runs", type=number(2, "runs"), default=200, help="simulated runs of each policy (default: 200)")
    p.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first of them (default: 0)")
    p.add_argument("--margin", type=float, default=MARGIN, help=f"of true score (default: {MARGIN})")
    what = "improver runs of one (default: 720, some 40 steps)"
    p.add_argument("--budget", type=number(1, "improver runs"), default=720, help=what)
    kinds = named("policy", [*POLICIES])
    p.add_argument("--policies", nargs="+", type=kinds, default=[*POLICIES], metavar="NAME", help="default: all")
    arguments = p.parse_args(argv)
    seeds = range(arguments.first, arguments.first + arguments.runs)
    scores = {}
    for spec in arguments.policies:
        scores[spec] = found(spec, LANDS[arguments.land], arguments.against, seeds, arguments.budget)
        print(f"simulated: {spec}", file=sys.stderr)
    print(table(scores, arguments))
    return 0


def table(scores: dict[str, list[float]], arguments: argparse.Namespace) -> str:
    """Mean true scores and what hgm is above, with 95 % t intervals over simulated runs."""
    lines = [
        f"{arguments.land}, against {arguments.against:g}: intervals 95 %, correlation of score and promise "
        + _shown(correlation(LANDS[arguments.land], arguments.against), "+"),
        f"{arguments.runs} simulated runs from seed {arguments.first} on, of {arguments.budget} improver runs",
        f"the seed's true score is {SEED_SCORE}\n",
        "| policy | true score of the version returned | median | hgm - policy, paired by seed |",
        "|---|---|---|---|",
    ]
    for spec, values in scores.items():
        against = paired_difference({"": scores["hgm"]}, {"": values}) if spec != "hgm" and "hgm" in scores else None
        lines.append(
            f"| {spec} | {_shown(stratified_mean({'': values}))} | {statistics.median(values):.3f} "
            f"| {_shown(against, '+') if against else '-'} |"
        )
    if (arguments.land, arguments.against) == STATED and {"hgm", "best", "dgm"} <= set(scores):
        lines += ["", *(margin(scores["hgm"], scores[other], other, arguments.margin) for other in ("best", "dgm"))]
    return "\n".join(lines) + "\n"


def correlation(land: Land, against: float) -> Estimate:
    """Of true score and promise in 200 lineages of 41 versions whose parents were drawn uniformly."""
    values = []
    for seed in range(200):
        rng = random.Random(seed)
        grown = [Nature(SEED_SCORE, land.promise)]
        for _ in range(40):
            grown.append(rng.choice(grown).child(land, against, rng))
        values.append(statistics.correlation([v.score for v in grown], [v.promise for v in grown]))
    return stratified_mean({"": values})


def margin(hgm: Sequence[float], other: Sequence[float], name: str, stated: float) -> str:
    """Whether the stated margin was reached."""
    gap = paired_difference({"": hgm}, {"": other})
    low, _ = gap.interval() or (gap.mean, gap.mean)
    said = "reached" if low > stated else "not reached"
    return f"hgm above {name} by more than {stated}, interval and all: {said} ({_shown(gap, '+')})"


def _shown(one: Estimate, sign: str = "") -> str:
    low, high = one.interval() or (one.mean, one.mean)
    return f"{one.mean:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


if __name__ == "__main__":
    sys.exit(main())
