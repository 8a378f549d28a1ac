"""Replies and evaluations by content: nothing is asked or measured twice.

Owns: the two key functions, the answers of a run, replies shared between runs. Does not own: the files of a run
(records), asking (model), measuring (utility).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import sqlite3
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from stop.budget import POLL_SECONDS, RunMeter
from stop.chain import BadFolder, Record
from stop.model import LanguageModel, ModelError, Reply, Request, Turn
from stop.model.remote import RemoteModel
from stop.records import FULL, CannotWrite, Records
from stop.scaffold import sha
from stop.syntax import MAX_SOURCE_CHARS

T = TypeVar("T")
LONGEST_INLINE = 200  # characters of a prompt that stand in the record itself
ALWAYS = ("input_tokens", "output_tokens", "usd", "stop_reason")  # what a recorded call holds of a reply, and
WHERE_TOLD = ("cache_read_tokens", "cache_write_tokens", "returned_model")  # what only where there is something
MOST_NUMBER = 1e12  # of tokens or dollars: more than any reply has
OWN_FILE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val")  # of diskcache, for what is large
NOT_SHARED = ("truncated", "malformed", "bad_request")  # bad luck or the set-up of one run, perhaps not of the next


def evaluation_key(*, source_sha: str, task: str, task_sha: str, split: str, block: int) -> str:
    """Names everything that can change an evaluation. 32 hex digits."""
    return _digest("evaluation", source_sha, task, task_sha, split, block)


def reply_key(
    *, model: str, base_url: str, system: str, message: str, temperature: float, max_tokens: int, draw: str,
    earlier: tuple[Turn, ...] = (),
) -> str:  # fmt: skip
    """Names everything that can change a reply. 32 hex digits."""
    turns = [earlier] if earlier else []  # a request without any keeps the key that it has in recorded runs
    return _digest("reply", model, base_url, system, message, temperature, max_tokens, draw, *turns)


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


class Missing(LookupError):
    """A replay needs an answer that the records do not hold; the message names it."""


class Stopping(Exception):
    """The run is being ended; the answer that was just made is dropped."""


class Once(Generic[T]):
    """Values by key, each made once however many threads ask at the same time."""

    def __init__(self) -> None:
        self._futures: dict[str, Future[T]] = {}
        self._lock = threading.Lock()

    def put(self, key: str, value: T) -> None:
        future: Future[T] = Future()
        future.set_result(value)
        self._futures[key] = future

    def get(self, key: str, make: Callable[[], T]) -> T:
        """The value of `key`, made by the first caller. If that raises, so do all who waited, and it is forgotten."""
        with self._lock:
            future = self._futures.get(key)
            mine = future is None
            if future is None:
                future = self._futures[key] = Future()
        if not mine:
            return future.result()
        try:
            future.set_result(make())
        except BaseException as error:
            with self._lock:
                del self._futures[key]
            future.set_exception(error)
            raise
        return future.result()


def usual_folder() -> Path:
    """Where replies are shared if nothing else is said."""
    return Path(os.environ.get("STOP_CACHE_DIR") or Path.home() / ".cache" / "stop" / "replies")


class SharedReplies:
    """Replies kept between runs, in one folder (diskcache). JSON only: a pickled row is refused, never loaded.

    Raises BadFolder for a folder that cannot be used, and CannotWrite for one that is full.
    """

    def __init__(self, folder: Path) -> None:
        import diskcache

        class JsonOnly(diskcache.JSONDisk):
            def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
                if mode == diskcache.core.MODE_PICKLE:
                    raise ValueError("a pickled entry is refused")
                inline = mode == diskcache.core.MODE_RAW and isinstance(value, bytes)
                if not inline and not (mode == diskcache.core.MODE_BINARY and OWN_FILE.fullmatch(filename or "")):
                    raise ValueError("an entry is no reply")
                return super().fetch(mode, filename, value, read)

            def remove(self, file_path: str) -> None:
                if OWN_FILE.fullmatch(file_path):  # diskcache deletes whatever an old row names
                    super().remove(file_path)

        self.folder = folder
        with self._guarded():
            folder.mkdir(parents=True, exist_ok=True)
            # the default evicts silently at 1 GiB: replies that were paid for must stay
            self._cache = diskcache.Cache(str(folder), disk=JsonOnly, eviction_policy="none", size_limit=1 << 50)
            self._claims = os.open(folder / "claims", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)

    @contextmanager
    def claimed(self, key: str, stopped: Callable[[], bool]) -> Iterator[None]:
        """Inside, no other run asks for this reply: two runs at once pay for it once. A kill lets go of it.

        Raises Stopping if `stopped` comes true while another one holds it.
        """
        byte = int(key[:15], 16)  # of a file without content: each reply has its own lock
        with self._guarded():
            while not self._locked(byte, fcntl.F_WRLCK):
                if stopped():
                    raise Stopping
                time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            self._locked(byte, fcntl.F_UNLCK)

    def _locked(self, byte: int, how: int) -> bool:
        # of this opening of the file, not of the process, as lockf's are: two sessions in one process are two runs
        lock = struct.pack("hhqqi4x", how, os.SEEK_SET, byte, 1, 0)
        try:
            fcntl.fcntl(self._claims, fcntl.F_OFD_SETLK, lock)
        except (BlockingIOError, PermissionError):  # either, as POSIX has it
            return False
        return True

    def get(self, key: str) -> Reply | None:
        with self._guarded():
            found = self._cache.get(key)
            return None if found is None else _reply(found)

    def put(self, key: str, reply: Reply) -> None:
        """Keeps the reply, unless another run may get a better one."""
        if reply.stop_reason not in NOT_SHARED:
            with self._guarded():
                self._cache.set(key, vars(reply))

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        import diskcache

        try:
            yield
        except (OSError, sqlite3.Error, diskcache.Timeout, zlib.error, ValueError, RecursionError) as error:
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> Exception:
        said = f"--cache {self.folder} cannot be used: {getattr(error, 'strerror', None) or error or 'it is locked'}."
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR) or getattr(error, "errno", None) in FULL:
            return CannotWrite(f"{said} Free some space, then give the same command again.")
        return BadFolder(f"{said} Give another --cache, or --no-cache; if it is damaged, delete it.")

    def close(self) -> None:
        self._cache.close()
        os.close(self._claims)


def _reply(found: object) -> Reply:
    """A reply of a shared cache, which another version may have written. Raises ValueError for what is none."""
    kinds = {name: type(value) for name, value in vars(Reply("")).items()}
    known = {n: value for n, value in found.items() if n in kinds} if isinstance(found, dict) else {}
    numbers = [value for value in known.values() if isinstance(value, int | float)]
    if (
        "text" not in known
        or any(type(value) is not kinds[name] for name, value in known.items())
        or not all(0 <= number < MOST_NUMBER for number in numbers)
    ):
        raise ValueError("an entry is no reply")
    return Reply(**known)


def _recorded(record: Record) -> Reply:
    """The reply of a recorded call."""
    told = {n: record[n] for n in WHERE_TOLD if n in record}
    return Reply(record["reply"], **{n: record[n] for n in ALWAYS}, **told)


class Answers:
    """All replies and evaluations of one run, from its records, and new ones as they come. Thread-safe."""

    def __init__(self, records: Records | None, shared: SharedReplies | None = None) -> None:
        self.unit = ""
        self._asked: set[str] = set()  # keys, in the unit in flight
        self._records = records
        self._shared = shared
        self._replies: Once[Reply] = Once()
        self._evaluations: Once[Record] = Once()
        self._new: dict[str, Record] = {}  # not yet part of a finished unit, by key
        self._stopped = False
        self._refused: ModelError | None = None  # by which the unit in flight cannot be finished
        self._lock = threading.Lock()

    # -- from the records -----------------------------------------------------------------------------------------
    def load(self, record: Record, *, in_flight: bool) -> None:
        """Takes in a recorded call or evaluation; in_flight: it belongs to the unit that runs next."""
        if record["kind"] == "call":
            self._replies.put(record["key"], _recorded(record))
        else:
            self._evaluations.put(record["key"], record)
        if in_flight:
            self._new[record["key"]] = record

    # -- asking ---------------------------------------------------------------------------------------------------
    def reply(self, model: LanguageModel, request: Request, meter: RunMeter, *, of_unit: bool = True) -> Reply:
        """The reply: recorded, shared between runs, or asked for now. Raises RunBudgetSpent, Missing, ModelError.

        of_unit: the unit in flight asks, so that it becomes part of its records; else it stays pending. Once one of its
        replies cannot be had, no other is asked for: it would be paid for, and nobody would use it.
        """
        key = reply_key(
            model=model.id, base_url=getattr(model, "base_url", ""), system=request.system, message=request.message,
            temperature=request.temperature, max_tokens=request.max_tokens, draw=request.draw,
            earlier=request.earlier,
        )  # fmt: skip
        if not of_unit:
            return self._replies.get(key, lambda: self._ask(key, model, request, meter))
        self._asked.add(key)
        if self._refused is not None:
            raise self._refused
        try:
            return self._replies.get(key, lambda: self._ask(key, model, request, meter))
        except ModelError as error:
            self._refused = error
            raise

    def _ask(self, key: str, model: LanguageModel, request: Request, meter: RunMeter) -> Reply:
        if self._records is None:
            raise Missing(f"calls.jsonl: call {key} (draw {request.draw}) is missing")
        if key in self._new:
            return _recorded(self._new[key])  # it was paid for and kept, and then could not be shared
        if self._shared is None:
            reply = self._fresh(key, model, request, meter)
        else:
            with self._shared.claimed(key, lambda: self._stopped):
                reply = self._known_or_fresh(self._shared, key, model, request, meter)
        if self._stopped:
            raise Stopping  # it is kept, but there is nobody to use it
        return reply

    def _known_or_fresh(
        self, shared: SharedReplies, key: str, model: LanguageModel, request: Request, meter: RunMeter
    ) -> Reply:
        known = shared.get(key)
        if known is not None:
            self._keep_reply(key, model, request, known, fresh=False)
            return known
        reply = self._fresh(key, model, request, meter)
        shared.put(key, reply)  # last: it may fail, and what was paid for is kept and counted by then
        return reply

    def _fresh(self, key: str, model: LanguageModel, request: Request, meter: RunMeter) -> Reply:
        if isinstance(model, RemoteModel):
            return self._pay_for(key, model, request, meter)
        meter.count()
        reply = model.reply(request)
        self._keep_reply(key, model, request, reply, fresh=True)
        return reply

    def _pay_for(self, key: str, model: RemoteModel, request: Request, meter: RunMeter) -> Reply:
        """A reply that may cost money: reserved before, kept before it is used."""
        with meter.reserved(key, model.worst_case(request)[1] or 0.0) as call:
            if self._stopped:
                call.pay(0.0)
                raise Stopping
            try:
                reply = model.reply(request, call.lost)
            except ModelError:
                call.pay(0.0)  # what may have been billed of it was told
                raise
            self._keep_reply(key, model, request, reply, fresh=True)
            call.pay(reply.usd)
        return reply

    def _keep_reply(self, key: str, model: LanguageModel, request: Request, reply: Reply, *, fresh: bool) -> None:
        told = {n: getattr(reply, n) for n in WHERE_TOLD if getattr(reply, n)}
        self._keep(
            {
                "kind": "call", "unit": self.unit, "key": key, "draw": request.draw, "model": model.id,
                "system": self._text(request.system),
                "messages": [{"role": turn.role, **self._text(turn.text)} for turn in request.turns],
                "temperature": request.temperature, "max_tokens": request.max_tokens, "reply": reply.text,
                **{n: getattr(reply, n) for n in ALWAYS}, **told, "fresh": fresh,
            }
        )  # fmt: skip

    def evaluation(self, key: str, what: str, measure: Callable[[], Record], text: str) -> Record:
        """The evaluation of `key` (`what` in words): recorded, or measured now. Raises Missing."""
        self._asked.add(key)
        return self._evaluations.get(key, lambda: self._measure(key, what, measure, text))

    def _measure(self, key: str, what: str, measure: Callable[[], Record], text: str) -> Record:
        if self._records is None:
            raise Missing(f"evaluations.jsonl: the evaluation of {what} is missing")
        record = {"kind": "evaluation", "unit": self.unit, "key": key, **measure()}
        self.keep_solution(text)
        self._keep(record)
        return record

    def keep_solution(self, text: str) -> None:
        """Keeps the text that an improver returned, as it is, beside the canonical one that was measured."""
        if self._records is not None and len(text) <= MAX_SOURCE_CHARS:
            self._records.put("solutions", f"{sha(text)}.py", text)

    # -- units ------------------------------------------------------------------------------------------------------
    def begin(self, unit: str) -> None:
        """From now on answers are asked for in this unit."""
        self.unit = unit
        self._asked = set()
        self._refused = None

    @property
    def asked(self) -> set[str]:
        """The keys that were asked for in the unit in flight."""
        return self._asked

    def taken(self) -> tuple[list[Record], list[Record]]:
        """(new calls and evaluations of the unit in flight, in no order; what stays pending, not asked for in it)."""
        with self._lock:
            taken = [record for key, record in self._new.items() if key in self._asked]
            self._new = {key: record for key, record in self._new.items() if key not in self._asked}
            return taken, list(self._new.values())

    def stop(self) -> None:
        """From now on no evaluation is kept: what is measured while processes are being ended is not to be believed.

        Replies in flight still are, for they may be paid for. Takes no lock: a signal handler calls it.
        """
        self._stopped = True

    def _keep(self, record: Record) -> None:
        assert self._records is not None
        with self._lock:
            if self._stopped and record["kind"] != "call":
                raise Stopping
            self._records.note(record)
            self._new[record["key"]] = record

    def _text(self, text: str) -> Record:
        """Long texts stand in texts/ under their sha; short ones in the record itself."""
        if len(text) <= LONGEST_INLINE:
            return {"text": text}
        assert self._records is not None
        self._records.put("texts", sha(text), text)
        return {"sha": sha(text)}
