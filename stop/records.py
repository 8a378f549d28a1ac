"""A run folder opened for writing: append-only files, whole units, the seal when it is closed.

Owns: writing so that a kill or a full disk at any moment loses nothing finished, the lock of a folder.
Does not own: reading and checking (chain), what a record means (lineage), how it is shown.

A *unit* is what is recorded as a whole: scoring the seed, one step, one look at test. While it runs, every reply and
evaluation is put into pending.jsonl before it is used; when it ends, its records are appended in an order that does not
depend on which worker was first, its decision last. A unit without its end is cut off on opening and answered again
from what was kept of it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from stop.chain import (
    CHAINED,
    FOLDERS,
    GIVE_UP,
    BadFolder,
    Record,
    check_ends,
    check_seal,
    digests,
    encode,
    link,
    read_lines,
    read_pending,
    read_run,
    read_source,
)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Busy(BadFolder):
    """Another process writes into this folder."""


class CannotWrite(Exception):
    """A folder takes no more: full, gone or read-only. What was finished is in it; the message says what to do."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises CannotWrite, which names the folder, for any OSError inside."""
    try:
        yield
    except OSError as error:
        step = "Free some space" if error.errno in FULL else "Put that right"
        raise CannotWrite(
            f"{path} cannot be written: {error.strerror or error}. What was finished is kept. "
            f"{step}, then give the same command again."
        ) from error


def write_whole(path: Path, data: bytes) -> None:
    """The file is there in full or not at all, as it was before."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def append_whole(path: Path, data: bytes, *, sync: bool = False) -> None:
    """The file ends with all of the data, or as it did before."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        before = os.fstat(file).st_size
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(file, left) :]
            if sync:
                os.fsync(file)
        except BaseException:
            with contextlib.suppress(OSError):  # then it ends with a torn line, which is cut off on opening
                os.ftruncate(file, before)
            raise
    finally:
        os.close(file)


def write_run(path: Path, run: Record) -> None:
    """Replaces run.json as a whole."""
    write_whole(path / "run.json", json.dumps(run, indent=1).encode())


