"""What a run folder holds, read and checked: lines by their chain, texts by their names, files by the seal.

Owns: how a line is written and linked to the one before it, where chain, names and seal do not hold, which units have
their end. Writes nothing. Does not own: writing, the lock of a folder (records), what a record means (lineage).
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stop.settings import watched

FORMAT = 1
MOST_AMOUNT = 1e12  # of tokens, seconds or dollars: more than any line has
CHAINED = ("calls.jsonl", "evaluations.jsonl", "outcomes.jsonl", "incidents.jsonl", "lineage.jsonl", "decisions.jsonl")
FOLDERS = ("sources", "solutions", "texts")
GIVE_UP = "The run cannot go on from it; start another with --out."
UNIT = re.compile(rb'\{"unit":"([^"]*)"')  # how every chained line begins
NEEDED: dict[str, tuple[str, ...]] = {  # what is read of a line in any case: a file made by hand may lack it
    "calls.jsonl": ("unit", "key", "reply"),
    "evaluations.jsonl": ("unit", "key"),
    "outcomes.jsonl": ("unit", "version", "split"),
    "incidents.jsonl": ("unit",),
    "lineage.jsonl": ("unit", "id", "sha", "parent", "parent_id", "step", "generation", "status", "meta_utility",
                      "stderr", "n", "llm_calls", "input_tokens", "output_tokens", "usd", "detail"),
    "decisions.jsonl": ("unit", "id"),
}  # fmt: skip
TIMED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # what is read, and counted, of a line of timing.jsonl
    "sitting": ((), ()), "rest": ((), ()), "evaluation": (("key",), ("cpu_seconds",)),
    "unit": (("unit",), ("calls_fresh", "calls_shared", "usd")),
    "sent": (("key", "again"), ("usd",)), "paid": (("key",), ("usd",)),
}  # fmt: skip
Record = dict[str, Any]
_decoded = json.JSONDecoder().raw_decode  # json.loads looks for an encoding and for blanks: a third of the time


class BadFolder(ValueError):
    """A run folder that cannot be used; the message is one line that names the file and the next step."""


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


def read_lines(path: Path) -> tuple[list[Record], Break | None]:
    """The records of a chained file up to the first line that does not hold, and where that is."""
    records: list[Record] = []
    with collecting_later():
        for found in each_line(path):
            if isinstance(found, Break):
                return records, found
            records.append(found)
    return records, None


@contextlib.contextmanager
def collecting_later() -> Iterator[None]:
    """Many small objects are made, none of them in a cycle: looking for cycles meanwhile takes a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def each_line(path: Path) -> Iterator[Record | Break]:
    """As `read_lines`, one after the other: however long the file is, one line of it is held."""
    if not path.is_file():
        return
    needed = {*NEEDED.get(path.name, ())}
    prev = ""
    with path.open("rb") as file:
        for number, read in enumerate(file, 1):
            line = read.removesuffix(b"\n")
            record = _parsed(line) if line is not read else None
            if record is None:
                yield Break(path.name, number, "not a whole record", torn=not file.read(1))
                return
            if record.get("prev") != prev:
                why = "does not continue the line before it: a record was edited or removed"
                yield Break(path.name, number, why)
                return
            if not needed <= record.keys():
                lacking = next(key for key in NEEDED[path.name] if key not in record)
                yield Break(path.name, number, f"lacks {lacking!r}: it was not made by a run")
                return
            prev = link(line)
            yield record


def read_pending(path: Path) -> tuple[list[Record], bool]:
    """The lines of pending.jsonl, and whether a torn last one was left out: it was never used. Raises BadFolder."""
    file = path / "pending.jsonl"
    *lines, rest = file.read_bytes().split(b"\n") if file.is_file() else [b""]
    found = []
    for number, line in enumerate(lines, 1):
        record = _parsed(line)
        if record is None or not _is_pending(record):
            raise BadFolder(f"{path}: {file.name} line {number}: not a whole record. {GIVE_UP}")
        found.append(record)
    return found, bool(rest)


def read_run(path: Path) -> Record:
    """run.json. Raises OSError or ValueError."""
    found = json.loads((path / "run.json").read_bytes())
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def read_timing(path: Path) -> list[Record]:
    """Seconds and money really spent, in whole lines. Raises BadFolder for a line that is damaged."""
    file = path / "timing.jsonl"
    found = []
    for number, line in enumerate(file.read_bytes().split(b"\n")[:-1] if file.is_file() else [], 1):
        record = _parsed(line)
        if record is None or not _is_timing(record):
            raise BadFolder(f"{path}: timing.jsonl line {number}: not a record. Remove that line and try again.")
        found.append(record)
    return found


def _is_timing(record: Record) -> bool:
    """Whether it has what is counted. What is negative, or no number, would lift a budget."""
    names, counted = TIMED.get(str(record.get("kind")), (("",), ()))
    numbers = [record.get("at", 0.0), *(record.get(name) for name in counted)]
    return all(isinstance(record.get(name), str | bool) for name in names) and all(map(_is_amount, numbers))


def _is_pending(record: Record) -> bool:
    """Whether it has what is read, and counted, of an answer that no unit holds yet."""
    called = record.get("kind") == "call"
    texts = ("unit", "key", "kind", *(("reply", "stop_reason") if called else ()))
    numbers = ("input_tokens", "output_tokens", "usd") if called else ()
    return all(isinstance(record.get(t), str) for t in texts) and all(_is_amount(record.get(n)) for n in numbers)


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value < MOST_AMOUNT


