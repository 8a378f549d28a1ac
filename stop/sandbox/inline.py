"""Executors that run each task at once, in the caller: a confined child has neither threads nor processes.

Owns: standing in for concurrent.futures' two executors.  Does not own: real concurrency (utility.map, batch_prompt).
"""

from __future__ import annotations

import concurrent.futures
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures._base import BrokenExecutor
from typing import Any


class InlineExecutor(Executor):
    """Takes the arguments of both executors and ignores them; futures are finished when they are returned."""

    def __init__(self, max_workers: int | None = None, *args: object, **kwargs: object) -> None:
        self._shut = False
        initializer = kwargs.get("initializer")
        if callable(initializer):
            initializer(*kwargs.get("initargs", ()))  # type: ignore[misc]

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[Any]:
        futures = [self.submit(fn, *args) for args in zip(*iterables, strict=False)]
        return (future.result() for future in futures)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._shut = True


class ThreadPoolExecutor(InlineExecutor):
    """In place of concurrent.futures.ThreadPoolExecutor."""


class ProcessPoolExecutor(InlineExecutor):
    """In place of concurrent.futures.ProcessPoolExecutor."""


def install() -> None:
    """Put the stand-ins where programs import them from, in this process."""
    thread = types.ModuleType("concurrent.futures.thread")
    process = types.ModuleType("concurrent.futures.process")
    thread.__dict__.update(ThreadPoolExecutor=ThreadPoolExecutor, BrokenThreadPool=BrokenExecutor)
    process.__dict__.update(ProcessPoolExecutor=ProcessPoolExecutor, BrokenProcessPool=BrokenExecutor)
    futures: Any = concurrent.futures
    for module in (thread, process):
        sys.modules[module.__name__] = module
        setattr(futures, module.__name__.rpartition(".")[2], module)
    futures.ThreadPoolExecutor = ThreadPoolExecutor
    futures.ProcessPoolExecutor = ProcessPoolExecutor
