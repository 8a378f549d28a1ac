"""How good a run was at any moment of its spending. Pure functions on a run's frames.

A point is set when a unit of the search ends: the seed's scoring, then every step. What a unit costs is everything that
it asked for: proposals, train, val of the child and of its parent; the look at test is no part of the search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stop.analysis.intervals import Estimate
from stop.analysis.measure import Measure, combined
from stop.analysis.recorded import Recorded, Rows, incumbents, mean_of, own_runs, utilities, versions

COSTS = ("steps", "llm_calls", "tokens", "usd", "seconds")


@dataclass(frozen=True)
class Point:
    """From `cost` on, until the next point, `version` is what the run would have returned, and `value` its value."""

    cost: float
    version: int
    value: Estimate  # meta-utility on the val block that the version was judged on


@dataclass(frozen=True)
class Curve:
    """A step function of the spending. why: why points are missing; empty if none are."""

    cost: str
    points: tuple[Point, ...]
    why: str = ""


def anytime(run: Recorded, cost: str = "llm_calls", own: Mapping[int, Rows] | None = None) -> Curve:
    """The value of the incumbent against what was spent: what one would have had, had the run been stopped there.

    Definition: V(c) = meta-utility on val of the version that stood last when the units that cost c in all were over.
    cost: steps, llm_calls (nominal, cached ones too), tokens (in and out), usd (nominal, of recorded prices), seconds
    (really passed, of finished units, waiting for the model included; of a unit that a kill cut short only those of the
    sitting that ended it). Values in [0, score_cap]. Each version keeps the value of the block that it was first judged
    on, so V may fall, and what was kept for a high value is a little flattered: regression to the mean is not taken
    out. own: what `own_runs` gave before, to spare that reading. Source: anytime algorithms, Zilberstein, Using Anytime
    Algorithms in Intelligent Systems, AI Magazine 17(3), 1996. Not defined: no points, and why. Raises ValueError for
    another cost.
    """
    spent, why = spending(run, cost)
    stood, own = incumbents(run), own_runs(run) if own is None else own
    values: dict[int, Estimate | None] = {}  # a version often stands for long
    points = []
    for version, total in spent.items():
        stands = stood[version]
        if stands not in values:
            rows = own.get(stands, [])
            values[stands] = mean_of(rows, utilities(rows)) if rows else None
        value = values[stands]
        if value is not None:
            points.append(Point(total, stands, value))
    return Curve(cost, tuple(points), why)


def best_so_far(run: Recorded, cost: str = "llm_calls", own: Mapping[int, Rows] | None = None) -> Curve:
    """The running maximum of `anytime`: never falls. The maximum of noisy values is biased upwards.

    Definition: B(c) = max of V(c') over c' <= c. Range, units and source as `anytime`.
    """
    curve = anytime(run, cost, own)
    points: list[Point] = []
    for point in curve.points:
        better = not points or point.value.mean > points[-1].value.mean
        best = point if better else points[-1]
        points.append(Point(point.cost, best.version, best.value))
    return Curve(curve.cost, tuple(points), curve.why)


def value_at(curve: Curve, cost: float) -> Measure:
    """The curve's value at that spending: of the last point at or before it. n: improver runs.

    Not defined before the first point: until the seed is scored there is nothing to return.
    """
    before = [point for point in curve.points if point.cost <= cost]
    if not before:
        first = f"the first is at {curve.points[0].cost:g}" if curve.points else curve.why or "there is none"
        return Measure.undefined(f"no point at or before {cost:g} {curve.cost}: {first}")
    return Measure.of(before[-1].value)


def area(curve: Curve, upto: float) -> Measure:
    """Area under the curve from its first point to `upto`, per unit of cost: the mean value over that spending.

    Definition: A = 1 / (upto - c0) x integral of V(c) dc from c0 to upto, in the units of the value; the last value
    holds on beyond the last point. n: improver runs of the versions in it. The interval takes versions as independent
    (each has a block of its own). Compare runs at one `upto` only. Source: performance profiles, Zilberstein 1996.
    Not defined where `upto` is not above the first point.
    """
    if not curve.points or upto <= curve.points[0].cost:
        start = f"which starts at {curve.points[0].cost:g}" if curve.points else f"without points: {curve.why}"
        return Measure.undefined(f"no area up to {upto:g} {curve.cost} under a curve {start}")
    ends = [*curve.points[1:], Point(upto, -1, curve.points[-1].value)]
    width = upto - curve.points[0].cost
    weights: dict[int, float] = {}
    values: dict[int, Estimate] = {}
    for point, after in zip(curve.points, ends, strict=True):
        share = max(0.0, min(after.cost, upto) - min(point.cost, upto)) / width
        weights[point.version] = weights.get(point.version, 0.0) + share
        values[point.version] = point.value
    return Measure.of(combined([(weight, values[v]) for v, weight in weights.items() if weight]))


def reached(curve: Curve, value: float) -> float | None:
    """The least spending at which the curve is at or above `value`; None if it never is."""
    return next((point.cost for point in curve.points if point.value.mean >= value), None)


def spending(run: Recorded, cost: str) -> tuple[dict[int, float], str]:
    """Version -> what was spent up to the end of its unit, in order of birth; and why it ends before the last version.

    cost: as in `anytime`. Raises ValueError for another.
    """
    if cost not in COSTS:
        raise ValueError(f"no cost {cost!r}; found: {', '.join(COSTS)}.")
    if cost == "usd" and run.settings.get("price", {}) is None:
        return {}, "the price of the model is not known: no dollars"
    seconds = {t["unit"]: float(t["seconds"]) for t in run.timing if t["kind"] == "unit" and "seconds" in t}
    judged = {*versions(run)}
    found: dict[int, float] = {}
    total = 0.0
    for line in run.versions.sort_values("id").itertuples():
        if line.id not in judged:
            continue
        if cost == "steps":
            total = float(line.step)
        elif cost == "tokens":
            total += float(line.input_tokens + line.output_tokens)
        elif cost != "seconds":
            total += float(getattr(line, cost))
        elif line.unit in seconds:
            total += seconds[line.unit]
        else:
            return found, f"no time is recorded of the unit {line.unit!r}: the curve ends before it"
        found[int(line.id)] = total
    return found, "" if found else "no version is finished"
