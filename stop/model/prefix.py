"""Prompts that come again, for providers that keep them at a lower price.

Owns: which requests ask the provider to keep or find their prompt. Does not own: what that costs (prices).

To write a prompt into the provider's cache costs more than to send it, to read it a tenth; and it cannot be read before
the first answer came. So of equal prompts in flight at once one is marked, to write; once it is written all are marked.
Where there are earlier turns, what is kept ends with them: examples are shared by requests with other messages.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from stop.model import Request

FEWEST_CHARS = 3000  # shorter prompts are below what any provider keeps (1,024 tokens)
KEPT_SECONDS = 280.0  # of the five minutes after the last use
MOST_PREFIXES = 10_000
_WRITING = float("inf")


class Prefixes:
    """Thread-safe memory of what was sent lately."""

    def __init__(self) -> None:
        self._used: OrderedDict[bytes, float] = OrderedDict()  # when last, by monotonic clock; or being written
        self._lock = threading.Lock()

    @contextmanager
    def marking(self, request: Request) -> Iterator[bool]:
        """Whether to mark this request; the block ends when its answer is there, or it failed."""
        texts = [request.system, *(turn.text for turn in request.earlier or request.turns)]
        if sum(map(len, texts)) < FEWEST_CHARS:
            yield False
            return
        name = hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).digest()
        mark, writes = self._begin(name)
        try:
            yield mark
        except BaseException:
            if writes:
                with self._lock:
                    self._used.pop(name, None)
            raise
        if mark:
            self._end(name)

    def _begin(self, name: bytes) -> tuple[bool, bool]:
        """(whether it is to be marked, whether it is the one that writes)"""
        with self._lock:
            used = self._used.get(name, -_WRITING)
            if used == _WRITING:
                return False, False
            if time.monotonic() - used < KEPT_SECONDS:
                return True, False
            self._used[name] = _WRITING
            return True, True

    def _end(self, name: bytes) -> None:
        with self._lock:
            self._used[name] = time.monotonic()
            self._used.move_to_end(name)
            while len(self._used) > MOST_PREFIXES:
                self._used.popitem(last=False)
