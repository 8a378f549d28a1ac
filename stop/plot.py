"""`python -m stop.plot`: a run as two pictures, its curve and its tree. `curve(run)` and `tree(run)` for notebooks.

Owns: figures, drawn from the run folder alone. Does not own: what a run means (frames), tables (show). The same run
gives the same bytes. All text of a run is neutralised and never read as mathematics.
"""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stop.arguments import Parser
from stop.neutral import neutral
from stop.show import piped, versions_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stop.frames import Run
    from stop.lineage import Score, Version

MOST_CAPTION_CHARS = 600
DARK, PALE = "#333333", "#8a8a8a"


@dataclass(frozen=True)
class Look:
    """How versions of one standing are drawn: in colours of Okabe and Ito, each with a marker of its own."""

    marker: str
    colour: str


LOOKS = {
    "seed": Look("s", "#333333"),
    "kept": Look("o", "#0072b2"),
    "not_better": Look("v", "#d55e00"),
    "indecisive": Look("D", "#e69f00"),
    "failed": Look("X", "#a3264f"),
    "canary_failed": Look("P", "#a3264f"),
    "pending": Look("h", "#56b4e9"),
    "rejected": Look("^", "#d55e00"),
    "rolled_back": Look("<", "#cc79a7"),
    "draft": Look("p", "#56b4e9"),
}
OTHER = Look("d", "#8a8a8a")  # a standing that this module does not know


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.checked(argv)
    import stop
    from stop.chain import BadFolder

    try:
        run = stop.load(arguments.run)
        figures = {"curve.svg": curve(run), "tree.svg": tree(run)}
        folder = Path(arguments.out) if arguments.out else run.path
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            save(figure, folder / name)
            print(neutral(str(folder / name)))
    except BrokenPipeError:
        raise  # see piped
    except (BadFolder, LookupError, OSError) as error:
        parser.error(neutral(str(error), most=400))
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="python -m stop.plot",
        allow_abbrev=False,
        description="Draw a run: curve.svg, the meta-utility of every version, and tree.svg, who came from whom.",
        epilog="Exit status: 0 drawn, 2 wrong usage, no such run, or a folder that cannot be written to.",
    )
    parser.add_argument("run", metavar="RUN", help="the folder of a run")
    parser.add_argument("--out", metavar="DIR", help="where the two files go (default: RUN)")
    return parser


