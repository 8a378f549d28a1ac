"""Along the way to the best version: what each edit is worth, and which strategies came in when."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stop.plot.style import BLUE, DARK, PALE, blank, caption, colour_bar, heat, legend, numbers, styled, write
from stop.show import versions_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stop.analysis.measure import Measure
    from stop.frames import Run

MOST_WRITTEN = 24  # generations, up to which each cell says its numbers
MOST_EDITS = 40  # of an ancestry, the last ones


def strategies(run: Run) -> Figure:
    """Strategies x generations: in how many versions of a generation each shows; ringed: on the way to the best.

    A strategy is a form of the source (`stop.analysis.strategies`); nothing is run. Raises LookupError without a
    version.
    """
    from stop.analysis.recorded import ancestry
    from stop.analysis.strategies import labels

    versions = [v for v in versions_of(run) if v.status != "draft"]
    known = {
        sha: tuple(one.strategy for one in labels(run.source(sha))) for sha in dict.fromkeys(v.sha for v in versions)
    }
    born = Counter(v.generation for v in versions)
    having = Counter((name, v.generation) for v in versions for name in known[v.sha])
    names = sorted({name for name, _ in having}) or ["no strategy is recognised"]
    generations = range(min(max(born), len(versions)) + 1)  # whatever the records say, there are no more
    path = {*ancestry(run, run.best)}
    rings = [(v.generation, names.index(name)) for v in versions if v.id in path for name in known[v.sha]]
    width, height = min(max(6.0, 0.55 * len(generations) + 3.2), 13.0), 0.4 * len(names) + 1.75
    with styled():
        figure = blank(width, height)
        left = 1.9 / width
        axes = figure.add_axes((left, 1.1 / height, 1 - left - 0.95 / width, 1 - 1.45 / height))
        grid = [[having[name, g] / born[g] if born[g] else math.nan for g in generations] for name in names]
        cells = heat(axes, grid, scale="Greys", low=0.0, high=1.0)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("generation: edits since the seed")
        if len(generations) <= MOST_WRITTEN:
            axes.set_xticks(list(generations))
            said = [[f"{having[name, g]}/{born[g]}" if having[name, g] else "" for g in generations] for name in names]
            write(axes, cells, grid, said)
        _draw_rings(axes, rings, f"version {run.best} or its ancestor has it")
        box = (1 - 0.8 / width, 1.1 / height, 0.15 / width, 1 - 1.45 / height)
        colour_bar(figure, cells, "share of versions", box)
        caption(
            figure, f"n={len(versions)} versions in {len(born)} generations. Cells: how many of those born in a "
            "generation show the form in their source, which need not mean that it does anything.", lines=2,
        )  # fmt: skip
    return figure


def _draw_rings(axes: Axes, at: Sequence[tuple[int, int]], label: str) -> None:
    """A frame around a cell."""
    from matplotlib.patches import Rectangle

    for g, y in at:
        axes.add_patch(Rectangle((g - 0.46, y - 0.42), 0.92, 0.84, fill=False, edgecolor=BLUE, linewidth=2, zorder=5))
    if at:
        axes.plot([], [], "s", mfc="none", mec=BLUE, mew=2, ls="none", markersize=8, label=label)
        legend(axes, columns=1)


# -- credit ----------------------------------------------------------------------------------------------------------
def credit(run: Run) -> Figure:
    """What each edit between the seed and the best version is worth: beside its parent, and left out of the best one.

    Raises LookupError without a version, or where the seed is the best.
    """
    from stop.analysis.credit import leave_one_edit_out
    from stop.analysis.gain import difference
    from stop.analysis.recorded import ancestry

    versions_of(run)
    path = ancestry(run, run.best)
    edits = list(zip(path, path[1:], strict=False))[-MOST_EDITS:]
    if not edits:
        raise LookupError(f"{run.path}: the seed is the best version: there is no edit to give credit to.")
    born = {child: difference(run, child, parent) for parent, child in edits}
    left_out = {one.version: one.effect for one in leave_one_edit_out(run) if one.effect.estimate is not None}
    total = {f"on {split}": difference(run, run.best, path[0], split) for split in ("val", "test")}
    names = [*(f"{a} \u2192 {b}" for a, b in edits), *(f"{path[0]} \u2192 {run.best} {split}" for split in total)]
    shown = [*born.values(), *total.values()]
    height = 0.42 * len(names) + 1.9
    with styled():
        figure = blank(7.2, height)
        axes = figure.add_axes((0.17, 1.15 / height, 0.55, 1 - 1.6 / height))
        for y, (child, m) in enumerate(born.items()):
            _draw(axes, y - 0.12, m, "o", BLUE, label="" if y else "beside its parent on val")
            if child in left_out:
                _draw(axes, y + 0.18, left_out[child], "D", DARK, mfc="white")
        if left_out:
            axes.plot([], [], "D", color=DARK, mfc="white", ls="none", label="the best version minus itself without it")
        for y, m in enumerate(total.values(), len(born)):
            _draw(axes, y, m, "s", DARK)
        _rows(axes, names, [_said(m) for m in shown])
        axes.axhline(len(born) - 0.5, color=PALE, linewidth=0.6)
        axes.set_xlabel(f"difference in {run.measure}")
        legend(axes, columns=2)
        n, apart = numbers(m.n for m in shown if m.estimate is not None), any("not paired" in m.why for m in shown)
        caption(
            figure, f"95 % t intervals over n={n} improver runs. On val every edit was kept for its difference, "
            "which flatters it; nothing was chosen by test. An edit that later ones build on cannot be left out alone: "
            "it has no diamond." + " \u2020: on blocks of their own, not paired." * apart, lines=3,
        )  # fmt: skip
    return figure


def _rows(axes: Axes, names: Sequence[str], said: Sequence[str]) -> None:
    """A name to the left of each row, from the top down, and what it came to to the right."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.axvline(0, color=PALE, linewidth=1, linestyle=":", zorder=1)
    for y, text in enumerate(said):
        axes.annotate(text, (1.02, y), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=DARK)


def _said(m: Measure) -> str:
    if m.estimate is None:
        return "not measured"
    interval = f" [{m.low:+.3f}, {m.high:+.3f}]" if m.low is not None else ""
    return f"{m.estimate:+.3f}{interval}" + " \u2020" * ("not paired" in m.why)


def _draw(axes: Axes, y: float, m: Measure, marker: str, colour: str, **how: Any) -> None:
    """A value with its interval; how: of the marker."""
    if m.low is not None and m.high is not None:
        axes.plot([m.low, m.high], [y, y], "-", color=colour, linewidth=1.4, zorder=2)
    if m.estimate is not None:
        axes.plot(m.estimate, y, marker, color=colour, markersize=7, ls="none", zorder=3, **how)
