"""Which version is the next parent. Pure: opens nothing and starts nothing.

Owns: the policies, their published numbers, the chance with which each version is chosen, which version is measured
further. Does not own: what a child must beat (improve: the current version, whichever policy chose its parent), the
measuring (improve), sums over clades (clade).

A policy gives every candidate a chance, a function of the lineage as it stands; then one draw, a hash of the run seed
and the step, takes one of them. So a choice depends on nothing that a resume or a replay does not have.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from stop.chain import Record
from stop.clade import Evidence, clades, thompson
from stop.draw import drawn_index, drawn_share
from stop.lineage import Lineage, Version

Shares = dict[int, float]  # version -> the chance that it is chosen; they add up to 1
SMALLEST_SPREAD = 1e-6  # shinka/database/parents.py


class BadPolicy(ValueError):
    """A policy that does not exist, or a number that it does not take; the message is one line that says why."""


@dataclass(frozen=True)
class State:
    """What a policy may look at."""

    lineage: Lineage  # as it stands, with at least the seed
    candidates: Sequence[Version]  # that may be the parent, in order of birth, at least one
    run_seed: int

    @property
    def step(self) -> int:
        """The one that the choice is for."""
        return self.lineage.versions[-1].step + 1


@dataclass(frozen=True)
class Choice:
    """A parent, and why it: with which probability it was chosen, among how many candidates."""

    parent: Version
    record: Record = field(default_factory=dict)  # what the decision on the child holds of it


class Policy:
    """A way to choose. Its fields are what `--policy NAME:KEY=VALUE` sets; the defaults are the published numbers."""

    recorded: ClassVar[bool] = True  # whether a choice is worth a record

    def candidates(self, lineage: Lineage) -> Sequence[Version]:
        """Who may be a parent: what ran, kept or not, and was not withdrawn."""
        return lineage.archive()

    def shares(self, state: State) -> Shares:
        """The chance of each candidate."""
        raise NotImplementedError

    def further(self, state: State) -> Shares:
        """The chance of each candidate to be measured further first; {}: none is, any more."""
        return {}

    def most_further(self, steps: int, tasks: int, trials: int) -> int:
        """The most improver runs in which versions are measured further in so many steps.

        trials: improver runs that a version has from its birth, at the least.
        """
        return 0

    def told(self, state: State) -> Record:
        """What a record needs beside the chance of the one that was chosen."""
        return {}

    def choose(self, lineage: Lineage, run_seed: int) -> Choice:
        """The parent of the next step."""
        state = State(lineage, self.candidates(lineage), run_seed)
        shares = self.shares(state)
        parent = lineage.versions[taken(shares, "parent", run_seed, state.step)]
        if not self.recorded:
            return Choice(parent)
        why = {"probability": shares[parent.id], "candidates": len(state.candidates)}
        return Choice(parent, {**why, **self.told(state)})

    def measure(self, lineage: Lineage, run_seed: int, done: int) -> Version | None:
        """The version that is measured further before the parent of the next step is chosen; None: none is.

        done: how many repeats of all tasks were measured in this step already.
        """
        state = State(lineage, self.candidates(lineage), run_seed)
        shares = self.further(state)
        return lineage.versions[taken(shares, "further", run_seed, state.step, done)] if shares else None


def taken(shares: Shares, what: str, run_seed: int, step: int, *of: int) -> int:
    """The version that a draw takes, in the order of the shares. One that has no share is never taken."""
    possible = {version: share for version, share in shares.items() if share > 0.0}
    versions = list(possible)
    if len(set(possible.values())) == 1:  # a whole number needs no rounding
        return versions[drawn_index(what, run_seed, step, *of, among=len(versions))]
    at, ends = drawn_share(what, run_seed, step, *of), itertools.accumulate(possible.values())
    return next((v for v, end in zip(versions, ends, strict=True) if at < end), versions[-1])


def number(default: Any, least: float, most: float) -> Any:
    """A field of a policy; of the type of its default."""
    return field(default=default, metadata={"least": least, "most": most})


# -- from what was kept ------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Chain(Policy):
    """The current version improves itself: STOP, arXiv:2310.02304, Algorithm 1."""

    recorded = False  # its parent is the current version: there is nothing to say

    def candidates(self, lineage: Lineage) -> Sequence[Version]:
        return lineage.runnable()

    def shares(self, state: State) -> Shares:
        return {state.lineage.current().id: 1.0}


@dataclass(frozen=True)
class Best(Policy):
    """Of what was kept and stands the highest score, of equal ones the latest: greedy.

    `best` in facebookresearch/HyperAgents, utils/gl_utils.py. That of DGM_outer.py sorts the wrong way round and takes
    the worst.
    """

    def candidates(self, lineage: Lineage) -> Sequence[Version]:
        return lineage.runnable()

    def shares(self, state: State) -> Shares:
        return {max(state.candidates, key=lambda v: (v.meta_utility, v.id)).id: 1.0}


# -- from the archive --------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Random(Policy):
    """Each with the same chance: `random` in DGM_outer.py and in HyperAgents."""

    def shares(self, state: State) -> Shares:
        return {v.id: 1.0 / len(state.candidates) for v in state.candidates}


@dataclass(frozen=True)
class Dgm(Policy):
    """Darwin Goedel Machine, arXiv:2505.22954: in proportion to sigmoid(steepness (score - midpoint)) / (1 + children).

    `score_child_prop` in jennyzzt/dgm, DGM_outer.py. Children are those in its archive: here those that ran, whatever
    was decided of them later. It draws two parents at a time, here there is one a step.
    """

    midpoint: float = number(0.5, 0.0, 1.0)
    steepness: float = number(10.0, 0.001, 1000.0)

    def shares(self, state: State) -> Shares:
        return _in_proportion(
            {
                v.id: sigmoid(self.steepness * (v.meta_utility - self.midpoint))
                / (1 + sum(state.lineage.ran(child.id) for child in state.lineage.children(v.id)))
                for v in state.candidates
            }
        )


@dataclass(frozen=True)
class Hyper(Policy):
    """HyperAgents, arXiv:2603.19461: in proportion to sigmoid(steepness (score - mean of the top scores)) times
    exp(-(n / children)^3), n: all children, the failed ones too.

    `score_child_prop` in facebookresearch/HyperAgents, utils/gl_utils.py; there as here all have the same chance where
    all weights are 0.
    """

    top: int = number(3, 1, 1000)
    steepness: float = number(10.0, 0.001, 1000.0)
    children: float = number(8.0, 0.001, 1000.0)

    def shares(self, state: State) -> Shares:
        middle = statistics.fmean(sorted((v.meta_utility for v in state.candidates), reverse=True)[: self.top])
        return _in_proportion(
            {
                v.id: sigmoid(self.steepness * (v.meta_utility - middle))
                * math.exp(-((len(state.lineage.children(v.id)) / self.children) ** 3))
                for v in state.candidates
            }
        )


@dataclass(frozen=True)
class Hgm(Policy):
    """Huxley-Goedel Machine, arXiv:2510.21614, section 3: Thompson sampling on the success rates of clades.

    A trial is one improver run, task x repeat; one that scored u in [0, 1] is u of a success. As in metauto-ai/HGM,
    hgm.py: only versions whose own mean is above 0, if there are any; tau = 1, its default. Not as in its tree.py:
    reading changes nothing, no descendant is left out or counted twice. Not taken over is the cap on a node's own
    weight (n_pseudo_descendant_evals, 10000): no run here is as long.

    Growth: a version is added when N^alpha >= |T| - 1, else one is measured further. N: trials of all versions but the
    seed, and those in which the seed was measured further; |T| - 1: versions but the seed. Who is measured is a
    Thompson draw on each one's own trials. HGM tries one benchmark task at a time; here a measurement is one repeat of
    every task, so that tasks keep the same weight, and a version has all trials of its birth at once: with 9 of them
    the first measurement comes before step 29.
    """

    alpha: float = number(0.6, 0.3, 1.0)

    def shares(self, state: State) -> Shares:
        own = _evidence(state.lineage)
        clade = clades({v.id: v.parent_id for v in state.lineage.versions}, own)
        able = [v for v in state.candidates if own[v.id].successes > 0.0] or state.candidates
        return {v.id: 0.0 for v in state.candidates} | thompson({v.id: clade[v.id] for v in able})

    def further(self, state: State) -> Shares:
        own = _evidence(state.lineage)
        first, *others = state.lineage.versions
        tasks = len({run.task for run in state.lineage.own(first.id)})
        trials = sum(own[v.id].n for v in others) + tasks * state.lineage.repeats_measured(first.id)
        if not tasks or trials**self.alpha >= len(others):
            return {}
        return thompson({v.id: own[v.id] for v in state.candidates})

    def most_further(self, steps: int, tasks: int, trials: int) -> int:
        """What N lacks before the last step: the more versions, the more it lacks for each."""
        others = max(0, steps - 1)
        return tasks * math.ceil(max(0.0, others ** (1.0 / self.alpha) - trials * others) / tasks)


@dataclass(frozen=True)
class Pareto(Policy):
    """GEPA's selection of candidates, arXiv:2507.19457, Algorithm 2, with tasks in the place of instances.

    On each task a front: who has the highest mean there, on the block of its own. A version that has another one beside
    it on every front that it is on is dominated and taken out, the lowest score first. Each that is left has a chance
    in proportion to its fronts. gepa-ai/gepa, src/gepa/gepa_utils.py.
    """

    def shares(self, state: State) -> Shares:
        means = {v.id: _task_means(state.lineage, v.id) for v in state.candidates}
        fronts = []
        for task in sorted(set().union(*means.values())):
            highest = max(found.get(task, 0.0) for found in means.values())
            fronts.append({version for version, found in means.items() if found.get(task, 0.0) == highest})
        left = set().union(*fronts)
        for version in sorted(left, key=lambda v: (state.lineage.versions[v].meta_utility, v)):
            if all(front & left - {version} for front in fronts if version in front):
                left.discard(version)
        return _in_proportion({v: float(sum(v in front for front in fronts)) if v in left else 0.0 for v in means})


@dataclass(frozen=True)
class Islands(Policy):
    """ShinkaEvolve, arXiv:2509.19349: an island, drawn uniformly, and on it a parent in proportion to
    sigmoid(steepness (score - median) / max(MAD, 1e-6)) / (1 + all children).

    MAD: the median absolute deviation. The seed is on every island, a child on that of its step. After every `interval`
    steps each island sends `rate` of those born in the run, at least one, to others; its best stays.
    SakanaAI/ShinkaEvolve, shinka/database: islands.py, island_sampler.py, parents.py. Two islands, a steepness of 10
    and an interval of 10 are its defaults, the rate is that of its presets (without one there is no migration). Not
    taken over is the archive of the best 40.
    """

    islands: int = number(2, 1, 1000)
    interval: int = number(10, 1, 1_000_000)
    rate: float = number(0.1, 0.0, 1.0)
    steepness: float = number(10.0, 0.001, 1000.0)

    def shares(self, state: State) -> Shares:
        here = self.inhabitants(state)[self._drawn(state, state.step)]
        found = [v for v in state.candidates if v.id in here]
        middle = statistics.median(v.meta_utility for v in found)
        spread = statistics.median(abs(v.meta_utility - middle) for v in found)
        weights = {
            v.id: sigmoid(self.steepness * (v.meta_utility - middle) / max(spread, SMALLEST_SPREAD))
            / (1 + len(state.lineage.children(v.id)))
            for v in found
        }
        return {v.id: 0.0 for v in state.candidates} | _in_proportion(weights)

    def told(self, state: State) -> Record:
        """The island of the step, from 0: the probability is that on it."""
        return {"island": self._drawn(state, state.step)}

    def inhabitants(self, state: State) -> list[set[int]]:
        """The versions on each island before the state's step: a function of births and of the run seed alone."""
        found: list[set[int]] = [{0} for _ in range(self.islands)]
        for version in state.lineage.versions[1:]:
            found[self._drawn(state, version.step)].add(version.id)
            if version.step % self.interval == 0 and self.islands > 1 and self.rate > 0.0:
                for who, home, away in self._migrants(found, state, version.step):
                    found[home].discard(who)
                    found[away].add(who)
        return found

    def _drawn(self, state: State, step: int) -> int:
        return drawn_index("island", state.run_seed, step, among=self.islands)

    def _migrants(self, found: Sequence[set[int]], state: State, step: int) -> list[tuple[int, int, int]]:
        """Who leaves which island for which, drawn uniformly."""
        leaving = []
        for home, here in enumerate(found):
            born = [state.lineage.versions[v] for v in sorted(here - {0}) if state.lineage.ran(v)]
            stays = max(born, key=lambda v: (v.meta_utility, -v.id), default=None)
            free = [v.id for v in born if v is not stays]
            free.sort(key=lambda who: drawn_share("migrant", state.run_seed, step, who))
            for who in free[: max(1, int(len(born) * self.rate))]:
                away = drawn_index("destination", state.run_seed, step, who, among=self.islands - 1)
                leaving.append((who, home, away + (away >= home)))
        return leaving


