"""A program as text and tree together: where in the source each node is, and edits that leave all else as it was.

Owns: reading a source for changes by spans. Does not own: which changes are made (operators).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property, lru_cache

from stop import syntax

_SIGNS = (ast.expr_context, ast.operator, ast.boolop, ast.cmpop, ast.unaryop)  # one object for many places


@dataclass(frozen=True)
class Edit:
    """Characters start to end of the source become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Block:
    """Statements of one suite that stand on lines of their own."""

    function: ast.FunctionDef
    statements: list[ast.stmt]
    in_loop: bool
    sole: bool  # the suite would be empty without its only statement


@lru_cache(maxsize=32)
def program_of(source: str) -> Program:
    return Program(source, syntax.parse(source))


def parses(source: str) -> bool:
    try:
        program_of(source)
    except SyntaxError:
        return False
    return True


@dataclass(frozen=True)
class Program:
    """A source and its tree, and where in the one the nodes of the other are. Never changed: it is shared."""

    source: str
    tree: ast.Module

    @cached_property
    def lines(self) -> list[str]:
        return self.source.split("\n")

    @cached_property
    def starts(self) -> list[int]:
        """Where each line starts, and the end of the source once more."""
        starts = [0]
        for line in self.lines:
            starts.append(min(starts[-1] + len(line) + 1, len(self.source)))
        return starts

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes in order of the source, but none inside a formatted string: Python 3.11 misplaces those."""
        return self.within(self.tree)

    def within(self, node: ast.AST) -> list[ast.AST]:
        """The node and all below it, in order of the source."""
        nodes, places = self._in_order
        first, end = places[id(node)]
        return nodes[first:end]

    @cached_property
    def _in_order(self) -> tuple[list[ast.AST], dict[int, tuple[int, int]]]:
        """All nodes, each followed by those below it; and for each where it and they begin and end in the list."""
        nodes: list[ast.AST] = []
        places: dict[int, tuple[int, int]] = {}
        stack: list[tuple[ast.AST, int]] = [(self.tree, -1)]
        while stack:
            node, first = stack.pop()
            if first >= 0:
                places[id(node)] = (first, len(nodes))
                continue
            stack.append((node, len(nodes)))
            nodes.append(node)
            if not isinstance(node, ast.JoinedStr):
                children = [child for child in ast.iter_child_nodes(node) if not isinstance(child, _SIGNS)]
                stack.extend((child, -1) for child in reversed(children))
        return nodes, places

    @cached_property
    def functions(self) -> list[ast.FunctionDef]:
        """Plain functions of the module."""
        return [node for node in self.tree.body if isinstance(node, ast.FunctionDef)]

    @cached_property
    def scoring(self) -> dict[str, str]:
        """Names of parameters that score somewhere in the program, and whether "max" or "min" is better."""
        better: dict[str, str] = {}
        for function in self.functions:
            parameters = set(parameters_of(function))
            for call in (node for node in self.within(function) if isinstance(node, ast.Call)):
                keys = {k.value.id for k in call.keywords if k.arg == "key" and isinstance(k.value, ast.Name)}
                for name in parameters & keys:
                    better[name] = "min" if called(call) == "min" else "max"
                if isinstance(call.func, ast.Name) and len(call.args) == 1 and call.func.id in parameters:
                    better.setdefault(call.func.id, "max")
        return better

    @cached_property
    def names(self) -> set[str]:
        found = {node.id for node in self.nodes if isinstance(node, ast.Name)}
        found |= {node.arg for node in self.nodes if isinstance(node, ast.arg)}
        return found | {node.name for node in self.nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}

    def fresh(self, name: str) -> str:
        """`name`, or `name_2` and so on if the program already has it."""
        taken = self.names
        return next(n for n in (name, *(f"{name}_{i}" for i in range(2, len(taken) + 3))) if n not in taken)

    def at(self, line: int, column: int) -> int:
        """The character of a node's position: lines count from 1, columns in bytes of UTF-8."""
        text = self.lines[line - 1]
        return self.starts[line - 1] + (column if text.isascii() else len(text.encode()[:column].decode()))

    def span(self, node: ast.AST) -> tuple[int, int]:
        place = vars(node)
        return self.at(place["lineno"], place["col_offset"]), self.at(place["end_lineno"], place["end_col_offset"])

    def text(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.source[start:end]

    def whole_lines(self, node: ast.stmt) -> tuple[int, int]:
        """The span of a statement with its indentation, trailing comment and line break."""
        return self.starts[first_line(node) - 1], self.starts[node.end_lineno or node.lineno]

    def indent(self, node: ast.stmt) -> str:
        line = self.lines[first_line(node) - 1]
        return line[: len(line) - len(line.lstrip())]

    def edited(self, edits: list[Edit]) -> str:
        text = self.source
        for edit in sorted(edits, key=lambda e: (e.start, e.end), reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        return text

    @cached_property
    def blocks(self) -> list[Block]:
        """The suites inside functions in which statements can be changed by whole lines."""
        found: list[Block] = []
        stack: list[tuple[ast.AST, ast.FunctionDef | None, bool]] = [(self.tree, None, False)]
        while stack:
            node, function, in_loop = stack.pop()
            if isinstance(node, ast.FunctionDef):
                function, in_loop = node, False
            for field in ("body", "orelse", "finalbody", "handlers"):
                suite = getattr(node, field, None)
                if not isinstance(suite, list):
                    continue
                inside = in_loop or (isinstance(node, (ast.For, ast.While)) and field == "body")
                stack.extend((child, function, inside) for child in suite)
                if function is not None and field != "handlers" and self.on_own_lines(suite):
                    plain = [statement for statement in suite if not is_docstring(statement)]
                    found.append(Block(function, plain, inside, sole=len(suite) == 1))
        return [block for block in found if block.statements]

    def on_own_lines(self, suite: list[ast.stmt]) -> bool:
        for statement in suite:
            first, last = self.whole_lines(statement)
            start, end = self.span(statement)
            before, after = self.source[first:start].strip(), self.source[end:last].strip()
            elif_ = isinstance(statement, ast.If) and self.source.startswith("elif", start)
            if elif_ or (before and not before.startswith("@")) or (after and not after.startswith("#")):
                return False
        return bool(suite)


def first_line(statement: ast.stmt) -> int:
    return min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])


def is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def first_argument(function: ast.FunctionDef) -> str | None:
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args) if a.arg not in ("self", "cls")]
    return names[0] if names else None


def parameters_of(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    return [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def called(call: ast.Call) -> str:
    """The name that is called, or of the method that is."""
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
