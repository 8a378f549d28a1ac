"""What all figures share: how standings look, captions, legends, labels that never lie over each other, saving.

The same run gives the same bytes. Colours are those of Okabe and Ito, each standing has a marker of its own, and colour
scales rise in lightness, so that all can be told apart in black and white. All text of a run is neutralised, and never
read as mathematics.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stop.neutral import neutral

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

    from stop.frames import Run
    from stop.lineage import Version

MOST_CAPTION_CHARS = 600
DARK, PALE, BLUE, RED = "#333333", "#8a8a8a", "#0072b2", "#d55e00"
SCALE = "cividis"  # made for colour-blind eyes; its lightness rises throughout
DIFFERENCES = "PuOr"  # orange below 0, purple above, white at 0
PIXELS_OF_A_LINE = 4  # between two points of a line that no text may cover
Line = tuple[tuple[float, float], tuple[float, float]]
FAR = (0, 14, 28, 50, 80, 120, 170)  # typographic points between a marker and its label
BESIDE = ((0, -1), (0, 1), (1, 0), (-1, 0))  # where a label may stand: below its point, above, right, left


@dataclass(frozen=True)
class Look:
    """How versions of one standing are drawn."""

    marker: str
    colour: str


LOOKS = {
    "seed": Look("s", DARK),
    "kept": Look("o", BLUE),
    "not_better": Look("v", RED),
    "indecisive": Look("D", "#e69f00"),
    "failed": Look("X", "#a3264f"),
    "canary_failed": Look("P", "#a3264f"),
    "pending": Look("h", "#56b4e9"),
    "rejected": Look("^", RED),
    "rolled_back": Look("<", "#cc79a7"),
    "draft": Look("p", "#56b4e9"),
}
OTHER = Look("d", PALE)  # a standing that this module does not know


def look(run: Run, version: Version) -> tuple[str, Look]:
    """The name of its standing for the legend, and how it is drawn."""
    standing = run.standing.get(version.id, version.status)
    return (standing.replace("_", " "), LOOKS[standing]) if standing in LOOKS else ("other", OTHER)


def marker_size(points: int, largest: float = 8.0) -> float:
    """In points: the more there are, the smaller."""
    return max(1.5, largest * min(1.0, (14 / max(points, 1)) ** 0.3))


def styled() -> AbstractContextManager[None]:
    """matplotlib's own defaults, whatever the user has set, and ids that do not change."""
    from matplotlib import style

    ours = {
        "svg.hashsalt": "stop", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
        "hatch.linewidth": 0.5,
    }  # fmt: skip
    return style.context(["default", ours])


