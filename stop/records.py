"""The run folder: append-only files, a chain over their lines, a seal over the files.

Owns: writing so that a kill at any moment loses nothing finished, reading with the chain checked, the lock of a folder.
Does not own: what a record means (lineage), how it is shown.

A *unit* is what is recorded as a whole: scoring the seed, one step, one look at test. While it runs, every reply and
evaluation is put into pending.jsonl before it is used; when it ends, its records are appended in an order that does not
depend on which worker was first, its decision last. A unit without its end is cut off on opening and answered again
from what was kept of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHAINED = ("calls.jsonl", "evaluations.jsonl", "outcomes.jsonl", "incidents.jsonl", "lineage.jsonl", "decisions.jsonl")
FOLDERS = ("sources", "solutions", "texts")
Record = dict[str, Any]


class BadFolder(ValueError):
    """A run folder that cannot be used; the message is one line that names the file and the next step."""


class Busy(BadFolder):
    """Another process writes into this folder."""


@dataclass(frozen=True)
class Break:
    """Where the chain or the seal does not hold."""

    file: str
    line: int  # from 1
    why: str
    torn: bool = False  # the last line, cut short as by a kill

    def __str__(self) -> str:
        return f"{self.file} line {self.line}: {self.why}"


def encode(record: Record) -> bytes:
    """One line, without its end: compact JSON in insertion order, ASCII, so that equal records are equal bytes."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def link(line: bytes) -> str:
    """What the next line carries as `prev`."""
    return hashlib.sha256(line).hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """The file is there in full or not at all."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    os.replace(part, path)


def read_run(path: Path) -> Record:
    """run.json. Raises OSError or ValueError."""
    found = json.loads((path / "run.json").read_bytes())
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def read_timing(path: Path) -> list[Record]:
    """Seconds and money really spent, in whole lines."""
    file = path / "timing.jsonl"
    return [json.loads(line) for line in file.read_bytes().split(b"\n")[:-1]] if file.is_file() else []


def write_run(path: Path, run: Record) -> None:
    """Replaces run.json as a whole."""
    write_whole(path / "run.json", json.dumps(run, indent=1).encode())


def read_source(path: Path, sha: str) -> str:
    """The text of a scaffold. Raises BadFolder if it is missing or was edited: its name is its content's."""
    file = path / "sources" / f"{sha}.py"
    data = file.read_bytes() if file.is_file() else b""
    if not file.is_file() or hashlib.sha256(data).hexdigest()[:12] != sha:
        why = "was edited" if file.is_file() else "is missing"
        raise BadFolder(f"{path}: sources/{sha}.py {why}. The run cannot go on or be shown without it.")
    return data.decode("utf-8", "surrogatepass")


def read_lines(path: Path) -> tuple[list[Record], Break | None]:
    """The records of a chained file up to the first line that does not hold, and where that is."""
    if not path.is_file():
        return [], None
    records: list[Record] = []
    prev = ""
    *lines, rest = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except ValueError:
            return records, Break(path.name, number, "not a whole record", torn=number == len(lines) and not rest)
        if not isinstance(record, dict) or record.get("prev") != prev:
            return records, Break(
                path.name, number, "does not continue the line before it: a record was edited or removed"
            )
        prev = link(line)
        records.append(record)
    return records, Break(path.name, len(lines) + 1, "not a whole record", torn=True) if rest else None


