"""The lineage tree: who came from whom, what each is worth, and where the kept path runs."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stop.plot.style import (
    BLUE,
    DARK,
    PALE,
    SCALE,
    Labels,
    blank,
    caption,
    colour_bar,
    legend,
    look,
    marker_size,
    short,
    styled,
)
from stop.show import versions_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stop.frames import Run
    from stop.lineage import Version

Places = Mapping[int, tuple[float, float]]
MOST_NAMED = 12  # versions, up to which each label says all
MOST_LABELS = 200  # for which a place is sought
MOST_REASON_CHARS = 24


def tree(run: Run) -> Figure:
    """Every version under its parent. x: order of birth; y: branch, a parent at the mean of its leaves; colour: score.

    The path from the seed to the best version is heavy. Raises LookupError without a version.
    """
    versions = versions_of(run)
    places = {v.id: (float(n), y) for n, (v, y) in enumerate(zip(versions, heights(versions), strict=True))}
    rows = [y for _, y in places.values()]
    width = min(max(7.0, 1.1 * len(versions) + 1.5), 13.0)
    height = min(max(1.7, 0.62 * (1 + max(rows) - min(rows))), 7.0) + 1.5
    with styled():
        figure = blank(width, height)
        axes = figure.add_axes((0.02, 0.8 / height, 0.97 - 1.05 / width, 1 - 1.45 / height))
        axes.set_xlim(-0.6, max(len(versions) - 0.4, 4.6))
        below, above = 0.03 * (max(rows) - min(rows)), 0.02 * (max(rows) - min(rows))
        axes.set_ylim(max(rows) + 0.75 + below, min(rows) - 0.45 - above)
        axes.set_axis_off()
        path = _path(versions, run.best)
        _draw_edges(axes, versions, places, path)
        colours = _draw_nodes(axes, run, versions, places)
        if colours is not None:
            box = (1 - 0.95 / width, 0.8 / height, 0.15 / width, 1 - 1.45 / height)
            colour_bar(figure, colours, f"{run.measure} on val", box)
        _draw_labels(axes, run, versions, places, path)
        legend(axes, columns=7)
        said = f"Left to right: order of birth. Score: {run.measure} on the val block of the version's own step."
        caption(figure, f"{said} {_reasons(versions)}", lines=2)
    return figure


def heights(versions: Sequence[Version]) -> list[float]:
    """The y of every version, in order: leaves count 0, 1, 2, ... depth first; others lie at their leaves' mean."""
    children: dict[int, list[int]] = {v.id: [] for v in versions}
    roots: list[int] = []
    for v in versions:
        (roots if v.parent_id is None else children.get(v.parent_id, roots)).append(v.id)
    parent = {v.id: v.parent_id for v in versions}
    total, count = dict.fromkeys(children, 0.0), dict.fromkeys(children, 0)
    stack, leaf = roots[::-1], 0
    while stack:
        at = stack.pop()
        if not children[at]:
            total[at], count[at] = float(leaf), 1
            leaf += 1
        stack += children[at][::-1]
    for v in reversed(versions):  # a child is born after its parent
        above = parent[v.id]
        if above in total:
            total[above] += total[v.id]
            count[above] += count[v.id]
    return [total[v.id] / count[v.id] for v in versions]


def _path(versions: Sequence[Version], best: int) -> list[int]:
    """The ids from the best version up to the seed."""
    parent = {v.id: v.parent_id for v in versions}
    found: list[int] = []
    at: int | None = best
    while at in parent and at not in found[-1:]:
        found.append(at)
        at = parent[at]
    return found