def save(figure: Figure, path: Path) -> None:
    """An SVG (or what the name ends in) whose bytes depend on the figure alone."""
    with _style():
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _style() -> AbstractContextManager[None]:
    """matplotlib's own defaults, whatever the user has set, and ids that do not change."""
    from matplotlib import style

    ours = {"svg.hashsalt": "stop", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    return style.context(["default", ours])


# -- the curve ------------------------------------------------------------------------------------------------------
def curve(run: Run) -> Figure:
    """Meta-utility on val, step by step, and on test where it was looked at. Raises LookupError without a version."""
    from matplotlib.ticker import MaxNLocator

    tested = _tested(run)
    versions = [v for v in versions_of(run) if v.status != "draft"]  # an agent's changes that were not evaluated
    with _style():
        figure, axes, beside = _panels(bool(tested))
        parents = _parents(run)
        _draw_current(axes, run, versions, parents)
        _draw_parents(axes, versions, parents)
        _draw_versions(axes, run, versions)
        axes.set_xlabel("step")
        axes.set_ylabel(f"{run.measure} on val")
        axes.set_xlim(-0.6, max(v.step for v in versions) + 0.6)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        _legend(axes, columns=6)
        if beside is not None:
            _draw_test(beside, tested)
        _caption(figure, _curve_caption(run, versions, tested))
    return figure


def _panels(with_test: bool) -> tuple[Figure, Axes, Axes | None]:
    """Val on the left; a narrow panel for test on the right with the same axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.6), dpi=110)
    if not with_test:
        return figure, figure.add_axes((0.085, 0.24, 0.89, 0.66)), None
    left = figure.add_axes((0.085, 0.24, 0.69, 0.66))
    return figure, left, figure.add_axes((0.81, 0.24, 0.17, 0.66), sharey=left)


def _parents(run: Run) -> dict[int, float]:
    """Version id -> what its parent scored on the same block and draws, where the rule compared them."""
    scored = [(d["id"], d["evidence"].get("parent")) for d in run.rows("decisions.jsonl")]
    return {i: float(score) for i, score in scored if isinstance(score, int | float)}


def _draw_versions(axes: Axes, run: Run, versions: Sequence[Version]) -> None:
    """Each at its step; what was never scored at the lower edge, so that it does not stretch the axis."""
    seen: set[str] = set()
    for v in versions:
        name, look = _look(run, v)
        dot: dict[str, Any] = {"marker": look.marker, "color": look.colour, "markersize": 8, "ls": "none", "zorder": 4}
        label = "" if name in seen else name
        seen.add(name)
        if not v.n:
            axes.plot(v.step, 0.025, transform=axes.get_xaxis_transform(), label=label, **dot)
            continue
        axes.plot(v.step, v.meta_utility, label=label, **dot)
        if v.stderr:
            axes.errorbar(v.step, v.meta_utility, yerr=v.stderr, color=look.colour, capsize=3, elinewidth=1.2, zorder=4)


def _look(run: Run, version: Version) -> tuple[str, Look]:
    """The name of its standing for the legend, and how it is drawn."""
    standing = run.standing.get(version.id, version.status)
    return (standing.replace("_", " "), LOOKS[standing]) if standing in LOOKS else ("other", OTHER)


def _draw_parents(axes: Axes, versions: Sequence[Version], parents: dict[int, float]) -> None:
    """Beside each version its parent on the same block, and the difference between the two."""
    label = "parent, same block"
    for v in versions:
        if v.id in parents:
            axes.plot([v.step, v.step], [parents[v.id], v.meta_utility], ":", color=PALE, linewidth=1, zorder=2)
            axes.plot(v.step, parents[v.id], "o", mfc="white", mec=DARK, markersize=11, label=label, zorder=3)
            label = ""


def _draw_current(axes: Axes, run: Run, versions: Sequence[Version], parents: dict[int, float]) -> None:
    """What the current version scored on the block of each step: the new one, or the parent that stayed."""
    from stop.lineage import RUNNABLE

    stands = {v.id for v in versions if run.standing.get(v.id) in RUNNABLE}
    measured = [v for v in versions if v.id in stands or v.id in parents]
    line = [(v.step, v.meta_utility if v.id in stands else parents[v.id]) for v in measured]
    if len(line) > 1:
        label = "current version"
        axes.plot(*zip(*line, strict=True), "-", color="#0072b2", alpha=0.45, linewidth=2, label=label, zorder=1)


def _tested(run: Run) -> dict[int, Score]:
    """The seed's and the best version's meta-utility on test, where it was looked at."""
    from stop.lineage import ImproverRun, Score

    runs: dict[int, dict[Any, ImproverRun]] = {}  # by task, repeat and block: a later look repeats an earlier one
    for r in run.rows("outcomes.jsonl"):
        if r["split"] == "test":
            made = ImproverRun(r["task"], r["repeat"], r["status"], utility=r["utility"])
            runs.setdefault(r["version"], {})[r["task"], r["repeat"], r["block"]] = made
    return {i: Score.of([*runs[i].values()]) for i in sorted({0, run.best}) if i in runs}


def _draw_test(axes: Axes, tested: dict[int, Score]) -> None:
    """A horizontal mark for each, with its value; the higher one's label above, the lower one's below."""
    highest = max(tested, key=lambda i: (tested[i].mean, i))
    for i, score in tested.items():
        look = LOOKS["kept" if i else "seed"]
        axes.errorbar(
            0.5, score.mean, yerr=score.stderr or None, color=look.colour, marker="_", markersize=60,
            markeredgewidth=2.5, capsize=3, elinewidth=1.2, ls="none", zorder=3,
        )  # fmt: skip
        reach = score.mean + (score.stderr or 0.0) * (1 if i == highest else -1)
        axes.annotate(
            f"{f'version {i}' if i else 'seed'} {score.mean:.3f}", (0.5, reach), xytext=(0, 7 if i == highest else -7),
            textcoords="offset points", ha="center", va="bottom" if i == highest else "top", color=look.colour,
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    axes.set_xlabel("test")
    axes.tick_params(labelleft=False)
    axes.margins(y=0.15)


def _curve_caption(run: Run, versions: Sequence[Version], tested: dict[int, Score]) -> str:
    names = ", ".join(map(str, run.settings["config"]["tasks"]))
    on_test = f" (test: n={_numbers(s.n for s in tested.values())})" if tested else ""
    known = any(v.stderr is not None for v in versions)
    bars = "bars: one standard error" if known else "no bars, for one run of a task has no standard error"
    return (
        f"Tasks: {names}. Each point is the mean of n={_numbers(v.n for v in versions if v.n)} improver runs{on_test}; "
        f"{bars}. Every step has a val block of its own: compare a version with the ring at the same step, its parent "
        "on that block, and not across steps."
    )


def _numbers(found: Iterable[int]) -> str:
    return " or ".join(map(str, sorted({*found}))) or "0"


# -- the tree -------------------------------------------------------------------------------------------------------
def tree(run: Run) -> Figure:
    """Every version under its parent: x is the order of birth, y the mean of its leaves. Raises LookupError."""
    from matplotlib.figure import Figure

    versions = versions_of(run)
    places = {v.id: (float(n), y) for n, (v, y) in enumerate(zip(versions, heights(versions), strict=True))}
    leaves = 1 + max(y for _, y in places.values()) - min(y for _, y in places.values())
    width, height = max(6.0, 1.0 * len(versions) + 1.0), min(max(1.6, 0.62 * leaves), 12.0) + 1.4
    with _style():
        figure = Figure(figsize=(width, height), dpi=110)
        axes = figure.add_axes((0.02, 0.75 / height, 0.96, 1 - 1.4 / height))
        for v in versions:
            if v.parent_id in places:
                _draw_edge(axes, places[v.parent_id], places[v.id], _look(run, v)[0] == "kept")
        _draw_nodes(axes, run, versions, places)
        axes.set_xlim(-0.6, max(len(versions) - 0.4, 4.6))
        axes.set_ylim(max(y for _, y in places.values()) + 0.7, min(y for _, y in places.values()) - 0.45)
        axes.set_axis_off()
        _legend(axes, columns=6)
        said = f"From left to right: order of birth. Numbers: {run.measure} on the val block of the version's own step."
        _caption(figure, said)
    return figure


def heights(versions: Sequence[Version]) -> list[float]:
    """The y of every version, in order: leaves count 0, 1, 2, ... depth first; others lie at their leaves' mean."""
    children: dict[int, list[int]] = {v.id: [] for v in versions}
    roots: list[int] = []
    for v in versions:
        (roots if v.parent_id is None else children.get(v.parent_id, roots)).append(v.id)
    under: dict[int, list[int]] = {v.id: [] for v in versions}
    parent = {v.id: v.parent_id for v in versions}
    stack, leaf = roots[::-1], 0
    while stack:
        at: int | None = stack.pop()
        if at is not None and not children[at]:
            while at in under:
                under[at].append(leaf)
                at = parent[at]
            leaf += 1
        elif at is not None:
            stack += children[at][::-1]
    return [statistics.fmean(under[v.id]) for v in versions]


def _draw_edge(axes: Axes, start: tuple[float, float], end: tuple[float, float], kept: bool) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Line

    middle = (start[0] + end[0]) / 2
    line = Line([start, (middle, start[1]), (middle, end[1]), end], [Line.MOVETO, *[Line.CURVE4] * 3])
    colour, width = (LOOKS["kept"].colour, 2.2) if kept else (PALE, 1.0)
    axes.add_patch(PathPatch(line, fill=False, edgecolor=colour, linewidth=width, zorder=1))


def _draw_nodes(axes: Axes, run: Run, versions: Sequence[Version], places: dict[int, tuple[float, float]]) -> None:
    seen: set[str] = set()
    for v in versions:
        name, look = _look(run, v)
        label = "" if name in seen else name
        seen.add(name)
        axes.plot(*places[v.id], look.marker, color=look.colour, markersize=11, ls="none", label=label, zorder=3)
        score = f"{v.meta_utility:.3f}" if v.n else "no score"
        axes.annotate(
            f"{v.id}: {name}\n{score}", places[v.id], xytext=(0, -8), textcoords="offset points", ha="center", va="top",
            fontsize=8, color=DARK, zorder=2, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip


# -- both -----------------------------------------------------------------------------------------------------------
def _legend(axes: Axes, columns: int) -> None:
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.01), ncols=columns, frameon=False, borderaxespad=0, markerscale=0.8,
        handletextpad=0.5, columnspacing=1.4,
    )  # fmt: skip


def _caption(figure: Figure, text: str) -> None:
    wide = int(figure.get_figwidth() * 17)
    shown = textwrap.fill(neutral(text, most=MOST_CAPTION_CHARS), wide, max_lines=3, placeholder=" ...")
    figure.text(0.02, 0.02, shown, fontsize=8, color=DARK, va="bottom", parse_math=False)


if __name__ == "__main__":
    raise SystemExit(piped(main))
