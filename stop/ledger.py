"""What a finished unit puts down: in a run it is appended to the records, in a replay it is compared with them.

Owns: the order of a unit's records, what is finished, looks at splits. Does not own: files (records), what happens in a
unit (improve).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from stop.budget import SpentBefore
from stop.cache import Answers
from stop.chain import CHAINED, BadFolder, Break, Record, finished_units, read_lines, read_run, read_timing
from stop.lineage import MEASURED_BLOCK, Decision, Lineage, Version
from stop.records import Records
from stop.scaffold import sha

MEASURED = ("cpu_seconds", "near_limit", "fresh", "kind")  # not in the chained lines


@dataclass(frozen=True)
class Unevaluated:
    """A change that was not evaluated: a version with the status `draft`, recorded with the unit that it is part of."""

    version: Version
    decision: Decision
    source: str


@dataclass(frozen=True)
class Ending:
    """The records of one unit besides its calls and evaluations."""

    unit: str
    outcomes: Sequence[Record]
    version: Version | None = None
    decisions: Sequence[Decision] = ()  # on the version; the last one is its standing
    source: str = ""
    seconds: float = 0.0
    compared: Sequence[str] = ()  # sources of scaffolds that are no versions
    drafts: Sequence[Unevaluated] = ()  # born before the version


class LookedBefore(BadFolder):
    """Test was seen before, and nobody asked for another look at it."""


def check_look(path: Path, run: Record, unit: str) -> None:
    """Raises LookedBefore if test was looked at, and not in this unit: results on it could choose what is done next."""
    seen = [look["unit"] for look in run["looks"]["test"]]
    if seen and unit not in seen:
        raise LookedBefore(
            f"{path}: test was looked at in {seen[-1]!r}; {unit!r} would be another look, on instances that are known "
            "by now. Give another --out, or --look-again: the look is counted."
        )


class Ledger(Protocol):
    """Where the units of a run end."""

    lineage: Lineage

    def end(self, ending: Ending, answers: Answers) -> None: ...
    def look(self, what: Record) -> None: ...
    def tested(self, unit: str) -> bool: ...
    def on_test(self) -> set[int]: ...
    def compared(self, unit: str) -> list[Record]: ...


class Writing:
    """Appends to a run folder. look_again: test may be looked at more than once."""

    def __init__(self, records: Records, look_again: bool = False) -> None:
        self._records = records
        self._look_again = look_again
        self.lineage = _lineage(records.rows)

    def open(self, answers: Answers) -> SpentBefore:
        """Hands the recorded answers over; returns what was spent so far, in finished units or not."""
        finished = self.finished()
        kept = self._records.unfinished(finished)
        self.lineage = _lineage(self._records.rows)
        for name, kind in (("calls.jsonl", "call"), ("evaluations.jsonl", "evaluation")):
            for row in self._records.rows[name]:
                answers.load({"kind": kind, **row}, in_flight=False)
        for row in kept:
            answers.load(row, in_flight=True)
        self._count_val_looks()
        return self._spent(finished, [r for r in kept if r["kind"] == "call" and r.get("fresh", True)])

    def _spent(self, finished: set[str], pending: Sequence[Record]) -> SpentBefore:
        """By the calls that are recorded and by what was noted when they were sent: too much rather than too little."""
        timing = read_timing(self._records.path)
        units = {t["unit"]: t for t in timing if t["kind"] == "unit" and t["unit"] in finished}
        # a unit whose timing is lost paid for every call that it asked for
        lost = [row for row in self._records.rows["calls.jsonl"] if row["unit"] not in units]
        calls = sum(t["calls_fresh"] for t in units.values()) + len(lost) + len(pending)
        usd = sum(t["usd"] for t in units.values()) + sum(row["usd"] for row in (*lost, *pending))
        noted = SpentBefore.of(timing)
        return replace(noted, calls=max(calls, noted.calls), usd=max(usd, noted.usd))

    def finished(self) -> set[str]:
        return finished_units(self._records.rows["decisions.jsonl"], read_run(self._records.path))

    def end(self, ending: Ending, answers: Answers) -> None:
        new, pending = answers.taken()
        if ending.version is not None:
            self._records.put("sources", f"{ending.version.sha}.py", ending.source)
        for source in (*ending.compared, *(draft.source for draft in ending.drafts)):
            self._records.put("sources", f"{sha(source)}.py", source)
        batches = unit_batches(ending, new)
        self._records.commit(batches, _timing(ending, new), pending)
        self._count_val_looks()
        _append(self.lineage, ending)

    def look(self, what: Record) -> None:
        """Counts a look at test before it is taken; the same look again (after a kill) is the same look.

        Raises LookedBefore.
        """
        run = read_run(self._records.path)
        if not self._look_again:
            check_look(self._records.path, run, what["unit"])
        looks = [one for one in run["looks"]["test"] if one["unit"] != what["unit"]]
        run["looks"]["test"] = [*looks, what]
        self._records.put_run(run)

    def _count_val_looks(self) -> None:
        """Each decision looked at one val block, and each unit in which versions were measured further at another."""
        run = read_run(self._records.path)
        further = {row["unit"]: row for row in self._records.rows["outcomes.jsonl"] if row["block"] == MEASURED_BLOCK}
        looks = [*self._records.rows["decisions.jsonl"], *further.values()]
        run["looks"]["val"] = [{"unit": row["unit"], "block": row["block"]} for row in looks]
        self._records.put_run(run)

    def tested(self, unit: str) -> bool:
        """Whether this look at test is over."""
        return unit in self.finished()

    def on_test(self) -> set[int]:
        """The versions whose improver runs on test are recorded."""
        return _on_test(self._records.rows["outcomes.jsonl"])

    def compared(self, unit: str) -> list[Record]:
        """The improver runs of a comparison that is over; [] of one that is not."""
        return [row for row in self._records.rows["outcomes.jsonl"] if row["unit"] == unit and self.tested(unit)]


class Differs(Exception):
    """A replay made a record that is not the recorded one; the message names it."""


class Comparing:
    """Compares with a run folder, in order, and writes nothing."""

    def __init__(self, path: Path, breaks: Sequence[Break]) -> None:
        """breaks: where the folder's chain or seal does not hold."""
        self.lineage = Lineage()
        self.rows = {name: read_lines(path / name)[0] for name in CHAINED}
        lost = any(b.file == "decisions.jsonl" and not b.torn for b in breaks)
        finished = finished_units(self.rows["decisions.jsonl"], read_run(path))
        self.tail = not lost and _cut_tail(self.rows, finished)
        self._next = dict.fromkeys(CHAINED, 0)

    def open(self, answers: Answers) -> None:
        for name, kind in (("calls.jsonl", "call"), ("evaluations.jsonl", "evaluation")):
            for row in self.rows[name]:
                answers.load({"kind": kind, **row}, in_flight=False)

    def end(self, ending: Ending, answers: Answers) -> None:
        measured = [{"kind": "evaluation", **r} for r in self.rows["evaluations.jsonl"] if r["unit"] == ending.unit]
        for name, batch in unit_batches(ending, measured).items():
            if name not in ("calls.jsonl", "evaluations.jsonl"):
                for made in batch:
                    self._compare(name, made)
        for name in ("calls.jsonl", "evaluations.jsonl"):
            for number, row in enumerate(self.rows[name], 1):
                if row["unit"] == ending.unit and row["key"] not in answers.asked:
                    raise Differs(f"{name} line {number}: {describe(name, row)} is recorded but was not asked for")
        _append(self.lineage, ending)

    def look(self, what: Record) -> None:
        """A replay counts no look: it is answered from the records."""

    def tested(self, unit: str) -> bool:
        """Every look is taken again, from the records."""
        return False

    def on_test(self) -> set[int]:
        """The versions that were looked at on test up to this moment of the replay."""
        return _on_test(self.rows["outcomes.jsonl"][: self._next["outcomes.jsonl"]])

    def compared(self, unit: str) -> list[Record]:
        """Every comparison is made again, from the records."""
        return []

    def close(self) -> None:
        """Raises Differs if the folder holds records that the replay did not make."""
        for name in ("outcomes.jsonl", "incidents.jsonl", "lineage.jsonl", "decisions.jsonl"):
            if self._next[name] < len(self.rows[name]):
                row = self.rows[name][self._next[name]]
                raise Differs(f"{name} line {self._next[name] + 1}: {describe(name, row)} is recorded but was not made")

    def _compare(self, name: str, made: Record) -> None:
        number = self._next[name]
        self._next[name] += 1
        if all(row["unit"] != made["unit"] for row in self.rows[name][number:]):
            raise Differs(f"{name} line {number + 1}: {describe(name, made)} is missing")
        found = {k: v for k, v in self.rows[name][number].items() if k != "prev"}
        made = json.loads(json.dumps(made))
        for field in made:
            if found.get(field) != made[field]:
                raise Differs(
                    f"{name} line {number + 1}: {describe(name, made)}: {field} is {found.get(field)!r}, "
                    f"the replay gives {made[field]!r}"
                )


