"""Which prompts and replies of a run are shown, and how much of them.

Owns: the choice. A step asks for hundreds or thousands of replies: of each are shown the first few, those to prompts
that hold the text of the version to be rewritten before the others, as long as there is room; the page says how many
there were.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from stop.chain import Record
from stop.lineage import Version
from stop.neutral import neutral
from stop.report.page import embedded

if TYPE_CHECKING:
    from stop.frames import Run

MOST_CALLS = 24  # of a unit
MOST_CHARS = 6000  # of one text


def exchanges(run: Run, versions: Sequence[Version], room: int) -> Record:
    """`units`: unit -> {asked, shown}, where shown names texts by their place in `texts`. room: characters of JSON."""
    rows: dict[str, list[Record]] = {}
    for row in run.rows("calls.jsonl"):
        rows.setdefault(row["unit"], []).append(row)
    reader = _Texts(run)
    chosen = {unit: reader.ordered(found, _rewritten(run, versions, unit)) for unit, found in rows.items()}
    units: dict[str, Record] = {unit: {"asked": len(found), "shown": []} for unit, found in rows.items()}
    for unit, row in _in_turns(chosen):
        shown, size = reader.shown(row)
        if (room := room - size) < 0:
            break
        units[unit]["shown"].append(shown)
    return {"units": units, "texts": reader.table}


def _rewritten(run: Run, versions: Sequence[Version], unit: str) -> str:
    """The text that a step was to rewrite; empty for the seed's unit and for looks at test."""
    parents = {f"step {v.step}": v.parent for v in versions if v.parent}
    return run.source(parents[unit]).strip() if unit in parents else ""


def _in_turns(chosen: dict[str, list[Record]]) -> Iterator[tuple[str, Record]]:
    """The first of every unit, then the second of every unit, and so on."""
    for turn in itertools.zip_longest(*chosen.values()):
        for unit, row in zip(chosen, turn, strict=True):
            if row is not None:
                yield unit, row


class _Texts:
    """Prompts and replies, each distinct text once."""

    def __init__(self, run: Run) -> None:
        self.table: list[str] = []
        self._run = run
        self._places: dict[str, int] = {}

    def ordered(self, rows: Sequence[Record], source: str) -> list[Record]:
        """The first rows, those whose prompt holds the source before the others."""
        own = [row for row in rows if source and any(source in self._run.text(m) for m in row.get("messages", ()))]
        taken = {id(row) for row in own}
        return [*own, *(row for row in rows if id(row) not in taken)][:MOST_CALLS]

    def shown(self, row: Record) -> tuple[Record, int]:
        """What the page needs of a call, and how many characters of JSON it adds."""
        before = len(self.table)
        asked = [[str(m.get("role", "")), self._place(self._run.text(m))] for m in row.get("messages", ())]
        found = {
            "system": self._place(self._run.text(row.get("system", {}))), "messages": asked,
            "reply": self._place(row["reply"]), "temperature": row.get("temperature"),
            "tokens": [row.get("input_tokens"), row.get("output_tokens")], "ended": neutral(row.get("stop_reason", "")),
        }  # fmt: skip
        return found, len(embedded(found)) + sum(len(embedded(text)) + 1 for text in self.table[before:])

    def _place(self, text: str) -> int:
        if text not in self._places:
            self._places[text] = len(self.table)
            self.table.append(neutral(text, lines=True, most=MOST_CHARS))
        return self._places[text]
