"""One HTML file of a run or several, with everything in it: `python -m stop.report`, `report.html` in a run folder.

Owns: writing the file. Does not own: what is in it (contents), how it is carried and confined (page), how it is shown
(page.js and page.css), what a run means (frames, closing, compare).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stop.frames import Run

NAME = "report.html"


def write(runs: Sequence[Run], path: Path) -> None:
    """The report of these runs as one file, there in full or not at all. The same folders give the same bytes.

    Raises LookupError for a run without a version, BadFolder for a damaged one, OSError where nothing can be written.
    """
    from stop.records import write_whole
    from stop.report.contents import contents
    from stop.report.page import page

    write_whole(path, page(contents(runs)))
