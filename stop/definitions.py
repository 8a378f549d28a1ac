"""The top-level definitions of a source text, and the text with one of them changed.

Owns: which lines a definition takes, changing these and no others. Pure: runs nothing. Does not own: parsing (syntax),
who may change what (godel).
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from typing import Literal

from stop.syntax import parse

How = Literal["modify", "add", "delete"]
HOWS = ("modify", "add", "delete")


class BadChange(ValueError):
    """A change that cannot be made; the message is one line for whoever asked for it."""


def definitions(source: str) -> dict[str, str]:
    """Name -> text, in order: functions, classes, and names that get a value. Raises SyntaxError."""
    return {name: _lines(source, node) for name, node in _nodes(source).items()}


def changed(source: str, how: str, name: str, code: str) -> str:
    """The source with the named definition replaced, added at the end, or left out; all other text is as it was.

    code: exactly one definition, of that name; ignored where one is deleted. A name that is defined several times
    means the last one, which is in force. Raises BadChange.
    """
    if how not in HOWS:
        raise BadChange(f"no change {how!r}; there are: {', '.join(HOWS)}")
    found = _nodes(source)
    if how == "add" and name in found:
        raise BadChange(f"{name!r} is there already; modify it")
    if how != "add" and name not in found:
        raise BadChange(f"no definition {name!r}; there are: {', '.join(found)}")
    new = "" if how == "delete" else _definition(name, code)
    text = f"{source.rstrip()}\n\n\n{new}\n" if how == "add" else _replaced(source, found[name], new)
    try:
        parse(text)
    except SyntaxError as error:
        raise BadChange(f"with this change the module does not parse: {error.msg}") from None
    return text


def needed(source: str, name: str) -> list[str]:
    """The definition and all that it names, directly or through others, the nearest first; [] if there is none."""
    nodes = _nodes(source)
    found = [name] if name in nodes else []
    for one in found:  # it grows
        named = [n.id for n in ast.walk(nodes[one]) if isinstance(n, ast.Name)]
        found += [n for n in dict.fromkeys(named) if n in nodes and n not in found]
    return found


def _definition(name: str, code: str) -> str:
    code = code.replace("\r\n", "\n").replace("\r", "\n")  # as the parser counts lines
    try:
        body = parse(code).body
    except SyntaxError as error:
        raise BadChange(f"the code does not parse: {error.msg}") from None
    if [_name(node) for node in body] != [name]:
        given = ", ".join(str(_name(node) or "a statement") for node in body) or "nothing"
        raise BadChange(f"give the one definition {name!r} and nothing else; the code has: {given}")
    return code.strip("\n")


@functools.lru_cache(maxsize=8)  # an agent's module is asked about again and again
def _nodes(source: str) -> Mapping[str, ast.stmt]:
    return {name: node for node in parse(source).body if (name := _name(node))}


def _name(node: ast.stmt) -> str:
    """What a statement defines; "" if nothing that can be changed by its name."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else ""


def _span(node: ast.stmt) -> tuple[int, int]:
    """First and last line, from 1, decorators included."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)]), node.end_lineno or node.lineno


def _lines(source: str, node: ast.stmt) -> str:
    first, last = _span(node)
    return "\n".join(source.split("\n")[first - 1 : last])


def _replaced(source: str, node: ast.stmt, new: str) -> str:
    first, last = _span(node)
    lines = source.split("\n")
    shared = [
        n for n in parse(source).body if n is not node and _overlap(_span(n), (first, last)) and not _same(n, node)
    ]
    if shared:
        raise BadChange("shares a line with another statement; change the lines apart")
    rest = lines[last - 1].encode()[node.end_col_offset :].decode() if _simple(node) else ""
    return "\n".join([*lines[: first - 1], *([new + rest] if new else []), *lines[last:]])


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] <= b[1] and b[0] <= a[1]


def _same(a: ast.stmt, b: ast.stmt) -> bool:
    return (a.lineno, a.col_offset) == (b.lineno, b.col_offset)


def _simple(node: ast.stmt) -> bool:
    """Whether what follows on its last line, a comment, is not part of it."""
    return isinstance(node, ast.Assign | ast.AnnAssign)
