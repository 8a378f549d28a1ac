"""How good an improver is at improving: gains, the multiplier, returns and elasticities. Pure functions on frames.

Every improver run of a task begins with the same program, the task's seed solution: the tasks' seeds are the frozen
panel of start programs, the same for every version of a run. A gain is the utility of what an improver run returned
minus that of the program that it was given, on the same instances.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from stop.analysis.intervals import Estimate, stratified_mean
from stop.analysis.measure import MOST_SHARED, Measure, shared, slopes
from stop.analysis.recorded import (
    Recorded,
    Rows,
    Strata,
    gains,
    incumbent,
    incumbents,
    kept,
    mean_of,
    minus,
    own_block,
    paired,
    parents,
    row,
    runs,
    seed_of,
    strata,
    versions,
)

LEAST_FOR_A_FIT = 8  # kept versions, or runs: fewer give a slope that anything could have made
INPUTS = ("llm_calls", "cpu_seconds")


def gain(run: Recorded, version: int, split: str = "val") -> Measure:
    """What the version adds to a task's seed solution: stratified mean of u(I(s)) - u(s) over improver runs.

    Units of utility; range [-score_cap, score_cap]. n: improver runs of its own block. A failed run counts as its zero,
    that is as a loss of all that the seed solution had. Source: STOP, arXiv:2310.02304, section 3. Not defined where
    the version was not scored on that split.
    """
    rows = runs(run, version, split)
    if not rows:
        return Measure.undefined(f"version {version} was not scored on {split}")
    return Measure.of(mean_of(rows, gains(rows)))


def difference(run: Recorded, version: int, base: int, split: str = "val") -> Measure:
    """Gain of one version minus gain of another: paired where both were scored on one block, else independent.

    On val the block is the version's own, where its parent was scored too; if `base` was not, its own block is taken,
    and `why` says so: another block holds other instances, whose difficulty only the seed solutions' scores cancel.
    n: improver runs of the version. Not defined where either was not scored on that split.
    """
    first, second = _side_by_side(run, version, base, split)
    for name, rows in ((version, first), (base, second)):
        if not rows:
            return Measure.undefined(f"version {name} was not scored on {split}")
    return minus(first, second, paired(first, second), "not paired: other instances and draws")


def imp_at_k(run: Recorded, k: int, split: str = "test") -> Measure:
    """imp@k: what k modifications by a frozen improver gained.

    Definition: the meta-utility of the version that stands after k steps (chosen on val) minus the seed's, where every
    step was made by one and the same improver. Units of utility. HyperAgents, arXiv:2603.19461, section 5.2 and
    appendix D.3, take it on test; with split="val" it is taken on the block on which the version was chosen, which
    flatters it. n: improver runs. Not defined where a step had another improver (a run with --control fixed-improver
    has one by construction), where the run is shorter, or where the version was not scored on that split.
    Raises ValueError for a negative k.
    """
    if k < 0:
        raise ValueError(f"imp@{k}: k counts modifications, from 0")
    seed, ids = seed_of(run), versions(run)
    if k >= len(ids):
        return Measure.undefined(f"the run made {len(ids) - 1} modifications, fewer than {k}")
    shas = {_improver(run, i) for i in ids[1 : k + 1]}
    if len(shas) > 1:
        changed = next(i for i in ids[1 : k + 1] if _improver(run, i) != _improver(run, ids[1]))
        return Measure.undefined(f"the improver changed before step {changed}: imp@k is of a frozen one")
    best = incumbents(run)[ids[k]]
    if best == seed:
        return Measure(0.0, None, None, 0, f"no interval: none of {k} modifications was kept, so nothing changed")
    return difference(run, best, seed, split)


def multiplier(run: Recorded, version: int, split: str = "val") -> Measure:
    """The improvement multiplier: gain per call of the version over gain per call of the seed, on the same panel.

    Formula: kappa_t = (G_t / C_t) / (G_0 / C_0), G: mean gain of an improver run, C: mean calls of an improver run,
    both stratified by task. No unit; 1: the version gets as much out of a call as the seed; below 0: it loses. The
    interval is Fieller's (E. C. Fieller, Some problems in interval estimation, J. R. Statist. Soc. B 16 (1954),
    175-185) for two linearised rates, with their covariance where both were scored on one block with the same draws,
    and the smaller of their degrees of freedom. n: improver runs of the version.
    Not defined, `undefined`, where the interval of the seed's gain holds 0 or there is none: nothing can be measured in
    units of it. A version with the seed's own text is 1 by definition. Ours; STOP plots meta-utility alone.
    """
    seed = seed_of(run)
    if row(run, version).sha == row(run, seed).sha:
        n = len(runs(run, version, split))
        return Measure(1.0, 1.0, 1.0, n, "the same program as the seed: 1 by definition")
    first, second = _side_by_side(run, version, seed, split)
    for name, rows in ((version, first), (seed, second)):
        if not rows:
            return Measure.undefined(f"version {name} was not scored on {split}")
        if not any(r.llm_calls for r in rows):
            return Measure.undefined(f"version {name} asked for no call: gain per call has no meaning", len(rows))
    base = mean_of(second, gains(second))
    interval = base.interval()
    if interval is None or interval[0] <= 0.0 <= interval[1]:
        shown = "has none" if interval is None else f"[{interval[0]:+.4f}, {interval[1]:+.4f}] holds 0"
        return Measure.undefined(f"the 95 % interval of the seed's gain {base.mean:+.4f} {shown}", len(first))
    if base.mean < 0.0:
        return Measure.undefined(f"the seed loses ({base.mean:+.4f}): a multiple of a loss has no meaning", len(first))
    limits = "" if paired(first, second) else "not paired: other instances and draws"
    return _ratio(_rates(first), _rates(second), paired(first, second), limits)


def returns_exponent(run: Recorded, split: str = "val") -> Measure:
    """The exponent r of returns to effort: how the multiplier grew with all that had been spent.

    Definition: kappa_t proportional to N_t^r, N_t: calls asked for up to the end of the unit in which version t was
    kept; r is the slope of log kappa_t on log N_t by least squares over the kept versions. r > 1: a doubling of effort
    more than doubles what a call is worth; 0 < r < 1: returns diminish. No unit. The interval is of the scatter around
    the line; versions of one lineage depend on each other, which it does not know. n: kept versions.
    Source: semi-endogenous growth, Jones, R&D-based models of economic growth, J. Political Economy 103 (1995); its
    use for software, Erdil, Besiroglu & Ho, Estimating idea production (2024). `not identified` below eight kept
    versions, or where one of them has no multiplier above 0.
    """
    ids = kept(run)
    if len(ids) < LEAST_FOR_A_FIT:
        why = f"not identified: {len(ids)} kept versions, it takes {LEAST_FOR_A_FIT}"
        return Measure.undefined(why, len(ids))
    y, x = [], []
    for version in ids:
        kappa = multiplier(run, version, split)
        if kappa.estimate is None or kappa.estimate <= 0.0:
            why = kappa.why if kappa.estimate is None else f"its multiplier is {kappa.estimate:+.4f}"
            return Measure.undefined(f"not identified: version {version}: {why}", len(ids))
        y.append(math.log(kappa.estimate))
        x.append(math.log(sum(float(row(run, i).llm_calls) for i in versions(run) if i <= version)))
    return Measure.of(slopes(y, [x])[0], "versions of one lineage depend on each other")


@dataclass(frozen=True)
class Spending:
    """One run: what its improver gains, and what the whole search took. cpu_seconds: None if some was not recorded."""

    gain: float | None
    llm_calls: float
    cpu_seconds: float | None


def spending(run: Recorded, split: str = "val") -> Spending:
    """The gain of the version that stands at the end, calls of all units of the search, CPU of all its evaluations.

    CPU seconds are those of solutions as measured, each measurement once; calls are nominal. The look at test is no
    part of the search.
    """
    found = gain(run, incumbent(run), split).estimate
    measured = run.evaluations[run.evaluations.split != "test"]
    each = measured.drop_duplicates(["sha", "task", "split", "block"]).cpu_seconds
    known = not each.isna().any()
    return Spending(found, float(run.versions.llm_calls.sum()), math.fsum(each) if known else None)


def elasticities(recorded: Sequence[Recorded], split: str = "val") -> dict[str, Measure]:
    """Elasticity of gain to model calls and to evaluation CPU: cognitive labour against compute.

    Formula: log gain = a + e_L log(llm_calls) + e_K log(cpu_seconds), one point per run (see `spending`), by least
    squares; e: per cent more gain for one per cent more of that input, the other held. No unit. n: runs. Cobb and
    Douglas's form, whose elasticity of substitution is 1 by assumption: it cannot tell whether one can stand in for
    the other (Whitfill & Wu, Will compute bottlenecks prevent an intelligence explosion?, 2025, fit one that can).
    `not identified` below eight runs; where a run has no gain above 0, for leaving it out would flatter the rest; where
    CPU was not recorded; and where calls and CPU rose together, so that one explains more than 90 % of the other.
    """
    points = [spending(run, split) for run in recorded]
    why = _why_not(points)
    if why:
        return dict.fromkeys(INPUTS, Measure.undefined(f"not identified: {why}", len(points)))
    y = [math.log(p.gain or 1.0) for p in points]
    columns = [[math.log(getattr(p, name) or 1.0) for p in points] for name in INPUTS]
    share = shared(columns)
    if share > MOST_SHARED:
        why = f"not identified: calls and CPU rose together, {share:.0%} of one is explained by the other"
        return dict.fromkeys(INPUTS, Measure.undefined(why, len(points)))
    return {name: Measure.of(found) for name, found in zip(INPUTS, slopes(y, columns), strict=True)}


def _why_not(points: Sequence[Spending]) -> str:
    if len(points) < LEAST_FOR_A_FIT:
        return f"{len(points)} runs, it takes {LEAST_FOR_A_FIT}"
    for number, point in enumerate(points):
        if point.gain is None or point.gain <= 0.0:
            return f"run {number} has no gain above 0, which has no logarithm"
        if not point.cpu_seconds or not point.llm_calls:
            return f"run {number} has no record of its {'calls' if not point.llm_calls else 'CPU seconds'}"
    return ""


def _improver(run: Recorded, version: int) -> str:
    """The sha of the improver that made the version: its parent's, or the seed's where the run froze it."""
    config = run.settings.get("config", {})
    parent = parents(run)[version]
    frozen = config.get("control") == "fixed-improver" or parent is None
    return str(row(run, seed_of(run) if frozen or parent is None else parent).sha)


def _side_by_side(run: Recorded, version: int, base: int, split: str) -> tuple[Rows, Rows]:
    """Both on the version's own block if `base` was scored there in full, else each on its own."""
    first = runs(run, version, split)
    if split == "val" and first:
        beside = runs(run, base, split, own_block(run, version))
        if paired(first, beside):
            return first, beside
    return first, runs(run, base, split)


