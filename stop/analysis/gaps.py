"""Meta-utility on train, val and test, and what lies between them. Pure functions on a run's frames.

An improver chooses by train, the run chooses by val, nothing chooses by test. A gap that grows from version to version
is the sign of over-fitting, or of a program that games what it can see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stop.analysis.intervals import Estimate, stratified_mean
from stop.analysis.measure import Measure, combined, slopes
from stop.analysis.recorded import (
    Recorded,
    Rows,
    canonical_sha,
    gains,
    kept,
    mean_of,
    own_runs,
    runs,
    seed_of,
    seed_on_train,
    strata,
    train_utility,
    utilities,
)

SPLITS = ("train", "val", "test")
LEAST_FOR_A_TREND = 3  # versions: a line through two points has no error


def meta_utility(run: Recorded, version: int, split: str = "val") -> Measure:
    """Mean over tasks of the mean over improver runs of the utility of what the improver returned.

    Formula: U = 1/T sum_t 1/R sum_r u(I(s_t, r)); range [0, score_cap]; STOP, arXiv:2310.02304, section 3 (equation of
    the meta-utility). n: improver runs; a failed one counts as its zero. On val on the block that the version was first
    judged on. On train: the same improver runs, what they returned scored on the train block that they could look at.
    Not defined where the version was not scored on that split, or a solution was never measured on train.
    """
    _check(split)
    rows = runs(run, version, "val" if split == "train" else split)
    if not rows:
        return Measure.undefined(f"version {version} was not scored on {'val' if split == 'train' else split}")
    if split != "train":
        return Measure.of(mean_of(rows, utilities(rows)))
    seen = _on_train(run, rows)
    if isinstance(seen, str):
        return Measure.undefined(seen, len(rows))
    return Measure.of(mean_of(rows, seen))


def meta_utilities(
    run: Recorded, versions: Sequence[int], split: str = "val", own: Mapping[int, Rows] | None = None
) -> dict[int, Measure]:  # fmt: skip
    """`meta_utility` of several versions on val or train, read at once: of thousands in the time of a few.

    own: what `own_runs` gave before, to spare that reading. Versions for which it is not defined are left out. Raises
    ValueError for another split.
    """
    if split not in ("val", "train"):
        raise ValueError(f"no split {split!r} to read at once; found: val, train.")
    own, found = own_runs(run) if own is None else own, {}
    known = train_utility(run) if split == "train" else {}
    for version in versions:
        rows = own.get(version, [])
        values = _looked_up(run, rows, known) if split == "train" else utilities(rows)
        if rows and not isinstance(values, str):
            found[version] = Measure.of(mean_of(rows, values))
    return found


def gap(run: Recorded, version: int, seen: str = "train", unseen: str = "val") -> Measure:
    """How much better the version's improved programs are where they were chosen than where they were not.

    Formula: G = gain on `seen` - gain on `unseen`, where a gain is the utility of the returned program minus that of
    the task's seed solution on the same instances, so that a block which is easier for everyone cancels. Units of
    utility; above 0: worse on what was not seen. From train the same programs are compared on both splits, improver run
    by improver run (paired); val and test have improver runs of their own (independent). n: improver runs.
    Where the seed solution's score on train is not known, the raw difference is given, and `why` says so.
    Source: generalisation gap; STOP, arXiv:2310.02304, section 5, compares val and test; Goodhart gaps of optimised
    proxies, Gao, Schulman & Hilton, arXiv:2210.10760. Not defined where one side was not measured.
    Raises ValueError unless `seen` comes before `unseen` in train, val, test.
    """
    _check(seen)
    _check(unseen)
    if SPLITS.index(seen) >= SPLITS.index(unseen):
        raise ValueError(f"a gap goes from what was seen to what was not, found {seen!r} to {unseen!r}; as train, val.")
    if seen == "val":
        first, second = runs(run, version, "val"), runs(run, version, "test")
        for rows, split in ((first, "val"), (second, "test")):
            if not rows:
                return Measure.undefined(f"version {version} was not scored on {split}")
        return Measure.of(combined([(1.0, mean_of(first, gains(first))), (-1.0, mean_of(second, gains(second)))]))
    found = _train_gap(run, version, unseen, seed_on_train(run))
    return Measure.undefined(found) if isinstance(found, str) else Measure.of(*found)


def gap_trend(run: Recorded, seen: str = "train", unseen: str = "val") -> Measure:
    """Whether the gap grows from kept version to kept version.

    Definition: the slope of `gap` on the rank (seed 0, first kept version 1, ...), by least squares. Units of utility
    per kept version. The interval is of the scatter of the versions' gaps around a line. n: versions, the seed
    included; those whose gap is not defined are left out and named. An interval above 0 is evidence of over-fitting or
    of reward hacking (Gao, Schulman & Hilton, arXiv:2210.10760); one that holds 0 is no evidence of its absence. From
    val to test the seed was not chosen and the others were, by val: that alone puts it above 0 a little too often.
    Not identified with fewer than three versions.
    """
    ids = [seed_of(run), *kept(run)]
    ranks, values, missing = [], [], []
    # a seed that is not known on train shifts the gaps of all versions alike, which is nothing to a slope
    seeds = dict.fromkeys(run.outcomes.task, 0.0) | seed_on_train(run)
    for rank, version in enumerate(ids):
        if seen == "train":
            found = _train_gap(run, version, unseen, seeds)
            value = None if isinstance(found, str) else found[0].mean
        else:
            value = gap(run, version, seen, unseen).estimate
        if value is None:
            missing.append(str(version))
        else:
            ranks.append(float(rank))
            values.append(value)
    left_out = f"versions {', '.join(missing)} have no gap from {seen} to {unseen}" if missing else ""
    if len(values) < LEAST_FOR_A_TREND:
        return Measure.undefined(
            f"not identified: {len(values)} versions with a gap, it takes {LEAST_FOR_A_TREND}"
            + (f"; {left_out}" if left_out else ""),
            len(values),
        )
    return Measure.of(slopes(values, [ranks])[0], left_out)


def _train_gap(run: Recorded, version: int, unseen: str, seeds: dict[str, float]) -> tuple[Estimate, str] | str:
    """The paired gap, and what limits it; or why there is none. seeds: task -> its seed solution's utility on train."""
    rows = runs(run, version, unseen)
    if not rows:
        return f"version {version} was not scored on {unseen}"
    seen = _on_train(run, rows)
    if isinstance(seen, str):
        return seen
    unknown = sorted({r.task for r in rows} - seeds.keys())
    if unknown:
        values = [a - b for a, b in zip(seen, utilities(rows), strict=True)]
        names = ", ".join(unknown)
        return mean_of(rows, values), f"raw utilities: what the seed solution of {names} scores on train is not known"
    on_seen = [a - seeds[r.task] for a, r in zip(seen, rows, strict=True)]
    return mean_of(rows, [a - b for a, b in zip(on_seen, gains(rows), strict=True)]), ""


def _on_train(run: Recorded, rows: Rows) -> list[float] | str:
    """The train utility of what each improver run returned, 0 for one that failed; or what was not measured."""
    return _looked_up(run, rows, train_utility(run))


def _looked_up(run: Recorded, rows: Rows, known: Mapping[tuple[str, str], float]) -> list[float] | str:
    found = []
    for r in rows:
        key = (r.task, canonical_sha(run, r.solution))
        if r.status != "ok":
            found.append(0.0)
        elif key in known:
            found.append(known[key])
        else:
            return f"solution {r.solution} of {r.task} was returned without having been scored on train"
    return found


def by_task(run: Recorded, version: int, split: str = "val") -> dict[str, Measure]:
    """The mean gain over the task's seed solution, task by task. n: improver runs of that task. {} if not scored."""
    rows = runs(run, version, split)
    found = strata(rows, gains(rows))
    return {task: Measure.of(stratified_mean({task: values})) for task, values in found.items()}


def _check(split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"no split {split!r}; found: {', '.join(SPLITS)}.")