def _lineage(rows: Mapping[str, Sequence[Record]]) -> Lineage:
    return Lineage(rows["lineage.jsonl"], rows["decisions.jsonl"], rows["outcomes.jsonl"])


def _append(lineage: Lineage, ending: Ending) -> None:
    for draft in ending.drafts:
        lineage.append(draft.version, [draft.decision])
    if ending.version is not None:
        lineage.append(ending.version, ending.decisions, ending.outcomes)


def _on_test(outcomes: Sequence[Record]) -> set[int]:
    return {row["version"] for row in outcomes if row["split"] == "test" and row["version"] is not None}


def _cut_tail(rows: dict[str, list[Record]], finished: set[str]) -> bool:
    """Leaves out the rows of the unit that was cut short: without its end, and nothing was recorded behind it."""
    units = [list(dict.fromkeys(row["unit"] for row in found)) for found in rows.values()]
    followed = {unit for found in units for unit in found[:-1]}
    cut = {unit for found in units for unit in found} - followed - finished
    rows.update({name: [r for r in found if r["unit"] not in cut] for name, found in rows.items()})
    return bool(cut)


def unit_batches(ending: Ending, new: Sequence[Record]) -> dict[str, Sequence[Record]]:
    """The lines of a unit, in an order that no worker's speed can change."""
    calls = sorted((r for r in new if r["kind"] == "call"), key=_call_order)
    measured = sorted((r for r in new if r["kind"] == "evaluation"), key=_evaluation_order)
    incidents = [
        {"unit": ending.unit, "kind": "unscorable", "task": r["task"], "sha": r["sha"], "split": r["split"],
         "block": r["block"], "detail": detail}
        for r in measured
        for detail in r["incidents"]
    ]  # fmt: skip
    return {
        "calls.jsonl": [_line(r, ending.unit) for r in calls],
        "evaluations.jsonl": [_line(r, ending.unit) for r in measured],
        "outcomes.jsonl": list(ending.outcomes),
        "incidents.jsonl": incidents,
        "lineage.jsonl": [v.record(ending.unit) for v in (*(d.version for d in ending.drafts), ending.version) if v],
        "decisions.jsonl": [d.record(ending.unit) for d in (*(d.decision for d in ending.drafts), *ending.decisions)],
    }


