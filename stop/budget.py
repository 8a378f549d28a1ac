"""How much may be spent. Owns: counting and refusing. Does not own: prices (model), what happens next (improve)."""

from __future__ import annotations

import threading


class BudgetExceeded(Exception):
    """A program asked for more than its budget; it may catch this and go on with what it has."""


class RunBudgetSpent(Exception):
    """The run's own budget does not allow the next call. Invisible to programs: the step in flight is abandoned."""

    def __init__(self, what: str, text: str) -> None:
        super().__init__(text)
        self.what = what


class Meter:
    """Counts the uses of one program's budget. Cached and fresh uses count alike."""

    def __init__(self, budget: int, what: str) -> None:
        self.budget, self.what, self.uses = budget, what, 0

    def charge(self, uses: int = 1) -> None:
        """Raises BudgetExceeded, and then counts nothing, if `uses` more do not fit."""
        if self.uses + uses > self.budget:
            raise BudgetExceeded(f"{self.what}: {self.uses} of {self.budget} used, {uses} more asked for")
        self.uses += uses


class RunMeter:
    """Fresh model calls of a whole run, over all its resumes. calls: the most; 0 means that no limit was set."""

    def __init__(self, calls: int, spent: int) -> None:
        self.calls, self.spent = calls, spent
        self._lock = threading.Lock()

    def reserve(self) -> None:
        """Take one call before it is sent. Raises RunBudgetSpent if none is left."""
        with self._lock:
            if self.calls and self.spent >= self.calls:
                raise RunBudgetSpent("budget_calls", f"{self.spent} of {self.calls} calls used")
            self.spent += 1