def _draw_edges(axes: Axes, versions: Sequence[Version], places: Places, path: Sequence[int]) -> None:
    """From the parent up or down at its own x, then across: no two edges lie on each other beyond their parent."""
    from matplotlib.collections import LineCollection

    lines: dict[bool, list[Any]] = {False: [], True: []}
    on_path = {*path}
    for v in versions:
        if v.parent_id is not None and v.parent_id in places:
            (x0, y0), (x1, y1) = places[v.parent_id], places[v.id]
            lines[v.id in on_path].append([(x0, y0), (x0, y1), (x1, y1)])
    thin = 1.0 if len(versions) <= 100 else 0.5
    axes.add_collection(LineCollection(lines[False], colors=PALE, linewidths=thin, zorder=1))
    if lines[True]:
        label = f"path to version {path[0]}"
        axes.add_collection(LineCollection(lines[True], colors=BLUE, linewidths=2.6, label=label, zorder=2))


def _draw_nodes(axes: Axes, run: Run, versions: Sequence[Version], places: Places) -> Any:
    """A marker for each standing, filled by score; what has no score is drawn in its standing's colour."""
    from matplotlib.colors import Normalize

    size = marker_size(len(versions), 11)
    scores = [v.meta_utility for v in versions if v.n]
    norm = Normalize(min(scores, default=0.0), max(scores, default=1.0))
    groups: dict[tuple[str, bool], list[Version]] = {}
    for v in versions:
        groups.setdefault((look(run, v)[0], bool(v.n)), []).append(v)
    drawn, named = None, set()
    for (name, scored), group in groups.items():
        how = look(run, group[0])[1]
        x, y = zip(*(places[v.id] for v in group), strict=True)
        edge: dict[str, Any] = {"edgecolors": DARK, "linewidths": 0.7 if size > 3 else 0.2, "zorder": 4}
        fill: dict[str, Any] = {"color": how.colour} if not scored else {
            "c": [v.meta_utility for v in group], "cmap": SCALE, "norm": norm, **edge}  # fmt: skip
        dots = axes.scatter(x, y, marker=how.marker, s=size**2, **({"zorder": 4} | fill))
        drawn = dots if scored else drawn
        if name not in named:
            named.add(name)
            axes.plot([], [], how.marker, ls="none", color="#dddddd" if scored else how.colour, mec=DARK, mew=0.7,
                      markersize=8, label=name)  # fmt: skip
    return drawn


def _draw_labels(axes: Axes, run: Run, versions: Sequence[Version], places: Places, path: Sequence[int]) -> None:
    """The seed, the best, the path to it, why others failed, the rest: as many as find a free place."""
    heavy = [(places[v], places[parent]) for v, parent in itertools.pairwise(path)]
    lines = [line for (x1, y1), (x0, y0) in heavy for line in (((x0, y0), (x0, y1)), ((x0, y1), (x1, y1)))]
    labels = Labels(axes, [*places.values()], marker_size(len(versions), 11) / 2, lines)
    important = {v: n for n, v in enumerate([*path[:1], 0, *path[1:]])}
    by_id = {v.id: v for v in versions}
    ends = (0, run.best)
    failed = [v.id for v in versions if v.detail and v.id not in important]
    rest = [v.id for v in versions if v.id not in important and not v.detail]
    for i in [*sorted(important, key=important.__getitem__), *failed, *rest][:MOST_LABELS]:
        if i in by_id:
            labels.add(_label(run, by_id[i], len(versions) <= MOST_NAMED), places[i], far=i in ends)


def _label(run: Run, version: Version, all_of_it: bool) -> str:
    score = f"{version.meta_utility:.3f}" if version.n else "no score"
    reason = short(version.detail, MOST_REASON_CHARS) if not version.n and version.detail else ""
    if all_of_it:
        return f"{version.id}: {look(run, version)[0]}\n{reason or score}"
    return f"{version.id}: {reason}" if reason else f"{version.id}: {score}" if version.n else str(version.id)


def _reasons(versions: Sequence[Version]) -> str:
    """Why versions have no score, the most frequent reason first."""
    found = Counter(short(v.detail, 60) for v in versions if not v.n and v.detail and v.status != "draft")
    said = "; ".join(f"{n} x {why}" for why, n in found.most_common(3))
    return f"Without a score: {said}." if said else ""