class Records:
    """A run folder opened for writing, by one process at a time. Thread-safe where several workers write: `note`."""

    def __init__(self, path: Path, run: Record | None = None) -> None:
        """run: what run.json of a new run holds. Raises Busy, or BadFolder for records that were edited."""
        self.path = path
        self.notices: list[str] = []
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._folder = _locked(path)
        try:
            self._prepare(run)
        except BaseException:
            os.close(self._folder)
            raise
        self._pending = (path / "pending.jsonl").open("ab")
        self._timing = (path / "timing.jsonl").open("ab")

    def _prepare(self, run: Record | None) -> None:
        if run is not None and not (self.path / "run.json").is_file():
            write_run(self.path, run)  # first of all files: a folder without it is not taken for a run
        for name in FOLDERS:
            (self.path / name).mkdir(exist_ok=True)
        for part in [*self.path.glob("*.part"), *self.path.glob("*/*.part")]:
            part.unlink()  # a kill came while it was written
        self.rows: dict[str, list[Record]] = {}
        for name in CHAINED:
            self.rows[name] = self._opened(name)
        _, breaks = check_seal(self.path)
        edited = [b for b in breaks if not any(n.startswith(b.file) for n in self.notices)]
        if edited:
            raise BadFolder(f"{self.path}: {edited[0]}. The run cannot go on from it; start another with --out.")
        (self.path / "seal.json").unlink(missing_ok=True)  # what is open is not sealed
        self._cut_timing()

    def _cut_timing(self) -> None:
        """A line that a kill cut short is measured time, and no loss."""
        path = self.path / "timing.jsonl"
        data = path.read_bytes() if path.is_file() else b""
        if data and not data.endswith(b"\n"):
            write_whole(path, data[: data.rfind(b"\n") + 1])

    def close(self) -> None:
        self._pending.close()
        self._timing.close()
        if (self.path / "pending.jsonl").stat().st_size == 0:
            (self.path / "pending.jsonl").unlink()
        os.close(self._folder)

    # -- one unit -------------------------------------------------------------------------------------------------
    def unfinished(self, finished: set[str]) -> list[Record]:
        """Cuts off the rows of units that have no end, and gives back their calls and evaluations to be used again."""
        kept: list[Record] = [r for r in _pending_lines(self.path / "pending.jsonl") if r["unit"] not in finished]
        known = {r["key"] for n in ("calls.jsonl", "evaluations.jsonl") for r in self.rows[n] if r["unit"] in finished}
        kept = [r for r in kept if r["key"] not in known]  # a kill came between a commit and the emptying of pending
        seen = {r["key"] for r in kept}
        for name, kind in (("calls.jsonl", "call"), ("evaluations.jsonl", "evaluation")):
            cut = [r for r in self.rows[name] if r["unit"] not in finished]
            for row in cut:
                if row["key"] not in seen:
                    kept.append({"kind": kind, **{k: v for k, v in row.items() if k != "prev"}})
        self._restart_pending(kept)  # first: what is cut off below must be kept somewhere at any moment
        for name in CHAINED:
            rows = [r for r in self.rows[name] if r["unit"] in finished]
            if len(rows) < len(self.rows[name]):
                self._rewrite(name, rows)
        return kept

    def note(self, record: Record) -> None:
        """Puts down a reply or an evaluation of the unit in flight: called before it is used, by any thread."""
        line = encode(record) + b"\n"
        with self._lock:
            self._pending.write(line)
            self._pending.flush()

    def commit(
        self, batches: Mapping[str, Sequence[Record]], timing: Iterable[Record] = (), pending: Sequence[Record] = ()
    ) -> None:
        """Appends a whole unit, file after file, the decision last; then pending.jsonl is left with `pending` alone."""
        self.time(timing)
        for name in CHAINED:
            self._append(name, batches.get(name, ()))
        self._restart_pending(pending)

    def time(self, timing: Iterable[Record]) -> None:
        """Measured seconds and money: outside the chain and the seal."""
        for record in timing:
            self._timing.write(encode(record) + b"\n")
        self._timing.flush()

    # -- files ----------------------------------------------------------------------------------------------------
    def put(self, folder: str, name: str, text: str) -> None:
        """Writes a text under its content's name, once."""
        with self._lock:
            if f"{folder}/{name}" in self._known:
                return
            self._known.add(f"{folder}/{name}")
        path = self.path / folder / name
        if not path.exists():
            part = path.with_name(f"{name}.part")
            part.write_bytes(text.encode("utf-8", "surrogatepass"))
            os.replace(part, path)

    def seal(self) -> None:
        """SHA-256 of every record file. Shows accidents and careless edits, not a forger."""
        write_whole(self.path / "seal.json", json.dumps(_digests(self.path), indent=1).encode())

    # -- inside ---------------------------------------------------------------------------------------------------
    def _opened(self, name: str) -> list[Record]:
        path = self.path / name
        rows, broken = read_lines(path)
        if broken is None:
            return rows
        if broken.torn:
            self.notices.append(f"{name}: its last line was not whole and is cut off")
            self._rewrite(name, rows)
            return rows
        raise BadFolder(f"{self.path}: {broken}. The run cannot go on from it; start another with --out.")

    def _append(self, name: str, records: Sequence[Record]) -> None:
        if not records:
            return
        rows = self.rows[name]
        prev = link(encode(rows[-1])) if rows else ""
        data = bytearray()
        for record in records:
            row = {**record, "prev": prev}
            line = encode(row)
            data += line + b"\n"
            prev = link(line)
            rows.append(row)
        with (self.path / name).open("ab") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())

    def _rewrite(self, name: str, rows: list[Record]) -> None:
        write_whole(self.path / name, b"".join(encode(r) + b"\n" for r in rows))
        self.rows[name] = rows

    def _restart_pending(self, records: Sequence[Record]) -> None:
        self._pending.close()
        write_whole(self.path / "pending.jsonl", b"".join(encode(r) + b"\n" for r in records))
        self._pending = (self.path / "pending.jsonl").open("ab")


def _pending_lines(path: Path) -> list[Record]:
    """The whole lines of pending.jsonl; a torn last one was never used."""
    found = []
    for line in path.read_bytes().split(b"\n") if path.is_file() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def _locked(path: Path) -> int:
    """An open, exclusively locked descriptor of the folder; the lock goes when the process does."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise Busy(f"{path} is in use by another process. Wait for it, or give another --out.") from None
    return folder


def _digests(path: Path) -> dict[str, Record]:
    found = {}
    for name in (*CHAINED, "run.json"):
        if (path / name).is_file():
            data = (path / name).read_bytes()
            found[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "lines": data.count(b"\n")}
    return found


def check_seal(path: Path) -> tuple[str, list[Break]]:
    """('whole' | 'open' | 'none' | 'broken', breaks). Open: lines were added since, as after a kill."""
    breaks = [b for b in (read_lines(path / name)[1] for name in CHAINED) if b is not None]
    if not (path / "seal.json").is_file():
        return ("broken" if breaks else "none"), breaks
    try:
        seal = dict(json.loads((path / "seal.json").read_bytes()))
    except ValueError:
        return "broken", [*breaks, Break("seal.json", 1, "not a whole record")]
    open_end = False
    for name, sealed in seal.items():
        data = (path / name).read_bytes() if (path / name).is_file() else b""
        if hashlib.sha256(data[: sealed["bytes"]]).hexdigest() == sealed["sha256"]:
            open_end |= len(data) > sealed["bytes"]
        elif name == "run.json":
            breaks.append(Break(name, 1, "edited since it was sealed"))
        elif not any(b.file == name for b in breaks):
            lines = data.count(b"\n")
            why = (
                f"sealed with {sealed['lines']} lines, found {lines}"
                if lines < sealed["lines"]
                else "edited since sealed"
            )
            breaks.append(Break(name, min(lines + 1, sealed["lines"]), why))
    return ("broken" if breaks else "open" if open_end else "whole"), breaks