def read_source(path: Path, sha: str) -> str:
    """The text of a scaffold. Raises BadFolder if it is missing or was edited: its name is its content's."""
    file = path / "sources" / f"{sha}.py"
    data = file.read_bytes() if file.is_file() else b""
    if not file.is_file() or hashlib.sha256(data).hexdigest()[:12] != sha:
        why = "was edited" if file.is_file() else "is missing"
        raise BadFolder(f"{path}: sources/{sha}.py {why}. The run cannot go on or be shown without it.")
    return data.decode("utf-8", "surrogatepass")


def _parsed(line: bytes) -> Record | None:
    """The object of a line; None if it holds none."""
    try:
        text = line.decode("utf-8", "surrogatepass")
        found, end = _decoded(text)
        if end < len(text):
            return None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def finished_units(decisions: Iterable[Record], run: Record) -> set[str]:
    """The units that were recorded to their end: by their last decision, or in run.json for a look at test."""
    last = {row["unit"]: row for row in decisions}
    last = {unit: row for unit, row in last.items() if row.get("verdict") != "draft"}  # what it led to comes after it
    if watched(run.get("config", {})):  # then a rule that keeps a version is not the last to decide on it
        last = {unit: row for unit, row in last.items() if row.get("who") != "rule" or row.get("verdict") != "kept"}
    return set(last) | {look["unit"] for look in run["looks"]["test"] if look["done"]}


def check_ends(path: Path, rows: Mapping[str, Sequence[Record]], run: Record, torn: Sequence[str]) -> None:
    """Raises BadFolder if a finished unit has lost a line or its end. No kill does that: the decision is written last.

    rows: of each chained file. torn: the files whose last line is not whole.
    """
    finished = finished_units(rows["decisions.jsonl"], run)
    for name in torn:
        unit = UNIT.match((path / name).read_bytes().rpartition(b"\n")[2])
        if unit is not None and unit[1].decode("utf-8", "replace") in finished:
            raise BadFolder(f"{path}: {name}: the last line, of a finished unit, is not whole. {GIVE_UP}")
    for name in CHAINED:
        units = list(dict.fromkeys(row["unit"] for row in rows[name]))
        last = max((i for i, unit in enumerate(units) if unit in finished), default=-1)
        for unit in units[:last]:
            if unit not in finished:
                raise BadFolder(f"{path}: {name}: {unit!r} has no end, though later units have. {GIVE_UP}")
    versions = {row["id"] for row in rows["lineage.jsonl"]}
    for row in rows["decisions.jsonl"]:
        if row["id"] not in versions:
            raise BadFolder(f"{path}: lineage.jsonl: version {row['id']} is missing. {GIVE_UP}")


def check_seal(path: Path) -> tuple[str, list[Break]]:
    """('whole' | 'open' | 'none' | 'broken', breaks). Open: lines were added since, as after a kill."""
    breaks = [b for b in (read_lines(path / name)[1] for name in CHAINED) if b is not None]
    breaks += _edited_texts(path)  # their names are their seals
    if not (path / "seal.json").is_file():
        return ("broken" if breaks else "none"), breaks
    seal = _parsed((path / "seal.json").read_bytes())
    if seal is None or not all(isinstance(s, dict) and {"sha256", "bytes", "lines"} <= set(s) for s in seal.values()):
        return "broken", [*breaks, Break("seal.json", 1, "not a whole record")]
    open_end = False
    for name, sealed in seal.items():
        data = (path / name).read_bytes() if (path / name).is_file() else b""
        if hashlib.sha256(data[: sealed["bytes"]]).hexdigest() == sealed["sha256"]:
            open_end |= len(data) > sealed["bytes"]
        elif name == "run.json":
            breaks.append(Break(name, 1, "edited since it was sealed"))
        elif not any(b.file == name and not b.torn for b in breaks):
            lines = data.count(b"\n")
            why = (
                f"sealed with {sealed['lines']} lines, found {lines}"
                if lines < sealed["lines"]
                else "edited since sealed"
            )
            breaks.append(Break(name, min(lines + 1, sealed["lines"]), why))
    return ("broken" if breaks else "open" if open_end else "whole"), breaks


def _edited_texts(path: Path) -> list[Break]:
    """The texts, solutions and sources that are not what their names say."""
    files = [f for name in FOLDERS for f in sorted((path / name).glob("*")) if f.suffix != ".part"]
    wrong = [f for f in files if hashlib.sha256(f.read_bytes()).hexdigest()[:12] != f.stem]
    return [Break(f"{f.parent.name}/{f.name}", 1, "is not what its name says: it was edited") for f in wrong]


def missing_texts(path: Path, calls: Iterable[Record]) -> list[Break]:
    """The prompts that recorded calls name and that are not there."""
    parts = [part for row in calls for part in (row.get("system", {}), *row.get("messages", ()))]
    named = dict.fromkeys(part["sha"] for part in parts if "sha" in part)
    return [Break(f"texts/{sha}", 1, "is missing") for sha in named if not (path / "texts" / sha).is_file()]


def digests(path: Path) -> dict[str, Record]:
    """What seal.json holds of each file that is there: SHA-256, bytes, lines."""
    found = {}
    for name in (*CHAINED, "run.json"):
        if (path / name).is_file():
            data = (path / name).read_bytes()
            found[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "lines": data.count(b"\n")}
    return found
