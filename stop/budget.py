"""How much may be spent.

Owns: counting and refusing, what a whole run has spent over all its resumes. Does not own: prices (model), the file in
which spending stands (records), what happens next (improve).
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

POLL_SECONDS = 0.2  # how often a waiting thread looks whether it is to give up: a signal handler may take no lock
ROUNDING = 1e-9  # USD: sums of many small prices


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


@dataclass(frozen=True)
class RunBudget:
    """What a whole run may spend; 0 means that no limit was set."""

    calls: int = 0  # fresh model calls
    usd: float = 0.0
    minutes: float = 0.0  # during which calls may be sent


class SearchMeter:
    """The calls that a search asks for, as if nothing were known: recorded and deduplicated ones count alike.

    Thread-safe. What it refuses depends on no worker's speed: a step is refused if all of its calls do not fit.
    """

    def __init__(self, most: int) -> None:
        """most: 0 for no limit."""
        self._most, self._calls = most, 0
        self._lock = threading.Lock()

    def start(self, calls: int) -> None:
        """The calls so far are these: of finished units, and of a part of a step of which no try is still running."""
        with self._lock:
            self._calls = calls
        self.add(0)

    def add(self, calls: int) -> None:
        """Counts calls. Raises RunBudgetSpent beyond the limit, and from then on."""
        with self._lock:
            self._calls += calls
            if self._most and self._calls > self._most:
                raise RunBudgetSpent("search_calls", f"more than {self._most} calls, the most of a control's search")


@dataclass(frozen=True)
class SpentBefore:
    """What earlier sittings of a run have spent. A call of which no end is known counts with its worst case."""

    calls: int = 0
    usd: float = 0.0
    seconds: float = 0.0

    @classmethod
    def of(cls, timing: Iterable[Mapping[str, Any]]) -> SpentBefore:
        """From the rows of timing.jsonl: `sitting`, `sent` and `paid`, and the units of free models."""
        calls, usd, seconds, this_sitting = 0, 0.0, 0.0, 0.0
        open_sent: Counter[str] = Counter()
        dearest: dict[str, float] = {}
        for row in timing:
            if row["kind"] == "sitting":
                seconds, this_sitting = seconds + this_sitting, 0.0
            this_sitting = max(this_sitting, row.get("at", 0.0))
            if row["kind"] == "sent":
                calls += not row["again"]
                open_sent[row["key"]] += 1
                dearest[row["key"]] = max(row["usd"], dearest.get(row["key"], 0.0))
            elif row["kind"] == "paid":
                open_sent[row["key"]] -= 1
                usd += row["usd"]
        usd += sum(n * dearest[key] for key, n in open_sent.items() if n > 0)
        return cls(calls, usd, seconds + this_sitting)


class RunMeter:
    """What a whole run spends. Thread-safe.

    A call is reserved with the most that it may cost before it is sent, so that no budget is ever exceeded, however
    many are in flight. `note` puts a row into timing.jsonl; what a kill leaves reserved is counted as spent.
    """

    def __init__(
        self, budget: RunBudget, before: SpentBefore, note: Callable[[dict[str, Any]], None] = lambda row: None
    ) -> None:
        self.budget = budget
        self.calls, self.usd = before.calls, before.usd
        self._reserved = 0.0  # USD, by calls in flight
        self._in_flight = 0
        self._began = time.monotonic() - before.seconds
        self._note = note
        self._stopped = False
        self._changed = threading.Condition()

    @property
    def in_flight(self) -> int:
        """Calls that were sent and are not answered yet."""
        return self._in_flight

    def stop(self) -> None:
        """Nobody waits for the reserves of others any more. Takes no lock: a signal handler may call it."""
        self._stopped = True

    def count(self) -> None:
        """Takes one call that costs nothing. Raises RunBudgetSpent."""
        with self._changed:
            self._check_calls()
            self._check_minutes()
            self.calls += 1

    @contextmanager
    def reserved(self, key: str, usd: float) -> Iterator[Call]:
        """A call that may cost so much at the most; waits for calls in flight if it fits only without their reserves.

        Raises RunBudgetSpent if it does not fit. A call that the caller does not `pay` counts in full.
        """
        call = Call(self, key, usd)
        call.reserve()
        try:
            yield call
        finally:
            if call.reserved:
                call.pay(usd)

    def _reserve(self, key: str, usd: float, *, again: bool) -> None:
        with self._changed:
            while True:  # all of it again after a wait, in which others were sent
                if not again:
                    self._check_calls()
                self._check_minutes()
                if not self.budget.usd or self.usd + self._reserved + usd <= self.budget.usd + ROUNDING:
                    break
                if not self._in_flight or self._stopped or self.usd + usd > self.budget.usd + ROUNDING:
                    raise RunBudgetSpent(
                        "budget_usd",
                        f"{self.usd:.4f} of {self.budget.usd:g} USD used, and the next call may cost {usd:.4f}",
                    )
                self._changed.wait(POLL_SECONDS)
            self.calls += not again
            self._reserved += usd
            self._in_flight += 1
            try:
                self._note({"kind": "sent", "key": key, "usd": usd, "again": again})
            except BaseException:
                self._reserved -= usd
                self._in_flight -= 1
                raise

    def _settle(self, key: str, reserved: float, paid: float) -> None:
        with self._changed:
            self._reserved -= reserved
            self._in_flight -= 1
            self.usd += paid
            self._changed.notify_all()
            self._note({"kind": "paid", "key": key, "usd": paid})

    def _check_calls(self) -> None:
        if self.budget.calls and self.calls >= self.budget.calls:
            raise RunBudgetSpent("budget_calls", f"{self.calls} of {self.budget.calls} calls used")

    def _check_minutes(self) -> None:
        minutes = (time.monotonic() - self._began) / 60
        if self.budget.minutes and minutes >= self.budget.minutes:
            raise RunBudgetSpent("budget_minutes", f"{minutes:.1f} of {self.budget.minutes:g} minutes used")


@dataclass
class Call:
    """One reserved call."""

    meter: RunMeter
    key: str
    usd: float  # at the most
    reserved: bool = False

    def reserve(self, *, again: bool = False) -> None:
        self.meter._reserve(self.key, self.usd, again=again)
        self.reserved = True

    def pay(self, usd: float) -> None:
        """It cost so much. Once the reply is stored: until then a kill counts the worst case."""
        self.reserved = False
        self.meter._settle(self.key, self.usd, usd)

    def lost(self) -> None:
        """An attempt that may have been billed gave no reply: it counts in full. Raises RunBudgetSpent for the next."""
        self.pay(self.usd)
        self.reserve(again=True)
