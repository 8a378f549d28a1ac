"""Who is to be thanked: clades, growth, and each edit of the lineage by itself. Pure functions on a run's frames.

A version's own measurements are its improver runs on the val block that it was first judged on. Nothing that happens
later, to it or below it, changes them, and reading changes nothing. Evidence for a clade (`stop.clade`, which the
policy hgm chooses by) also has the runs in which a version was measured further.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from stop.analysis.edits import reverted
from stop.analysis.gain import difference
from stop.analysis.intervals import Estimate
from stop.analysis.measure import Measure, combined
from stop.analysis.recorded import (
    Recorded,
    ancestry,
    descendants,
    incumbent,
    mean_of,
    parents,
    row,
    runs,
    seed_of,
    utilities,
    versions,
)
from stop.clade import Evidence, clades
from stop.lineage import MEASURED_BLOCK
from stop.scaffold import canonical

GAMMA = 0.6  # HyperAgents analysis/transfer_utils.py
FEWEST_DESCENDANTS = 3  # the same


def own_evidence(run: Recorded, version: int) -> Evidence:
    """What a version's own improver runs came to, those too in which it was measured further, as the policy hgm does.

    A version that failed before it could be scored has as many failures as the seed had improver runs.
    """
    rows = [*runs(run, version, "val"), *runs(run, version, "val", MEASURED_BLOCK)]
    return Evidence.of(utilities(rows), unscored=len(runs(run, seed_of(run), "val")))


def clade_evidence(run: Recorded, version: int) -> Evidence:
    """The sum over the version and all its descendants."""
    row(run, version)
    return clades(parents(run), {v: own_evidence(run, v) for v in versions(run)})[version]


def metaproductivity(run: Recorded, version: int) -> Measure:
    """Clade metaproductivity: how well the version and all that came from it do.

    Formula: CMP = S / (S + F) over the clade; given is the mean of the posterior Beta(1 + S, 1 + F) and its central
    95 % credible interval. Range (0, 1). n: improver runs in the clade. So estimated in section 3 of Huxley-Goedel
    Machine, arXiv:2510.21614 (where S and F count solved and unsolved benchmark tasks; its code adds the descendants'
    results to the node's own list at every reading, ours does not). Scores between 0 and 1 count in parts; they spread
    less than successes and failures would, so the interval is rather too wide. It takes improver runs as independent
    and blocks as equally hard. Always defined: without evidence it is the prior, 1/2, and n is 0.
    """
    from scipy.special import betaincinv

    found = clade_evidence(run, version)
    a, b = found.posterior
    low, high = (float(betaincinv(a, b, q)) for q in (0.025, 0.975))
    return Measure(a / (a + b), low, high, found.n, "" if found.n else "the prior: nothing in the clade was scored")


def growth(run: Recorded, version: int, gamma: float = GAMMA) -> Measure:
    """How far a version's descendants are above it, the near ones counting more.

    Formula: mean over descendants d of gamma^dist(v, d) x (U_d - U_v), U: meta-utility on the version's own val block,
    0 for one that failed. Units of utility. n: descendants. HyperAgents, arXiv:2603.19461, appendix D.4; gamma = 0.6
    and at least three descendants as in its code. The interval is of the error of the scores alone (blocks taken as
    independent and equally hard); it says nothing of other descendants that might have been.
    Not defined below three descendants. Raises ValueError for a gamma outside (0, 1].
    """
    if not 0.0 < gamma <= 1.0:
        raise ValueError(f"a discount of {gamma:g}; it lies in (0, 1], as {GAMMA}")
    below = descendants(run, version)
    rows = runs(run, version, "val")
    if len(below) < FEWEST_DESCENDANTS or not rows:
        found = f"{len(below)} descendants, it takes {FEWEST_DESCENDANTS}" if rows else "it was never scored"
        return Measure.undefined(found, len(below))
    weights = {d: gamma**distance / len(below) for d, distance in sorted(below.items())}
    parts = [(weight, _score(run, d)) for d, weight in weights.items()]
    parts.append((-math.fsum(weights.values()), _score(run, version)))
    total = combined(parts)
    return Measure.of(Estimate(total.mean, len(below), total.stderr, total.df))


def _score(run: Recorded, version: int) -> Estimate:
    """Meta-utility on the own block; a version that failed has the score 0 without error."""
    rows = runs(run, version, "val")
    return mean_of(rows, utilities(rows)) if rows else Estimate(0.0, 0, 0.0, None)


@dataclass(frozen=True)
class LeftOut:
    """One edit on the way to the version that stands: what it is worth, all the others kept."""

    version: int  # that brought the edit
    effect: Measure


def leave_one_edit_out(run: Recorded, split: str = "val") -> list[LeftOut]:
    """For each edit between the seed and the incumbent: the incumbent's gain minus that of the incumbent without it.

    Formula: U(v) - U(v without edit e), in units of utility, where "without" undoes the edit in the incumbent's text
    (a three-way merge by lines). n: improver runs. Nothing is run: it is defined only where the program without the
    edit is itself a version that was scored, which always holds of the last edit (it is the parent) and seldom of
    others. Otherwise `why` says what is missing: the edit cannot be undone alone, for later ones changed the same
    or adjoining lines, or that program was never scored. [] where the seed stands. Source: leave-one-out ablation.
    """
    best = incumbent(run)
    path = ancestry(run, best)
    by_program: dict[str, list[int]] = {}
    for v in versions(run) if len(path) > 1 else ():
        by_program.setdefault(_program(run.source(str(row(run, v).sha))), []).append(v)
    found = []
    for parent, child in zip(path, path[1:], strict=False):
        texts = (run.source(str(row(run, v).sha)) for v in (parent, child, best))
        without = reverted(*texts)
        same = [] if without is None else by_program.get(_program(without), [])
        found.append(LeftOut(child, _effect(run, best, without, same, split)))
    return found


def _effect(run: Recorded, best: int, without: str | None, same: Sequence[int], split: str) -> Measure:
    """same: the versions that are the program without the edit."""
    if without is None:
        return Measure.undefined("missing: later edits changed the same or adjoining lines: it cannot be undone alone")
    scored = [difference(run, best, v, split) for v in same]
    defined = sorted((m for m in scored if m.estimate is not None), key=lambda m: "not paired" in m.why)
    if defined:
        return defined[0]
    what = f"version {same[0]} was not scored on {split}" if same else "no version is the program without it"
    return Measure.undefined(f"missing: {what}; it would have to be run")


@functools.lru_cache(maxsize=1024)
def _program(text: str) -> str:
    """What tells programs apart; a text that does not parse is only equal to itself."""
    try:
        return canonical(text)
    except SyntaxError:
        return text
