"""The utility curve: every try at what had been spent by then, and the best so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stop.plot.style import BLUE, DARK, PALE, blank, caption, legend, look, marker_size, numbers, styled
from stop.show import versions_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stop.analysis.curves import Point
    from stop.analysis.measure import Measure
    from stop.frames import Run
    from stop.lineage import Version

AXES = {
    "steps": "step", "llm_calls": "calls asked for by the search, cached ones too", "tokens": "tokens, in and out",
    "usd": "US dollars, cached replies too", "seconds": "seconds passed",
}  # fmt: skip
MOST_IN_DETAIL = 60  # versions, up to which each has its interval and its parent beside it
MOST_MEASURED = 100  # versions that stood, the last ones: these have an interval and a value on train


def curve(run: Run, over: str = "steps") -> Figure:
    """The score of every version on val, of those that stood on train, and of the seed and the best one on test.

    over: the horizontal axis: steps, llm_calls, tokens, usd or seconds. Raises LookupError without a version, or where
    what was spent is not known; ValueError for another axis.
    """
    from stop.analysis.curves import best_so_far, spending
    from stop.analysis.gaps import meta_utilities
    from stop.analysis.recorded import own_runs
    from stop.lineage import RUNNABLE

    spent, why = spending(run, over)
    versions = [v for v in versions_of(run) if v.id in spent]  # not an agent's changes that were never evaluated
    if not versions:
        raise LookupError(f"{run.path}: no curve over {over}: {why}.")
    tested, own = _tested(run), own_runs(run)
    detail = len(versions) <= MOST_IN_DETAIL
    standing = [v for v in versions if run.standing.get(v.id) in RUNNABLE][-MOST_MEASURED:]
    with styled():
        figure, axes, beside = _panels(bool(tested))
        _draw_best(axes, best_so_far(run, over, own).points, max(spent.values()))
        if detail:
            _draw_rivals(axes, run, versions, spent)
        _draw_versions(axes, run, versions, spent)
        scored = meta_utilities(run, [v.id for v in (versions if detail else standing) if v.n], "val", own)
        bars = _draw_intervals(axes, run, [(v, scored[v.id]) for v in versions if v.id in scored], spent)
        on_train = meta_utilities(run, [v.id for v in standing], "train", own)
        _draw_train(axes, [(spent[i], m.estimate) for i, m in on_train.items()])
        _frame(axes, over, versions, spent)
        axes.set_ylabel(f"{run.measure} on val")
        legend(axes, columns=5)
        if beside is not None:
            _draw_test(beside, tested)
        caption(figure, _caption(run, versions, tested, bars, detail) + (f" {why}." if why else ""))
    return figure


def _frame(axes: Axes, over: str, versions: Sequence[Version], spent: Mapping[int, float]) -> None:
    """Utilities lie in [0, score_cap]: an interval may reach beyond, the axis does not."""
    from matplotlib.ticker import MaxNLocator

    margin = 0.6 if over == "steps" else 0.03 * (max(spent.values()) or 1.0)
    axes.set_xlim(min(spent.values()) - margin, max(spent.values()) + margin)
    axes.set_xlabel(AXES[over])
    if over == "steps":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    low, high = axes.get_ylim()
    most = max([1.0, *(v.meta_utility for v in versions)])
    axes.set_ylim(max(low, -0.03 * most), min(high, 1.03 * most))


def _panels(with_test: bool) -> tuple[Figure, Axes, Axes | None]:
    """Val on the left; a narrow panel for test on the right with the same axis."""
    figure = blank(8, 4.8)
    if not with_test:
        return figure, figure.add_axes((0.085, 0.25, 0.89, 0.62)), None
    left = figure.add_axes((0.085, 0.25, 0.69, 0.62))
    return figure, left, figure.add_axes((0.81, 0.25, 0.17, 0.62), sharey=left)


def _draw_best(axes: Axes, points: Sequence[Point], end: float) -> None:
    """The running maximum as a staircase, and around it the 95 % interval of the version that made it."""
    if not points:
        return
    x, y = [*(p.cost for p in points), end], [*(p.value.mean for p in points), points[-1].value.mean]
    axes.plot(x, y, color=BLUE, linewidth=1.8, drawstyle="steps-post", label="best so far", zorder=2)
    between = [p.value.interval() or (math.nan, math.nan) for p in points]
    low, high = zip(*between, between[-1], strict=True)
    axes.fill_between(x, low, high, step="post", color=BLUE, alpha=0.12, linewidth=0, zorder=0)


def _draw_versions(axes: Axes, run: Run, versions: Sequence[Version], spent: Mapping[int, float]) -> None:
    """Each where its unit ended; what was never scored at the lower edge, so that it does not stretch the axis."""
    size = marker_size(len(versions))
    by_name: dict[str, list[Version]] = {}
    for v in versions:
        by_name.setdefault(look(run, v)[0], []).append(v)
    for name, group in by_name.items():
        how = look(run, group[0])[1]
        dot: dict[str, Any] = {"marker": how.marker, "color": how.colour, "markersize": size, "ls": "none", "zorder": 4}
        scored, other = [v for v in group if v.n], [v for v in group if not v.n]
        label = name
        if scored:
            axes.plot([spent[v.id] for v in scored], [v.meta_utility for v in scored], label=label, **dot)
            label = "_"
        if other:
            at = [spent[v.id] for v in other]
            axes.plot(at, [0.025] * len(at), transform=axes.get_xaxis_transform(), label=label, **dot)


def _draw_intervals(
    axes: Axes, run: Run, scored: Sequence[tuple[Version, Measure]], spent: Mapping[int, float]
) -> bool:  # fmt: skip
    """95 % intervals of the scores; whether there is one."""
    known = [(v, m.low, m.high) for v, m in scored if m.low is not None and m.high is not None]
    for v, low, high in known:
        axes.plot([spent[v.id]] * 2, [low, high], "-", color=look(run, v)[1].colour, linewidth=1.1, zorder=3)
    return bool(known)


def _draw_train(axes: Axes, found: Sequence[tuple[float, float | None]]) -> None:
    """What the programs of those that stood are worth where they were chosen: (spent, value), in order."""
    if found:
        size = marker_size(len(found), 6)
        how: dict[str, Any] = {"color": DARK, "mfc": "white", "markersize": size, "linewidth": 0.9, "zorder": 3}
        axes.plot(*zip(*found, strict=True), "^--", label="on train", **how)


def _draw_rivals(axes: Axes, run: Run, versions: Sequence[Version], spent: Mapping[int, float]) -> None:
    """Beside each version what the one that it would have replaced scored on the same block and draws."""
    scored = {d["id"]: d["evidence"].get("parent") for d in run.rows("decisions.jsonl") if "parent" in d["evidence"]}
    label, size = "current version, same block", marker_size(len(versions), 11)
    for v in versions:
        rival, x = scored.get(v.id), spent[v.id]
        if v.n and isinstance(rival, int | float):
            axes.plot([x, x], [rival, v.meta_utility], ":", color=PALE, linewidth=1, zorder=2)
            axes.plot(x, rival, "o", mfc="white", mec=DARK, markersize=size, label=label, zorder=3)
            label = "_"


def _tested(run: Run) -> dict[int, Measure]:
    """The seed and the best version on test, where it was looked at."""
    from stop.analysis.gaps import meta_utility

    found = {i: meta_utility(run, i, "test") for i in sorted({0, run.best})}
    return {i: m for i, m in found.items() if m.estimate is not None}


def _draw_test(axes: Axes, tested: Mapping[int, Measure]) -> None:
    """A horizontal mark for each, with its value; the higher one's label above, the lower one's below."""
    highest = max(tested, key=lambda i: (tested[i].estimate, i))
    for i, m in tested.items():
        assert m.estimate is not None
        colour, x = (BLUE, 0.62) if i else (DARK, 0.38)
        low, high = (m.estimate, m.estimate) if m.low is None or m.high is None else (m.low, m.high)
        axes.plot([x, x], [low, high], "-", color=colour, linewidth=1.4, zorder=3)
        axes.plot(x, m.estimate, marker="_", markersize=42, markeredgewidth=2.5, color=colour, zorder=3)
        above = i == highest
        axes.annotate(
            f"{f'version {i}' if i else 'seed'} {m.estimate:.3f}", (0.5, high if above else low),
            xytext=(0, 5 if above else -5), textcoords="offset points", ha="center", va="bottom" if above else "top",
            color=colour,
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    axes.set_xlabel("test")
    axes.tick_params(labelleft=False)
    axes.margins(y=0.15)


def _caption(
    run: Run, versions: Sequence[Version], tested: Mapping[int, Measure], bars: bool, detail: bool
) -> str:  # fmt: skip
    names = ", ".join(Path(task).name for task in run.settings["config"]["tasks"])
    on_test = f" (test: n={numbers(m.n for m in tested.values())})" if tested else ""
    lines = "lines and band: 95 % intervals" if bars else "no intervals, for one run of a task has no spread"
    lines += "" if detail or not bars else ", of versions that stood"
    own = "Every step has a val block of its own: "
    blocks = "compare with the ring at the step, which the version would have replaced, and not across steps."
    own += blocks if detail else "heights differ by that, too."
    n = numbers(v.n for v in versions if v.n)
    return (
        f"Tasks: {names}. Each point: mean of n={n} improver runs{on_test}; {lines}. {own} The best so far was "
        "chosen for being high."
    )
