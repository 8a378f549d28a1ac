"""The sources of many versions in little room: the first in full, every other as its edits of its parent's text.

Owns: that form, which is also the diff that is shown. Does not own: how a diff looks (page.js).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from stop.chain import Record
from stop.lineage import Version
from stop.neutral import neutral

Edit = list[object]  # [from, to, lines]: these lines stand in place of the parent's lines from..to (0-based, end open)


def packed(versions: Sequence[Version], source: Callable[[str], str], room: int) -> Record:
    """`texts`: sha -> {lines} or {base, left_out}; `edits`: "parent child" by sha -> edits that make the child.

    A text is the lines of its own, or what its edits make of `base`. room: about how many characters all may take;
    what does not fit is left out and says so. source: the text of a sha.
    """
    lines = {sha: _lines(source(sha)) for sha in dict.fromkeys(v.sha for v in versions)}
    texts: dict[str, Record] = {}
    edits: dict[str, list[Edit]] = {}
    for version in versions:
        pair, parent = f"{version.parent} {version.sha}", version.parent
        if parent in texts and pair not in edits and parent != version.sha:
            found = _edits(lines[parent], lines[version.sha])
            room -= _size([line for _, _, new in found for line in new])  # type: ignore[attr-defined]
            if room > 0 and "left_out" not in texts[parent]:
                edits[pair] = found
        if version.sha in texts:
            continue
        if pair in edits:
            texts[version.sha] = {"base": parent}
            continue
        room -= _size(lines[version.sha])
        texts[version.sha] = {"lines": lines[version.sha]} if room > 0 else {"left_out": True}
    return {"texts": texts, "edits": edits}


def _lines(text: str) -> list[str]:
    """Made harmless line by line: what would move, hide or turn around what is beside it is spelt out."""
    shown = text.rstrip("\n").split("\n")
    return [line if line.isprintable() else neutral(line.expandtabs(4), most=10_000) for line in shown]


def _edits(old: Sequence[str], new: Sequence[str]) -> list[Edit]:
    changes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [[i1, i2, list(new[j1:j2])] for tag, i1, i2, j1, j2 in changes if tag != "equal"]


def _size(lines: Sequence[str]) -> int:
    return sum(len(line) + 4 for line in lines)