def save(figure: Figure, path: Path) -> None:
    """An SVG, or what the name ends in, whose bytes depend on the figure alone."""
    with styled():
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def blank(width: float, height: float) -> Figure:
    """An empty figure; width and height in inches, 110 pixels each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110)
    FigureCanvasAgg(figure)
    return figure


def legend(axes: Axes, columns: int) -> None:
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.01), ncols=columns, frameon=False, borderaxespad=0, markerscale=0.8,
        handletextpad=0.5, columnspacing=1.4,
    )  # fmt: skip


def caption(figure: Figure, text: str, lines: int = 3) -> None:
    """At the lower edge: on how much it rests, and how it is to be read."""
    wide = int(figure.get_figwidth() * 17)
    shown = textwrap.fill(neutral(text, most=MOST_CAPTION_CHARS), wide, max_lines=lines, placeholder=" ...")
    figure.text(0.02, 0.02, shown, fontsize=8, color=DARK, va="bottom", parse_math=False)


def numbers(found: Iterable[int]) -> str:
    return " or ".join(map(str, sorted({*found}))) or "0"


def short(text: object, most: int) -> str:
    """Foreign text on one line."""
    found = " ".join(neutral(str(text)).split())
    return found if len(found) <= most else found[: most - 1].rstrip() + "\u2026"


def heat(axes: Axes, values: Sequence[Sequence[float]], *, scale: str, low: float, high: float) -> Any:
    """A grid of coloured cells, first row on top; what is NaN stays hatched. Gives back what a colour bar needs."""
    import numpy as np

    axes.set_facecolor("#eeeeee")
    axes.patch.set_hatch("////")
    axes.patch.set_edgecolor("#bbbbbb")
    grid = np.ma.masked_invalid(np.asarray(values, dtype=float))
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)
    return axes.imshow(grid, cmap=scale, vmin=low, vmax=high, aspect="auto", interpolation="nearest")


def colour_bar(figure: Figure, drawn: Any, label: str, box: tuple[float, float, float, float]) -> None:
    """What colours mean. box: left, bottom, width, height, in parts of the figure."""
    bar: Any = figure.colorbar(drawn, cax=figure.add_axes(box))
    bar.set_label(label)
    bar.outline.set_visible(False)


def write(axes: Axes, cells: Any, values: Sequence[Sequence[float]], said: Sequence[Sequence[str]]) -> None:
    """A text on each cell of `heat`, black on light and white on dark; what begins with a star is bold, without it."""
    for y, row in enumerate(said):
        for x, text in enumerate(row):
            if text:
                red, green, blue, _ = cells.cmap(cells.norm(values[y][x]))
                light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
                axes.text(
                    x, y, text.lstrip("*"), ha="center", va="center", fontsize=8, color="black" if light else "white",
                    fontweight="bold" if text.startswith("*") else "normal", parse_math=False,
                )  # fmt: skip


class Labels:
    """Texts beside points of an axes: each is drawn where it covers no point, no line and no other text, or not at all.

    Give the most important first. points: (n, 2), in data coordinates; lines: straight ones, each (2, 2).
    """

    def __init__(
        self, axes: Axes, points: Sequence[tuple[float, float]], radius: float, lines: Sequence[Line] = ()
    ) -> None:  # fmt: skip
        """radius: of a point's marker, in typographic points."""
        import numpy as np

        figure: Any = axes.get_figure(root=True)
        self._axes, self._figure, self._radius = axes, figure, radius
        self._renderer = figure.canvas.get_renderer()
        self._pixels = figure.dpi / 72
        self._covered = axes.transData.transform(np.asarray(points, dtype=float).reshape(-1, 2))
        for line in lines:
            self._cover(*axes.transData.transform(line))
        self._room = axes.get_window_extent()
        self._boxes: list[tuple[float, float, float, float]] = []

    def add(self, text: str, at: tuple[float, float], *, far: bool = False) -> Annotation | None:
        """The text below, above, right or left of the point; None where no place is free.

        far: look for a place further away too, and draw a line to it.
        """
        across, up = self._size(text)
        x, y = self._axes.transData.transform(at)
        gaps = [self._radius + 2.5 + more for more in (FAR if far else FAR[:1])]
        for gap, (right, over) in itertools.product(gaps, BESIDE):
            x0 = x + right * gap * self._pixels - across * (1 - right) / 2
            y0 = y + over * gap * self._pixels - up * (1 - over) / 2
            box = (x0 - 1.5, y0 - 1.0, x0 + across + 1.5, y0 + up + 1.0)
            if self._free(box):
                self._boxes.append(box)
                self._cover((x, y), (x0 + across / 2, y0 + up / 2) if gap > gaps[0] else (x, y))
                return self._axes.annotate(
                    text, at, xytext=(right * gap, over * gap), textcoords="offset points", fontsize=8, color=DARK,
                    ha={0: "center", 1: "left", -1: "right"}[right], va={0: "center", 1: "bottom", -1: "top"}[over],
                    parse_math=False, zorder=3, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
                    arrowprops={"arrowstyle": "-", "color": DARK, "linewidth": 0.6} if gap > gaps[0] else None,
                )  # fmt: skip
        return None

    def _cover(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Keeps texts off a line between two pixels."""
        import numpy as np

        steps = 1 + int(max(abs(end[0] - start[0]), abs(end[1] - start[1])) / PIXELS_OF_A_LINE)
        self._covered = np.vstack([self._covered, np.linspace(start, end, steps)])

    def _size(self, text: str) -> tuple[float, float]:
        """(width, height) in pixels."""
        from matplotlib.text import Text

        written = Text(0, 0, text, fontsize=8, parse_math=False, figure=self._figure)
        found = written.get_window_extent(self._renderer)
        return found.width, found.height

    def _free(self, box: tuple[float, float, float, float]) -> bool:
        x0, y0, x1, y1 = box
        room = self._room
        if x0 < room.x0 or y0 < room.y0 or x1 > room.x1 or y1 > room.y1:
            return False
        if any(x0 < b[2] and b[0] < x1 and y0 < b[3] and b[1] < y1 for b in self._boxes):
            return False
        margin = 0.8 * self._radius * self._pixels
        x, y = self._covered[:, 0], self._covered[:, 1]
        return not ((x > x0 - margin) & (x < x1 + margin) & (y > y0 - margin) & (y < y1 + margin)).any()