class Records:
    """A run folder opened for writing, by one process at a time. Thread-safe where several workers write: note, put.

    After the first write that fails nothing more is written: whoever tries raises CannotWrite.
    """

    def __init__(self, path: Path, run: Record | None = None) -> None:
        """run: run.json of a new run. Raises Busy, CannotWrite, or BadFolder for records that were edited."""
        self.path = path
        self.notices: list[str] = []
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._failed = ""
        self._opened, self._sat = time.monotonic(), False  # a sitting begins with the first row of its timing
        self._made = _make_folders(path)
        self.new = self.was_sealed = False  # whether there was no run in the folder; whether it was sealed
        try:
            self._folder = _locked(path)
            try:
                self.new = not (path / "run.json").exists()
                self._prepare(run)
            except BaseException:
                self.discard()
                raise
        except BaseException:
            _remove_folders(self._made)
            raise

    def _prepare(self, run: Record | None) -> None:
        torn = self._checked()
        with self._writing():
            if run is not None and self.new:
                write_run(self.path, run)  # first of all files: a folder without it is not taken for a run
            for name in FOLDERS:
                (self.path / name).mkdir(exist_ok=True)
            for part in [*self.path.glob("*.part"), *self.path.glob("*/*.part")]:
                part.unlink()  # a kill came while it was written
            for name in torn:
                self._rewrite(name, self.rows[name])
            self.was_sealed = (self.path / "seal.json").exists()
            (self.path / "seal.json").unlink(missing_ok=True)  # what is open is not sealed
            self._cut_timing()

    def _checked(self) -> list[str]:
        """Reads all that is there and changes nothing. Returns the files whose last line is torn. Raises BadFolder."""
        self.rows: dict[str, list[Record]] = {}
        torn = []
        for name in CHAINED:
            self.rows[name], broken = read_lines(self.path / name)
            torn += [name] if broken is not None and broken.torn else []
        for broken in check_seal(self.path)[1]:
            if not broken.torn:
                raise BadFolder(f"{self.path}: {broken}. {GIVE_UP}")
        run = read_run(self.path) if not self.new else {"looks": {"test": []}}
        check_ends(self.path, self.rows, run, torn)
        self._pending, self._pending_torn = read_pending(self.path)
        for row in self.rows["lineage.jsonl"]:
            read_source(self.path, row["sha"])
        for name in [*torn, *["pending.jsonl"] * self._pending_torn]:
            self.notices.append(f"{name}: its last line was not whole and is cut off")
        return torn

    def _cut_timing(self) -> None:
        """A line that a kill cut short is measured time, and no loss."""
        path = self.path / "timing.jsonl"
        data = path.read_bytes() if path.is_file() else b""
        if data and not data.endswith(b"\n"):
            write_whole(path, data[: data.rfind(b"\n") + 1])

    def close(self) -> None:
        """Lets go of the folder."""
        with contextlib.suppress(OSError):
            if (self.path / "pending.jsonl").stat().st_size == 0:
                (self.path / "pending.jsonl").unlink()
        os.close(self._folder)

    def discard(self) -> None:
        """Lets go of a run that could not start: of a new one nothing is left, one that was there is as it was."""
        if self.new:
            for name in ("run.json", "run.json.part", "seal.json", "pending.jsonl", "timing.jsonl"):
                (self.path / name).unlink(missing_ok=True)
            _remove_folders([self.path / name for name in FOLDERS])
        os.close(self._folder)
        _remove_folders(self._made)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            if self._failed:
                raise CannotWrite(self._failed)
            try:
                with writing(self.path):
                    yield
            except CannotWrite as error:
                self._failed = str(error)
                raise

    # -- one unit -------------------------------------------------------------------------------------------------
    def unfinished(self, finished: set[str]) -> list[Record]:
        """Cuts off the rows of units that have no end, and gives back their calls and evaluations to be used again."""
        known = {r["key"] for n in ("calls.jsonl", "evaluations.jsonl") for r in self.rows[n] if r["unit"] in finished}
        # what is known: a kill came between a commit and the emptying of pending. What was asked for beside or between
        # units (Session.model, comparisons) carries the name of one that is finished, and stays
        kept: list[Record] = [r for r in self._pending if r["key"] not in known]
        seen = {r["key"] for r in kept}
        for name, kind in (("calls.jsonl", "call"), ("evaluations.jsonl", "evaluation")):
            cut = [r for r in self.rows[name] if r["unit"] not in finished]
            for row in cut:
                if row["key"] not in seen:
                    kept.append({"kind": kind, **{k: v for k, v in row.items() if k != "prev"}})
        with self._writing():
            if kept != self._pending or self._pending_torn:  # first: what is cut off below must be kept at any moment
                self._restart_pending(kept)
            for name in CHAINED:
                rows = [r for r in self.rows[name] if r["unit"] in finished]
                if len(rows) < len(self.rows[name]):
                    self._rewrite(name, rows)
        return kept

    def note(self, record: Record) -> None:
        """Puts down a reply or an evaluation of the unit in flight: called before it is used, by any thread."""
        line = encode(record) + b"\n"
        with self._writing():
            append_whole(self.path / "pending.jsonl", line)

    def time(self, record: Record) -> None:
        """Puts down seconds or money spent, outside the chain. By any thread."""
        with self._writing():
            self._append_timing([record])

    def commit(
        self, batches: Mapping[str, Sequence[Record]], timing: Iterable[Record] = (), pending: Sequence[Record] = ()
    ) -> None:
        """Appends a whole unit, file after file, the decision last; then pending.jsonl is left with `pending` alone."""
        with self._writing():
            self._append_timing(timing)
            with self._whole_or_not():
                for name in CHAINED:
                    self._append(name, batches.get(name, ()))
            self._restart_pending(pending)

    # -- files ----------------------------------------------------------------------------------------------------
    def put(self, folder: str, name: str, text: str) -> None:
        """Writes a text under its content's name, once."""
        path = self.path / folder / name
        with self._writing():
            if f"{folder}/{name}" not in self._known and not path.exists():
                part, data = path.with_name(f"{name}.part"), text.encode("utf-8", "surrogatepass")
                append_whole(part, data, sync=folder == "sources")  # a lineage without its sources cannot be opened
                os.replace(part, path)
            self._known.add(f"{folder}/{name}")

    def put_run(self, run: Record) -> None:
        """Replaces run.json as a whole."""
        with self._writing():
            write_run(self.path, run)

    def seal(self) -> None:
        """SHA-256 of every record file. Shows accidents and careless edits, not a forger."""
        with self._writing():
            if self._sat:
                self._append_timing([{"kind": "rest"}])
            write_whole(self.path / "seal.json", json.dumps(digests(self.path), indent=1).encode())

    @contextlib.contextmanager
    def _whole_or_not(self) -> Iterator[None]:
        """Undoes what was appended inside, if it is cut short by a full disk or Ctrl-C: pending.jsonl still has it."""
        paths = [self.path / name for name in CHAINED]
        before, rows = {p: p.stat().st_size for p in paths if p.exists()}, dict(self.rows)
        try:
            yield
        except BaseException:
            self.rows = rows
            with contextlib.suppress(OSError):  # then these rows have no end, and are cut off on opening
                for path in paths:
                    if path in before:
                        os.truncate(path, before[path])
                    else:
                        path.unlink(missing_ok=True)
            raise

    # -- inside ---------------------------------------------------------------------------------------------------
    def _append_timing(self, rows: Iterable[Record]) -> None:
        """Each row but those of evaluations says how many seconds of this sitting had gone by (`at`)."""
        begin: list[Record] = [] if self._sat else [{"kind": "sitting"}]
        at = {"at": round(time.monotonic() - self._opened, 3)}
        stamped = [row if row["kind"] == "evaluation" else {**row, **at} for row in (*begin, *rows)]
        append_whole(self.path / "timing.jsonl", b"".join(encode(row) + b"\n" for row in stamped))
        self._sat = True

    def _append(self, name: str, records: Sequence[Record]) -> None:
        if not records:
            return
        rows = list(self.rows[name])
        prev = link(encode(rows[-1])) if rows else ""
        data = bytearray()
        for record in records:
            row = {**record, "prev": prev}
            line = encode(row)
            data += line + b"\n"
            prev = link(line)
            rows.append(row)
        append_whole(self.path / name, bytes(data), sync=True)
        self.rows[name] = rows

    def _rewrite(self, name: str, rows: list[Record]) -> None:
        write_whole(self.path / name, b"".join(encode(r) + b"\n" for r in rows))
        self.rows[name] = rows

    def _restart_pending(self, records: Sequence[Record]) -> None:
        write_whole(self.path / "pending.jsonl", b"".join(encode(r) + b"\n" for r in records))


def _make_folders(path: Path) -> list[Path]:
    """Makes the folder and those above it; gives back the ones that it made, the lowest first."""
    made: list[Path] = []
    with writing(path):
        for folder in (*reversed(path.parents), path):
            try:
                folder.mkdir()
                made.insert(0, folder)
            except FileExistsError:
                continue
            except OSError as error:
                if folder.is_dir():
                    continue
                _remove_folders(made)
                if error.errno in FULL:
                    raise
                raise BadFolder(f"{path}: {error.strerror or error}. Give another --out.") from None
    return made


def _remove_folders(paths: Iterable[Path]) -> None:
    """Those that are empty."""
    for path in paths:
        with contextlib.suppress(OSError):
            path.rmdir()


def _locked(path: Path) -> int:
    """An open, exclusively locked descriptor of the folder; the lock goes when the process does."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise Busy(f"{path} is in use by another process. Wait for it, or give another --out.") from None
    return folder
