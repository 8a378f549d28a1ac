"""What decided: each version's score task by task, and the evidence of one decision."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from stop.plot.style import (
    BLUE,
    DARK,
    PALE,
    RED,
    SCALE,
    blank,
    caption,
    colour_bar,
    heat,
    legend,
    look,
    short,
    styled,
    write,
)
from stop.show import find_version, versions_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stop.chain import Record
    from stop.frames import Run
    from stop.lineage import Version

MOST_WRITTEN = 24  # versions, up to which each cell says its value
MOST_NAME_CHARS = 20
Values = dict[tuple[str, int], float]  # (task, repeat) -> utility


def tasks(run: Run) -> Figure:
    """Tasks x versions: the mean utility of what the version made of each task, on the val block it was judged on.

    Below, its standing. Hatched: not scored. Raises LookupError without a version.
    """
    versions = [v for v in versions_of(run) if v.status != "draft"]
    blocks = _first_blocks(run)
    means = _means(run, blocks)
    names = list(dict.fromkeys(task for of in means.values() for task in of)) or ["no task"]
    grid = [[means.get(v.id, {}).get(name, math.nan) for v in versions] for name in names]
    most = max([1.0, *(x for row in grid for x in row if not math.isnan(x))])
    written = len(versions) <= MOST_WRITTEN
    width = min(max(6.0, 0.5 * len(versions) + 3.0), 13.0)
    height = 0.42 * len(names) + 1.9
    with styled():
        figure = blank(width, height)
        left = 1.75 / width
        inches = height - 1.6
        axes = figure.add_axes((left, 1.15 / height, 1 - left - 0.95 / width, inches / height))
        cells = heat(axes, grid, scale=SCALE, low=0.0, high=most)
        axes.set_yticks(range(len(names)), [short(name, MOST_NAME_CHARS) for name in names], parse_math=False)
        if written:
            axes.set_xticks(range(len(versions)), [str(v.id) for v in versions])
            write(axes, cells, grid, [["" if math.isnan(x) else f"{x:.2f}" for x in row] for row in grid])
        axes.set_xlabel("version, in order of birth")
        _draw_standing(axes, run, versions, inches)
        colour_bar(figure, cells, "utility on val", (1 - 0.8 / width, 1.15 / height, 0.15 / width, 1 - 1.6 / height))
        n = {v.n for v in versions if v.n}
        each = f"{min(n)} to {max(n)}" if len(n) > 1 else f"{max(n, default=0)}"
        caption(
            figure, f"Mean over a task's improver runs (n={each} a version, all tasks together), each on a block of "
            "its own. Hatched: no score. Marks on top: standing.", lines=2,
        )  # fmt: skip
    return figure


def _draw_standing(axes: Axes, run: Run, versions: Sequence[Version], inches: float) -> None:
    """A row of marks above the grid. inches: its height."""
    groups: dict[str, list[int]] = {}
    for x, v in enumerate(versions):
        groups.setdefault(look(run, v)[0], []).append(x)
    size = 6 if len(versions) <= 60 else 3
    for name, at in groups.items():
        how = look(run, versions[at[0]])[1]
        y = [1 + 0.09 / inches] * len(at)
        axes.plot(at, y, how.marker, color=how.colour, markersize=size, ls="none", label=name, clip_on=False,
                  transform=axes.get_xaxis_transform())  # fmt: skip
    handles, names = axes.get_legend_handles_labels()
    above = 1 + 0.17 / inches
    axes.legend(handles, names, loc="lower left", bbox_to_anchor=(0, above), ncols=6, frameon=False, borderaxespad=0,
                handletextpad=0.3, columnspacing=1.2)  # fmt: skip


def _first_blocks(run: Run) -> dict[int, int]:
    """Version -> the val block that it was first judged on."""
    found: dict[int, int] = {}
    for d in run.rows("decisions.jsonl"):
        found.setdefault(d["id"], d["block"])
    return found


def _means(run: Run, blocks: Mapping[int, int]) -> dict[int, dict[str, float]]:
    """Version -> task -> mean utility on its block of val."""
    found: dict[int, dict[str, Values]] = {}
    for row in run.rows("outcomes.jsonl"):
        if row["split"] == "val" and row["version"] is not None and row["block"] == blocks.get(row["version"]):
            of = found.setdefault(row["version"], {}).setdefault(row["task"], {})
            of.setdefault((row["task"], row["repeat"]), row["utility"])
    return {v: {task: math.fsum(u.values()) / len(u) for task, u in of.items()} for v, of in found.items()}


# -- one decision ----------------------------------------------------------------------------------------------------
def decision(run: Run, version: int | str | None = None) -> Figure:
    """What decided on one version: its utility minus that of the current version, improver run by improver run.

    version: an id or the beginning of a sha; default: the best version, or the last one if none was kept. Where the
    rule took bets, their capital round by round is beside it. Raises LookupError for a version that is not there, and
    for one that was not compared.
    """
    chosen = find_version(run, str(version)) if version is not None else versions_of(run)[run.best or -1]
    compared = [d for d in run.rows("decisions.jsonl") if d["id"] == chosen.id and _pairs(run, d)]
    if not compared:
        raise LookupError(f"{run.path}: version {chosen.id} was not compared with another: {_why(run, chosen.id)}.")
    paths = {d["block"]: d for d in compared if d["evidence"].get("capital_better")}
    columns = len(compared) + len(paths)
    with styled():
        rows = max(len({task for task, _ in _pairs(run, d)}) for d in compared)
        height = 0.5 * rows + 2.6
        figure = blank(max(6.4, 4.3 * columns), height)
        for place, d in enumerate(compared):
            _draw_pairs(figure.add_axes(_column(place, columns, height)), run, d)
        for place, d in enumerate(paths.values(), len(compared)):
            _draw_capital(figure.add_axes(_column(place, columns, height)), d["evidence"])
        caption(figure, _verdicts(compared), lines=3)
    return figure


def _column(place: int, columns: int, height: float) -> tuple[float, float, float, float]:
    share = 1.0 / columns
    left = 0.27 if columns == 1 else 0.3
    return share * (place + left), 1.15 / height, share * (0.95 - left), 1 - 1.65 / height


def _why(run: Run, version: int) -> str:
    found = [d["why"] for d in run.rows("decisions.jsonl") if d["id"] == version]
    return short(found[-1], 120) if found else "nothing was decided"


def _pairs(run: Run, made: Record) -> dict[tuple[str, int], float]:
    """(task, repeat) -> child minus the current version, on the block of a decision; {} where it compared nothing."""
    sides: dict[int, Values] = {}
    for r in run.rows("outcomes.jsonl"):
        if r["split"] == "val" and r["block"] == made["block"] and r["unit"] == made["unit"]:
            sides.setdefault(r["version"], {}).setdefault((r["task"], r["repeat"]), r["utility"])
    child, others = sides.pop(made["id"], {}), [*sides.values()]
    against = others[0] if len(others) == 1 else {}
    return {key: child[key] - against[key] for key in sorted(child.keys() & against.keys())}


def _draw_pairs(axes: Axes, run: Run, made: Record) -> None:
    """One row for each task, a dot for each improver run; below them the mean of the tasks' means."""
    from stop.analysis.intervals import stratified_mean

    pairs = _pairs(run, made)
    strata: dict[str, list[float]] = {}
    for (task, _), x in pairs.items():
        strata.setdefault(task, []).append(x)
    for y, values in enumerate(strata.values()):
        spread = [y + 0.22 * (i / max(len(values) - 1, 1) - 0.5) for i in range(len(values))]
        axes.plot(values, spread, "o", color=BLUE, mfc="none", markersize=5, zorder=3)
        axes.plot(math.fsum(values) / len(values), y, "|", color=DARK, markersize=14, markeredgewidth=2, zorder=4)
    found, y = stratified_mean(strata), len(strata)
    interval = found.interval()
    if interval:
        axes.plot(interval, [y, y], "-", color=DARK, linewidth=2, zorder=3)
    axes.plot(found.mean, y, "D", color=DARK, markersize=7, zorder=4)
    axes.axvline(0, color=PALE, linewidth=1, linestyle=":", zorder=1)
    axes.set_yticks(range(y + 1), [*(short(t, MOST_NAME_CHARS) for t in strata), "all tasks"], parse_math=False)
    axes.set_ylim(y + 0.6, -0.6)
    axes.set_xlabel("utility: this minus the current version")
    shown = f"{found.mean:+.3f}" + (f" [{interval[0]:+.3f}, {interval[1]:+.3f}]" if interval else ", no interval")
    who = "canary: " if made["who"] == "canary" else ""
    verdict = short(str(made["verdict"]).replace("_", " "), MOST_NAME_CHARS)
    axes.set_title(f"{who}{verdict}, n={len(pairs)}\n{shown}", loc="left", fontsize=9, parse_math=False)


def _draw_capital(axes: Axes, evidence: Record) -> None:
    """What two bets have won, round by round; the one that reaches the line decides."""
    for name, marker, colour in (("better", "o", BLUE), ("not_better", "v", RED)):
        won = [max(float(x), 1e-6) for x in evidence[f"capital_{name}"]]
        label = f"bet on {name.replace('_', ' ')}"
        axes.plot(range(1, len(won) + 1), won, f"{marker}-", color=colour, markersize=4, linewidth=1, label=label)
    axes.axhline(evidence["needed"], color=DARK, linestyle="--", linewidth=1, label="needed")
    axes.set_yscale("log")
    axes.set_xlabel("repeats of all tasks")
    axes.set_ylabel("capital, of a stake of 1")
    legend(axes, columns=2)


def _verdicts(made: Sequence[Record]) -> str:
    said = " ".join(f"Version {d['id']}, {d['who']} ({d['rule']}): {d['why']}." for d in made)
    return (
        f"{said} Circles: improver runs, paired by task and repeat; bars: means; diamond: all tasks, 95 % t interval."
    )