def _line(record: Record, unit: str) -> Record:
    return {"unit": unit, **{k: v for k, v in record.items() if k not in (*MEASURED, "unit", "prev")}}


def _call_order(record: Record) -> Any:
    return json.dumps(record["messages"]), record["draw"], record["key"]


def _evaluation_order(record: Record) -> Any:
    return record["task"], record["split"], record["block"], record["sha"]


def _timing(ending: Ending, new: Sequence[Record]) -> list[Record]:
    calls = [r for r in new if r["kind"] == "call"]
    fresh = [r for r in calls if r.get("fresh", True)]
    unit = {
        "kind": "unit", "unit": ending.unit, "seconds": round(ending.seconds, 3),
        "calls_fresh": len(fresh), "calls_shared": len(calls) - len(fresh), "usd": sum(r["usd"] for r in fresh),
    }  # fmt: skip
    measured = sorted((r for r in new if r["kind"] == "evaluation"), key=_evaluation_order)
    return [unit] + [
        {
            "kind": "evaluation",
            "key": r["key"],
            "cpu_seconds": round(r["cpu_seconds"], 6),
            "near_limit": r["near_limit"],
        }
        for r in measured
        if "cpu_seconds" in r  # it is lost for what was recorded before a kill
    ]


def describe(name: str, row: Record) -> str:
    """A record in a few words, for a message."""
    kinds = {
        "calls.jsonl": "call {key}",
        "evaluations.jsonl": "evaluation of solution {sha} on {task} {split} block {block}",
        "outcomes.jsonl": "improver run of version {version} on {task} {split} block {block} repeat {repeat}",
        "incidents.jsonl": "incident of solution {sha} on {task}",
        "lineage.jsonl": "version {id} ({sha})",
        "decisions.jsonl": "decision on version {id}",
    }
    if "arm" in row:
        kinds["outcomes.jsonl"] = "improver run of {scaffold} ({arm}) on {task} {split} block {block} repeat {repeat}"
    return kinds[name].format(**row)