# -- ratio of two rates ----------------------------------------------------------------------------------------------
def _rates(rows: Rows) -> Strata:
    """Gain per call, linearised: one value for each improver run, whose stratified mean is the ratio of the means.

    rho = G / C; the values are rho + (gain - rho calls) / C (delta method).
    """
    gained, calls = gains(rows), [float(r.llm_calls) for r in rows]
    most = mean_of(rows, calls).mean
    rho = mean_of(rows, gained).mean / most
    return strata(rows, [rho + (g - rho * c) / most for g, c in zip(gained, calls, strict=True)])


def _ratio(x: Strata, y: Strata, together: bool, limits: str) -> Measure:
    """Mean of x over mean of y with Fieller's interval. together: value i of x and of y are of one pair."""
    from scipy.special import stdtrit

    over, under = stratified_mean(x), stratified_mean(y)
    ratio = over.mean / under.mean
    freedom = [e.df for e in (over, under) if e.df is not None]
    if over.stderr is None or not freedom:
        return Measure.of(Estimate(ratio, over.n, over.stderr, None), limits)
    t = float(stdtrit(min(freedom), 0.975))
    vxx, vyy = _covariance(x, x), _covariance(y, y)
    vxy = _covariance(x, y) if together else 0.0
    a = under.mean**2 - t**2 * vyy
    b = over.mean * under.mean - t**2 * vxy
    c = over.mean**2 - t**2 * vxx
    if a <= 0.0:
        why = "the seed's gain per call is not told apart from 0: the interval of the multiplier is unbounded"
        return Measure.undefined(why, over.n)
    half = math.sqrt(max(0.0, b * b - a * c))
    return Measure(ratio, (b - half) / a, (b + half) / a, over.n, limits)


def _covariance(x: Strata, y: Strata) -> float:
    """Of the two stratified means."""
    parts = [statistics.covariance(x[task], y[task]) / len(x[task]) for task in x]
    return math.fsum(parts) / len(x) ** 2
