"""Programs that improve programs, improving themselves. `stop.load(path)` opens a run folder as data frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stop.frames import Run


def load(path: str | Path) -> Run:
    """The run in that folder: .versions .decisions .outcomes .evaluations .calls .incidents .source .diff .best."""
    from stop.frames import load as opened

    return opened(path)