# -- what they have in common ------------------------------------------------------------------------------------------
def sigmoid(x: float) -> float:
    """1 / (1 + e^-x), for any x."""
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0.0 else math.exp(x) / (1.0 + math.exp(x))


def _in_proportion(weights: Mapping[int, float]) -> Shares:
    """Shares in proportion to weights, each at least 0; equal ones if all are 0."""
    total = math.fsum(weights.values())
    return {v: weight / total if total > 0.0 else 1.0 / len(weights) for v, weight in weights.items()}


def _evidence(lineage: Lineage) -> dict[int, Evidence]:
    """Of every version by itself."""
    unscored = len(lineage.own(lineage.versions[0].id))
    return {v.id: Evidence.of((r.utility for r in lineage.own(v.id)), unscored=unscored) for v in lineage.versions}


def _task_means(lineage: Lineage, version: int) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for run in lineage.own(version):
        found.setdefault(run.task, []).append(run.utility)
    return {task: statistics.fmean(values) for task, values in found.items()}


# -- by name -----------------------------------------------------------------------------------------------------------
POLICIES: Mapping[str, type[Policy]] = {
    "chain": Chain, "best": Best, "random": Random, "dgm": Dgm, "hyper": Hyper, "hgm": Hgm, "pareto": Pareto,
    "islands": Islands,
}  # fmt: skip


