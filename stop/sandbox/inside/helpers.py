"""What improvers import as `helpers`: reading code, changes and data out of a model's reply.

Owns: parsing replies.  Does not own: running or judging what they contain.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any, overload

FENCE = re.compile(r"^ {0,3}(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)$")
HUNK = re.compile(r"^@@ -(?P<line>\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
SEARCH, DIVIDE, REPLACE = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"


class BudgetExceeded(Exception):
    """More was asked of the language model or the utility than this run may use."""


@overload
def extract_code(text: list[str | None]) -> list[str]: ...
@overload
def extract_code(text: str | None) -> str: ...
def extract_code(text: str | None | list[str | None]) -> str | list[str]:
    """The largest fenced block of a reply; without a fence the reply itself if it is Python, else "".

    An unclosed last fence runs to the end of the reply. None gives "". A list gives a list.
    """
    if isinstance(text, list | tuple):
        return [extract_code(one) for one in text]
    if not text:
        return ""
    text = str(text).replace("\r\n", "\n")
    blocks = _fenced(text.split("\n"))
    if blocks:
        return max(blocks, key=len).strip("\n")
    return text.strip("\n") if _parses(text) else ""


def _fenced(lines: list[str]) -> list[str]:
    blocks: list[str] = []
    number = 0
    while number < len(lines):
        opening = FENCE.match(lines[number])
        number += 1
        if opening is None or (opening["mark"][0] == "`" and "`" in opening["info"]):
            continue
        end = _closing(lines, number, opening["mark"])
        blocks.append("\n".join(lines[number:end]))
        number = end + 1
    return blocks


def _closing(lines: list[str], start: int, mark: str) -> int:
    """The line that ends a block: the first closing fence before which the block is Python, else the first at all.

    A program that holds fences in its own strings does not parse when it is cut at one of them.
    """
    ends = [number for number in range(start, len(lines)) if _closes(lines[number], mark)]
    if not ends:
        return len(lines)
    for end in ends[:20]:
        if _parses("\n".join(lines[start:end])):
            return end
    return ends[0]


def _closes(line: str, mark: str) -> bool:
    found = FENCE.match(line)
    return found is not None and found["mark"].startswith(mark) and not found["info"].strip()


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def apply_diff(source: str, diff: str) -> str:
    """source with the changes of `diff`: SEARCH/REPLACE blocks or a unified diff, fenced or not.

    Raises ValueError that names the change which does not apply.
    """
    if SEARCH in diff:
        return _apply_blocks(source, diff)
    hunks = _hunks(diff)
    if not hunks:
        raise ValueError(f"no change found: neither a line {SEARCH!r} nor a unified diff with '@@' lines")
    return _apply_hunks(source, hunks)


def _apply_blocks(source: str, diff: str) -> str:
    end = "\n" if source and not source.endswith("\n") else ""
    text = "\n" + source + end  # so that whole lines stand between line breaks, the first and the last ones too
    for number, (old, new) in enumerate(_blocks(diff), start=1):
        if not old.strip():
            text += new
        elif "\n" + old in text:
            text = text.replace("\n" + old, "\n" + new, 1)
        else:
            first = next(line for line in old.splitlines() if line.strip())
            raise ValueError(f"change {number} does not apply: the source has no such lines (first: {first.strip()!r})")
    return text[1:].removesuffix(end)


def _blocks(diff: str) -> list[tuple[str, str]]:
    blocks: list[tuple[str, str]] = []
    old: list[str] = []
    new: list[str] = []
    part = "outside"
    for line in diff.splitlines():
        word = line.strip()
        if word == SEARCH:
            old, new, part = [], [], "old"
        elif word == DIVIDE and part == "old":
            part = "new"
        elif word == REPLACE and part == "new":
            blocks.append(("".join(one + "\n" for one in old), "".join(one + "\n" for one in new)))
            part = "outside"
        elif part == "old":
            old.append(line)
        elif part == "new":
            new.append(line)
    if part != "outside":
        raise ValueError(f"change {len(blocks) + 1} is cut short: it has no line {REPLACE!r}")
    return blocks


def _hunks(diff: str) -> list[tuple[int, list[str], list[str]]]:
    """(first line from 1, old lines, new lines) of each hunk."""
    hunks: list[tuple[int, list[str], list[str]]] = []
    for line in diff.splitlines():
        start = HUNK.match(line)
        if start is not None:
            hunks.append((int(start["line"]), [], []))
        elif hunks and line.startswith(("```", "~~~")):
            break
        elif hunks and line[:1] in ("", " ", "+", "-") and not line.startswith(("--- ", "+++ ")):
            _, old, new = hunks[-1]
            if not line.startswith("+"):
                old.append(line[1:])
            if not line.startswith("-"):
                new.append(line[1:])
    for _, old, new in hunks:
        while old and new and not old[-1] and not new[-1]:  # blank lines after the diff are not its context
            old.pop()
            new.pop()
    return hunks


def _apply_hunks(source: str, hunks: list[tuple[int, list[str], list[str]]]) -> str:
    lines = source.splitlines()
    shift = 0
    for number, (first, old, new) in enumerate(hunks, start=1):
        at = _find(lines, old, first - 1 + shift)
        if at is None:
            shown = next((line.strip() for line in old if line.strip()), "")
            raise ValueError(f"change {number} does not apply: the source has no such lines (first: {shown!r})")
        lines[at : at + len(old)] = new
        shift += len(new) - len(old)
    return "\n".join(lines) + ("\n" if source.endswith("\n") or not source else "")


def _find(lines: list[str], old: list[str], near: int) -> int | None:
    """Where `old` stands in `lines`, nearest to `near`: models count lines badly."""
    if not old:
        return max(0, min(near + 1, len(lines)))
    stripped = [line.rstrip() for line in lines]
    wanted = [line.rstrip() for line in old]
    places = [at for at in range(len(lines) - len(old) + 1) if stripped[at : at + len(old)] == wanted]
    return min(places, key=lambda at: abs(at - near)) if places else None


def parse_json(text: str | None) -> Any:
    """The first JSON object or array in a reply, fenced or not. Raises ValueError when there is none."""
    decoder = json.JSONDecoder()
    for start in re.finditer(r"[\[{]", text or ""):
        try:
            return decoder.raw_decode(text or "", start.start())[0]
        except (ValueError, RecursionError):
            continue
    raise ValueError("the text holds no JSON object or array")
