"""How large self-edits are, and how much of them lasts. Pure functions on texts and on a run's versions.

These are counts of one run, not estimates: they have no interval.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from stop.analysis.recorded import Recorded, ancestry, incumbent, parents, row, versions
from stop.syntax import parse

MOST_LABELS = 20_000  # of a syntax tree: beyond that a text is compared by lines alone


@dataclass(frozen=True)
class Edit:
    """From one text to the next. Lines as written; nodes of the syntax tree, which comments and layout do not touch.

    nodes: added and removed together; None if a text does not parse.
    """

    added: int
    removed: int
    nodes: int | None

    @property
    def lines(self) -> int:
        return self.added + self.removed


@dataclass(frozen=True)
class SelfEdit:
    """The edit that made one version of its parent, and what of it is still in the version that stands."""

    version: int
    edit: Edit
    churn: float  # lines added and removed per line of the parent; 0 for an empty parent
    alive: int | None  # of the added lines; None where the version is no ancestor of the one that stands


def edit(old: str, new: str) -> Edit:
    """The size of the change from `old` to `new`.

    added, removed: lines of difflib's edit script (not always the shortest one), blank ones too. nodes: insertions and
    deletions between the two preorder sequences of node labels, a label being the node's type with its names, values
    and operators: 0 for texts that differ in comments and layout alone, 2 for one changed constant. Source: tree edit
    size in the manner of Falleri et al., Fine-grained and accurate source code differencing, ASE 2014, on sequences.
    """
    added, removed = _counts(old.splitlines(), new.splitlines())
    try:
        labels = [_labels(text) for text in (old, new)]
    except SyntaxError:
        return Edit(added, removed, None)
    if max(map(len, labels)) > MOST_LABELS:
        return Edit(added, removed, None)
    return Edit(added, removed, sum(_counts(*labels)))


def self_edits(run: Recorded) -> list[SelfEdit]:
    """One for every version after the seed that has a text, in order of birth.

    churn = (added + removed) / lines of the parent, in [0, inf); Nagappan & Ball, Use of relative code churn measures,
    ICSE 2005 (M1, M2). alive: of the lines that the edit added, how many stand unchanged through all later edits on the
    way to the incumbent.
    """
    lasting = survival(run)
    found = []
    for version, parent in parents(run).items():
        text = run.source(str(row(run, version).sha))
        if parent is None or not text.strip():
            continue
        before = run.source(str(row(run, parent).sha))
        size, length = edit(before, text), len(before.splitlines())
        alive = lasting.get(version)
        found.append(SelfEdit(version, size, size.lines / length if length else 0.0, alive))
    return found


def survival(run: Recorded) -> dict[int, int]:
    """Version -> how many lines of the incumbent's text it brought in, for each version from the seed to the incumbent.

    The values add up to the lines of the incumbent. A line that is changed counts for who changed it.
    """
    path = ancestry(run, incumbent(run))
    texts = [run.source(str(row(run, v).sha)).splitlines() for v in path]
    owners = [path[0]] * len(texts[0])
    for version, before, after in zip(path[1:], texts, texts[1:], strict=False):
        owners = _handed_on(owners, before, after, version)
    return {version: owners.count(version) for version in path}


def relapses(run: Recorded) -> list[int]:
    """Versions whose text an earlier version already had: the search came back to where it had been."""
    seen: set[str] = set()
    found = []
    for version in versions(run):
        sha = str(row(run, version).sha)
        if sha in seen:
            found.append(version)
        seen.add(sha)
    return found


def reverted(parent: str, child: str, later: str) -> str | None:
    """`later` without the change from `parent` to `child`; None where later changes touch the same lines.

    A three-way merge by lines with `child` as the base (diff3; Khanna, Kunal & Pierce, A formal investigation of
    diff3, FSTTCS 2007).
    """
    base, undone, kept = (text.split("\n") for text in (child, parent, later))
    changes = {
        (side, *span): lines for side, to in (("undo", undone), ("keep", kept)) for span, lines in _spans(base, to)
    }
    ordered = sorted(changes.items(), key=lambda item: item[0][1:])
    merged: list[str] = []
    at, last = 0, ("", -1, -1)
    for (side, start, end), lines in ordered:
        here = (side, start, end)
        if last[1:] == here[1:] and changes[last] == lines:
            continue  # both make the same change
        if last[0] not in ("", side) and start <= last[2]:
            return None  # they overlap or touch: which comes first is not known
        merged += base[at:start] + lines
        at, last = end, here
    return "\n".join(merged + base[at:])


def _spans(base: Sequence[str], to: Sequence[str]) -> list[tuple[tuple[int, int], list[str]]]:
    """((start, end) in base, the lines in its place) of every change."""
    matcher = difflib.SequenceMatcher(None, base, to, autojunk=False)
    return [((a, b), list(to[c:d])) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal"]


def _counts(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """(added, removed)."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    changes = [(d - c, b - a) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal"]
    return sum(added for added, _ in changes), sum(removed for _, removed in changes)


def _handed_on(owners: list[int], before: Sequence[str], after: Sequence[str], version: int) -> list[int]:
    """Who brought each line of `after`, given who brought each line of `before`."""
    found = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        found += owners[a:b] if tag == "equal" else [version] * (d - c)
    return found


def _labels(text: str) -> list[str]:
    """The nodes of a program in preorder, each by its type and what is no node of it."""
    found: list[str] = []
    waiting: list[ast.AST] = [parse(text)]
    while waiting:
        node = waiting.pop()
        fields = [v for _, v in ast.iter_fields(node) if not isinstance(v, ast.AST)]
        plain = [repr(v) for v in fields if not isinstance(v, list) or (v and all(isinstance(x, str) for x in v))]
        if not isinstance(node, ast.expr_context):
            found.append(" ".join([type(node).__name__, *plain]))
        waiting += list(ast.iter_child_nodes(node))[::-1]
    return found
