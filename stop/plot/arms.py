"""Beside each other: several runs, and the arms of a transfer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stop.plot.curve import AXES
from stop.plot.style import DARK, DIFFERENCES, PALE, SCALE, blank, caption, heat, numbers, short, styled, write
from stop.show import versions_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stop.analysis.transfer import Comparison
    from stop.compare import Summary
    from stop.frames import Run

LINES = ("-", "--", "-.", ":")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#333333")
MARKERS = "osD^vPX<>h*p"
MOST_RUNS = len(MARKERS)
MOST_NAME_CHARS = 28


def compared(runs: Sequence[Run], over: str = "llm_calls") -> Figure:
    """Best-so-far curves of several runs on one axis, and the gain of each run's best version on test.

    over: as in `curve`. Raises LookupError where a run has no version, was given twice or has no such axis; ValueError
    for another axis, or for one run or more than twelve.
    """
    from stop.compare import check, summary

    if not 2 <= len(runs) <= MOST_RUNS:
        raise ValueError(f"{len(runs)} runs; a figure compares 2 to {MOST_RUNS}.")
    check(runs)
    found = [summary(run) for run in runs]
    height = max(3.9, 0.36 * len(runs) + 2.2)
    with styled():
        figure = blank(9.6, height)
        axes = figure.add_axes((0.07, 1.15 / height, 0.38, 1 - 1.5 / height))
        for i, run in enumerate(runs):
            _draw_run(axes, run, over, i)
        axes.set_xlabel(AXES[over])
        axes.set_ylabel("best so far on val")
        beside = figure.add_axes((0.7, 1.15 / height, 0.27, 1 - 1.5 / height))
        _draw_gains(beside, found, [short(run.path.resolve().name, MOST_NAME_CHARS) for run in runs])
        n = numbers(one.gain_on_test.n for one in found if one.gain_on_test)
        caption(
            figure, "Left: what each would have returned, the best so far, which was chosen for being high. Right: "
            f"best version minus seed on test, 95 % t intervals over n={n} paired improver runs. Runs on other tasks "
            "or seeds are not comparable: python -m stop.compare says which are.", lines=3,
        )  # fmt: skip
    return figure


def _draw_run(axes: Axes, run: Run, over: str, i: int) -> None:
    """Its staircase, with a marker wherever another version became the best."""
    from stop.analysis.curves import best_so_far, spending

    versions_of(run)
    spent, why = spending(run, over)
    if not spent:
        raise LookupError(f"{run.path}: no curve over {over}: {why}.")
    points = best_so_far(run, over).points
    x, y = [p.cost for p in points], [p.value.mean for p in points]
    colour, line = COLOURS[i % len(COLOURS)], LINES[i % len(LINES)]
    ends = [*x, max(spent.values())], [*y, *y[-1:]]
    axes.plot(*ends, line, color=colour, linewidth=1.6, drawstyle="steps-post", zorder=2)
    new = [k for k in range(len(points)) if not k or points[k].version != points[k - 1].version]
    axes.plot([x[k] for k in new], [y[k] for k in new], MARKERS[i], color=colour, ls="none", markersize=6, zorder=3)


def _draw_gains(axes: Axes, found: Sequence[Summary], names: Sequence[str]) -> None:
    """The gain of each run's best version with its interval, or why there is none."""
    for y, one in enumerate(found):
        gain, colour = one.gain_on_test, COLOURS[y % len(COLOURS)]
        if gain is None:
            said = "the seed is the best" if one.best == 0 else "not looked at"
            axes.annotate(said, (0.04, y), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=DARK)
            continue
        interval = gain.interval()
        if interval:
            axes.plot(interval, [y, y], "-", color=colour, linewidth=1.6, zorder=2)
        axes.plot(gain.mean, y, MARKERS[y], color=colour, markersize=8, zorder=3)
    axes.axvline(0, color=PALE, linewidth=1, linestyle=":", zorder=1)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("gain over the seed on test")


# -- a transfer ------------------------------------------------------------------------------------------------------
def transfer(run: Run) -> Figure:
    """The table of a transfer as two grids: what each arm scores on each task, and the improved one minus the others.

    Raises LookupError where the folder is no finished transfer.
    """
    from stop.analysis.transfer import CONTROL, IMPROVED, SEED, comparisons
    from stop.transfer import last_look

    found = comparisons(last_look(run))
    if not found:
        raise LookupError(f"{run.path}: is no finished transfer. python -m stop.transfer RUN --to TASK makes one.")
    arms, over = (SEED, IMPROVED, CONTROL), ("initial", SEED, CONTROL)
    scores = [[one.initial, *(one.scores[arm] for arm in arms)] for one in found]
    differences = [[one.over[what].mean for what in over] for one in found]
    height = 0.42 * len(found) + 1.95
    with styled():
        figure = blank(10.5, height)
        left = figure.add_axes((0.15, 1.0 / height, 0.29, 1 - 1.5 / height))
        right = figure.add_axes((0.47, 1.0 / height, 0.51, 1 - 1.5 / height))
        top = max(1.0, *(x for row in scores for x in row))
        cells = _grid(left, scores, ["initial", *arms], scale=SCALE, low=0.0, high=top)
        write(left, cells, scores, [[f"{x:.3f}" for x in row] for row in scores])
        left.set_yticks(range(len(found)), [short(one.task, 20) for one in found], parse_math=False)
        top = max(0.05, *(abs(x) for row in differences for x in row))
        columns = [f"{IMPROVED} \u2212 {what}" for what in over]
        cells = _grid(right, differences, columns, scale=DIFFERENCES, low=-top, high=top)
        write(right, cells, differences, [[_shown(one, what) for what in over] for one in found])
        right.set_yticks([])
        n = numbers(one.runs for one in found)
        caption(
            figure, f"n={n} improver runs an arm on test, paired by task, block and draws; 95 % t intervals; bold: the "
            "interval does not hold 0 (no correction for several tasks).", lines=2,
        )  # fmt: skip
    return figure


def _grid(axes: Axes, values: Sequence[Sequence[float]], columns: Sequence[str], **how: Any) -> Any:
    """`heat` with the names of its columns on top."""
    cells = heat(axes, values, **how)
    axes.set_xticks(range(len(columns)), columns)
    axes.xaxis.tick_top()
    return cells


def _shown(one: Comparison, what: str) -> str:
    """A difference with its interval; a star before one that does not hold 0."""
    found = one.over[what]
    interval = found.interval()
    if interval is None:
        return f"{found.mean:+.3f}"
    return "*" * (interval[0] > 0 or interval[1] < 0) + f"{found.mean:+.3f} [{interval[0]:+.3f}, {interval[1]:+.3f}]"
