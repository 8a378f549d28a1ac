"""What a user sees while a run goes on.

On stderr: a live line on a terminal, else one plain line per event. In a notebook: one line under the cell at work.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
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


class InNotebook:
    """One line under each cell that works: what is being done and how far it is; in the end the last event."""

    SECONDS = 0.5  # between two updates of the count

    def __init__(self, shell: Any) -> None:
        """shell: IPython's."""
        self._shell, self._lock = shell, threading.Lock()
        self._cell, self._event, self._shown = -1, "", 0.0
        self._runs = 0  # since the last event

    def tell(self, event: str) -> None:
        with self._lock:
            self._event, self._runs = neutral(event, most=400), 0
            self._show(self._event)

    def notify(self, what: str) -> None:
        with self._lock:
            self._runs += what == "run"
            if self._event and time.monotonic() > self._shown + self.SECONDS:
                self._show(f"{self._event} ... {self._runs} improver runs")

    def _show(self, line: str) -> None:
        from IPython.display import display

        new = self._shell.execution_count != self._cell
        self._cell, self._shown = self._shell.execution_count, time.monotonic()
        display({"text/plain": line}, raw=True, display_id=f"stop-{id(self)}-{self._cell}", update=not new)


def in_notebook() -> InNotebook | None:
    """What shows progress here; None outside of notebooks."""
    found: Callable[[], Any] | None = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = found() if found else None
    return InNotebook(shell) if hasattr(shell, "kernel") else None
