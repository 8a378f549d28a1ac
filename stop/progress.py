"""What a user sees while a run goes on, on stderr: a live line on a terminal, else one plain line per event."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any

from stop.neutral import neutral


class Progress:
    """Thread-safe. `tell` prints an event; `notify` counts improver runs and candidates."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = {"run": 0, "candidate": 0}
        self._live: Any = None
        self._bar: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress as Live
            from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
            self._live = Live(*columns, console=Console(stderr=True), transient=True)
            self._bar = self._live.add_task("starting")
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def tell(self, event: str) -> None:
        line = neutral(event, most=400)
        with self._lock:
            if self._live is None:
                sys.stderr.write(line + "\n")
                sys.stderr.flush()
            else:
                from rich.text import Text

                self._live.console.print(Text(line), soft_wrap=True)
                self._live.update(self._bar, description=line[:60])

    def notify(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1
            if self._live is not None:
                done = f"{self._counts['candidate']} improvers scored, {self._counts['run']} improver runs"
                self._live.update(self._bar, description=done)