def policy(spec: str) -> Policy:
    """The policy of `NAME` or `NAME:KEY=VALUE,...`. Raises BadPolicy."""
    name, _, given = spec.partition(":")
    if name not in POLICIES:
        raise BadPolicy(f"--policy {spec}: no policy {name!r}; {_found(name, POLICIES)}.")
    kind = POLICIES[name]
    numbers = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    values = {}
    for part in given.split(",") if _ else ():
        key, _, text = part.partition("=")
        if key not in numbers:
            has = _found(key, numbers) if numbers else f"{name} has no numbers to set"
            raise BadPolicy(f"--policy {spec}: no number {key!r}; {has}. Give NAME:KEY=VALUE,KEY=VALUE.")
        if key in values:
            raise BadPolicy(f"--policy {spec}: {key} is given twice. Give it once.")
        values[key] = _value(spec, text, numbers[key])
    return kind(**values)


def _found(name: str, choices: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, choices, n=1)
    return (f"nearest: {near[0]}; " if near else "") + f"found: {', '.join(choices)}"


def _value(spec: str, text: str, wanted: dataclasses.Field) -> float:
    """What is written there, in the range of that number. Raises BadPolicy."""
    least, most, whole = wanted.metadata["least"], wanted.metadata["most"], isinstance(wanted.default, int)
    try:
        value: float = int(text) if whole else float(text)
        fits = least <= value <= most
    except ValueError:
        value, fits = 0.0, False
    if not fits:
        what = f"a {'whole ' * whole}number from {least:g} to {most:g} (published: {wanted.default:g})"
        raise BadPolicy(f"--policy {spec}: {wanted.name} {text!r}: give {what}.")
    return value
