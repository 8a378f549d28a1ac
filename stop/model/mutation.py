"""The mutation model: no language model at all, but the control that every claim of improvement must beat.

Owns: reading the fenced Python of a message, and random changes of it. Does not own: what the programs are for; nothing
here knows a task or a scaffold.

A reply is a pure function of the message and the draw. The first fenced block that parses is the program, later ones
are donors. Two replies in three make one change, the third makes two, each by an operator drawn from `OPERATORS`, all
equally likely; one that does not apply gives way to another one, equally likely among the rest.

| operator | what it does |
|---|---|
| constant | a number times 2, times 10, halved, plus 1 or minus 1 |
| operator | another arithmetic, comparison or boolean operator |
| move | a statement to another place of its function |
| duplicate | a statement, once more in the same block |
| delete | a statement |
| early_exit | a return, break or continue, under a condition found in the function, or under none |
| add_first_argument | the function's first argument competes in a max or min |
| iterate | a function runs k times, each time on its own result; k is 2, 3 or 4 |
| keep_best | such a loop goes on from the best result so far, by an available score; without a loop it makes one |
| restart | a function runs k times on the same arguments, and the best result is returned |
| recombine | a function is replaced by a donor's, or gets the body of a donor's with the same parameters |

A score is available where the program itself has one: a parameter used as `key=` or called with one argument, or a
function of the module that is called with the variable to be returned. Text outside the change stays as it was,
comments included: changes are made on spans of the source, not on the whole tree.
"""

from __future__ import annotations

import ast
import hashlib
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from stop import syntax
from stop.model import Reply, Request

MAX_MESSAGE_CHARS = 200_000
MAX_BLOCKS = 12
CHANGES_PER_REPLY = (1, 1, 2)
ROUNDS = (2, 3, 4)
_TRIES = 3
_MOST_BLOCKS_TRIED = 60
_SIGNS = (ast.expr_context, ast.operator, ast.boolop, ast.cmpop, ast.unaryop)  # one object for many places
_LARGEST = 10**9


@dataclass(frozen=True)
class Edit:
    """Characters start to end of the source become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Change:
    """What an operator did, in words for the reply, and as edits that do not overlap."""

    words: str
    edits: list[Edit]


@dataclass(frozen=True)
class Score:
    """A score that a program offers. call: its text, with {} for what is scored; key: its text as `key=`."""

    call: str
    key: str
    better: str  # "max" or "min"


@dataclass(frozen=True)
class Block:
    """Statements of one suite that stand on lines of their own."""

    function: ast.FunctionDef
    statements: list[ast.stmt]
    in_loop: bool
    sole: bool  # the suite would be empty without its only statement


class MutationModel:
    """Random changes of the program in the message. Free, deterministic in (message, draw)."""

    id = "mutation"
    free = True

    def reply(self, request: Request) -> Reply:
        """The changed program in a fence, after a sentence that names the changes."""
        message = request.message[:MAX_MESSAGE_CHARS]
        programs = _programs(message)
        if not programs:
            return Reply("I found no Python program that I could read, so I have nothing to change.")
        words, text = mutate(programs[0], programs[1:], _rng(request.draw, message))
        return Reply(f"{words}\n\n```python\n{text.rstrip()}\n```")


def mutate(source: str, donors: list[str], rng: random.Random) -> tuple[str, str]:
    """(a sentence, the source after one or two changes); all sources parse, and so does the result."""
    done = []
    for _ in range(rng.choice(CHANGES_PER_REPLY)):
        words, source = _change(source, donors, rng)
        done.append(words)
    return "; ".join(done).capitalize() + ".", source


def _change(source: str, donors: list[str], rng: random.Random) -> tuple[str, str]:
    program = _program(source)
    for name in rng.sample(list(OPERATORS), len(OPERATORS)):
        for _ in range(_TRIES):
            change = OPERATORS[name](program, donors, rng)
            text = program.edited(change.edits) if change else source
            if change and text != program.source and _parses(text):
                return f"{name}: {change.words}", text
            if not change:
                break
    return "nothing to change", source


def _rng(draw: str, message: str) -> random.Random:
    text = f"{draw}\0{message}".encode("utf-8", "surrogatepass")
    return random.Random(hashlib.sha256(text).digest())


# --- reading ---------------------------------------------------------------------------------------------------------


def _programs(message: str) -> list[str]:
    """The fenced blocks that parse, in order. A block ends at the first closing fence that leaves a program."""
    lines = message.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    fences = [i for i, line in enumerate(lines) if line.lstrip().startswith("```")][: 4 * MAX_BLOCKS]
    found: list[str] = []
    after, tries = -1, 0
    for start, end in ((i, j) for i in fences for j in fences if j > i and lines[j].strip() == "```"):
        if start > after and len(found) < MAX_BLOCKS:
            text = "\n".join(lines[start + 1 : end]) + "\n"
            tries += 1
            if _parses(text) and _program(text).tree.body:
                found.append(text)
                after = end
            if tries == _MOST_BLOCKS_TRIED:
                break
    return found


@lru_cache(maxsize=32)
def _program(source: str) -> Program:
    return Program(source, syntax.parse(source))


def _parses(source: str) -> bool:
    try:
        _program(source)
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
            parameters = set(_parameters(function))
            for call in (node for node in self.within(function) if isinstance(node, ast.Call)):
                keys = {k.value.id for k in call.keywords if k.arg == "key" and isinstance(k.value, ast.Name)}
                for name in parameters & keys:
                    better[name] = "min" if _called(call) == "min" else "max"
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
        return self.starts[_first_line(node) - 1], self.starts[node.end_lineno or node.lineno]

    def indent(self, node: ast.stmt) -> str:
        line = self.lines[_first_line(node) - 1]
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
                if function is not None and field != "handlers" and self._on_own_lines(suite):
                    plain = [statement for statement in suite if not _is_docstring(statement)]
                    found.append(Block(function, plain, inside, sole=len(suite) == 1))
        return [block for block in found if block.statements]

    def _on_own_lines(self, suite: list[ast.stmt]) -> bool:
        for statement in suite:
            first, last = self.whole_lines(statement)
            start, end = self.span(statement)
            before, after = self.source[first:start].strip(), self.source[end:last].strip()
            elif_ = isinstance(statement, ast.If) and self.source.startswith("elif", start)
            if elif_ or (before and not before.startswith("@")) or (after and not after.startswith("#")):
                return False
        return bool(suite)


def _first_line(statement: ast.stmt) -> int:
    return min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _first_argument(function: ast.FunctionDef) -> str | None:
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args) if a.arg not in ("self", "cls")]
    return names[0] if names else None


def _parameters(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    return [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


# --- small changes ---------------------------------------------------------------------------------------------------


def constant(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """A number times 2, times 10, halved, plus 1 or minus 1."""
    numbers = [node for node in program.nodes if isinstance(node, ast.Constant) and type(node.value) in (int, float)]
    numbers = [node for node in numbers if abs(node.value) < _LARGEST]  # type: ignore[arg-type]
    if not numbers:
        return None
    node = rng.choice(numbers)
    value: float = node.value  # type: ignore[assignment]
    half = value // 2 if isinstance(value, int) else value / 2
    other = rng.choice([v for v in (value * 2, value * 10, half, value + 1, value - 1) if v != value])
    return Change(f"{value} became {other}", [Edit(*program.span(node), repr(other))])


_ARITHMETIC = ["+", "-", "*", "/", "//", "%", "**"]
_ORDER = ["<", "<=", ">", ">=", "==", "!="]
_OTHERS = {
    **{sign: [s for s in _ARITHMETIC if s not in (sign, "**")] for sign in _ARITHMETIC},
    **{sign: [s for s in _ORDER if s != sign] for sign in _ORDER},
    **{f"{sign}=": [f"{s}=" for s in ("+", "-", "*") if s != sign] for sign in _ARITHMETIC},
    "and": ["or"], "or": ["and"], "is": ["is not"], "is not": ["is"], "in": ["not in"], "not in": ["in"],
}  # fmt: skip
_SIGN = re.compile(r"\*\*=?|//=?|[<>=!]=|[-+*/%]=?|[<>]|\bis\s+not\b|\bnot\s+in\b|\b(?:and|or|is|in)\b")


def operator(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """Another arithmetic, comparison or boolean operator between the same operands."""
    gaps = [gap for node in program.nodes for gap in _gaps(program, node)]
    signs = [(start, sign) for start, end in gaps if (sign := _SIGN.search(program.source[start:end]))]
    signs = [(start, sign) for start, sign in signs if " ".join(sign[0].split()) in _OTHERS]
    if not signs:
        return None
    start, sign = rng.choice(signs)
    other = rng.choice(_OTHERS[" ".join(sign[0].split())])
    return Change(f"{sign[0]} became {other}", [Edit(start + sign.start(), start + sign.end(), other)])


def _gaps(program: Program, node: ast.AST) -> Iterator[tuple[int, int]]:
    """Where an operator stands: between the end of one operand and the start of the next, on one line."""
    operands: list[ast.expr] = []
    if isinstance(node, ast.BinOp):
        operands = [node.left, node.right]
    elif isinstance(node, ast.AugAssign):
        operands = [node.target, node.value]
    elif isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
    elif isinstance(node, ast.BoolOp):
        operands = node.values
    for left, right in zip(operands, operands[1:], strict=False):
        if left.end_lineno == right.lineno:
            yield program.span(left)[1], program.span(right)[0]


def move(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """A statement to another place of its function."""
    if not program.blocks:
        return None
    block = rng.choice(program.blocks)
    statement = rng.choice(block.statements)
    start, end = program.whole_lines(statement)
    movable = _movable(program, statement)
    inner = {id(node) for node in program.within(statement)}
    targets = [
        (b, i)
        for b in program.blocks
        if b.function is block.function and id(b.statements[0]) not in inner
        if b is block or movable
        for i in range(len(b.statements) + 1)
        if b is not block or _insertion(program, b, i) not in (start, end)
    ]
    if not targets:
        return None
    target, place = rng.choice(targets)
    text = _indented(program.source[start:end], program.indent(statement), program.indent(target.statements[0]))
    left = f"{program.indent(statement)}pass\n" if block.sole else ""
    at = _insertion(program, target, place)
    return Change(f"line {statement.lineno}", [Edit(start, end, left), Edit(at, at, text)])


def _movable(program: Program, statement: ast.stmt) -> bool:
    """May leave its block: not bound to a loop, and no text of several lines that indentation would change."""
    for node in program.within(statement):
        if isinstance(node, (ast.Break, ast.Continue)):
            return False
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and node.lineno != node.end_lineno:
            return False
    return True


def _insertion(program: Program, block: Block, place: int) -> int:
    if place < len(block.statements):
        return program.whole_lines(block.statements[place])[0]
    return program.whole_lines(block.statements[-1])[1]


def _indented(text: str, old: str, new: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(new + line[len(old) :] if line.startswith(old) and line.strip() else line for line in lines)


def duplicate(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """A statement, once more in the same block."""
    if not program.blocks:
        return None
    block = rng.choice(program.blocks)
    statement = rng.choice(block.statements)
    start, end = program.whole_lines(statement)
    at = _insertion(program, block, rng.randrange(len(block.statements) + 1))
    return Change(f"line {statement.lineno}", [Edit(at, at, program.source[start:end])])


def delete(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """A statement; `pass` stands in for the only one of a suite."""
    choices = [(b, s) for b in program.blocks for s in b.statements if not (b.sole and isinstance(s, ast.Pass))]
    if not choices:
        return None
    block, statement = rng.choice(choices)
    left = f"{program.indent(statement)}pass\n" if block.sole else ""
    return Change(f"line {statement.lineno}", [Edit(*program.whole_lines(statement), left)])


def early_exit(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """A return, break or continue, under a condition found in the function, or under none."""
    if not program.blocks:
        return None
    block = rng.choice(program.blocks)
    nodes = program.within(block.function)
    kind = rng.choice(["return", "break", "continue"] if block.in_loop else ["return"])
    if kind == "return":
        values = [program.text(n.value) for n in nodes if isinstance(n, ast.Return) and n.value and _short(n.value)]
        values += [name] if (name := _first_argument(block.function)) else []
        kind = f"return {rng.choice(values)}" if values else kind
    tests = [program.text(n) for n in nodes if isinstance(n, ast.Compare) and _short(n)]
    tests += [f"not {name}" for name in _parameters(block.function)]
    place = rng.randrange(len(block.statements) + 1)
    indent = program.indent(block.statements[0])
    test = rng.choice(tests) if tests and rng.random() < 0.75 else ""
    text = f"{indent}if {test}:\n{indent}    {kind}\n" if test else f"{indent}{kind}\n"
    at = _insertion(program, block, place)
    return Change(kind + (f" if {test}" if test else ""), [Edit(at, at, text)])


def _short(node: ast.expr) -> bool:
    return node.lineno == node.end_lineno


def add_first_argument(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """The function's first argument competes in a max or min: `max(xs, key=f)` to `max([first] + list(xs), key=f)`."""
    choices = [
        (first, node.args[0])
        for function in (n for n in program.nodes if isinstance(n, ast.FunctionDef))
        if (first := _first_argument(function))
        for node in program.within(function)
        if isinstance(node, ast.Call) and _called(node) in ("max", "min") and len(node.args) == 1
        if not isinstance(node.args[0], ast.Starred) and not program.text(node.args[0]).startswith(f"[{first}] +")
    ]
    if not choices:
        return None
    first, values = rng.choice(choices)
    text = program.text(values)
    # a generator that is the only argument has the parentheses of the call as its own
    added = f"([{first}] + list{text})" if isinstance(values, ast.GeneratorExp) else f"[{first}] + list({text})"
    return Change(f"{first} competes", [Edit(*program.span(values), added)])


def _called(call: ast.Call) -> str:
    """The name that is called, or of the method that is."""
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


# --- functions around functions --------------------------------------------------------------------------------------


def iterate(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """A function runs k times, each time on its own result."""
    functions = [f for f in program.functions if _wrappable(program, f) and _first_argument(f)]
    if not functions:
        return None
    function, k = rng.choice(functions), rng.choice(ROUNDS)
    first, once = str(_first_argument(function)), program.fresh(f"{function.name}_once")
    body = [f"for _ in range({k}):", f"    {first} = {once}({_passed(function)})", f"return {first}"]
    return Change(f"{function.name} {k} times on its own result", _wrapped(program, function, once, body))


def keep_best(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """A loop `x = f(x, ...)` goes on from the best x so far; without such a loop, `iterate` with one."""
    loops = [
        (loop, statement, score)
        for function in program.functions
        for loop in program.within(function)
        if isinstance(loop, ast.For) and (statement := _feedback(program, loop))
        for score in _scores(program, function)
    ]
    if loops:
        return _keep_best_in_loop(program, *rng.choice(loops))
    choices = [(f, score) for f in program.functions if _wrappable(program, f) for score in _scores(program, f)]
    choices = [(f, score) for f, score in choices if _first_argument(f)]
    if not choices:
        return None
    function, score = rng.choice(choices)
    k, once = rng.choice(ROUNDS), program.fresh(f"{function.name}_once")
    first, best = str(_first_argument(function)), program.fresh("best_score")
    body = [
        f"{best} = {score.call.format(first)}",
        f"for _ in range({k}):",
        *("    " + line for line in _best_so_far(program, first, f"{once}({_passed(function)})", score, best)),
        f"return {first}",
    ]
    words = f"{function.name} {k} times on the best result so far"
    return Change(words, _wrapped(program, function, once, body))


def _best_so_far(program: Program, name: str, result: str, score: Score, best: str) -> list[str]:
    """Lines that replace `name = result`, so that `name` only ever changes for the better."""
    found, its_score = program.fresh("found"), program.fresh("found_score")
    sign = ">" if score.better == "max" else "<"
    return [
        f"{found} = {result}",
        f"{its_score} = {score.call.format(found)}",
        f"if {its_score} {sign} {best}:",
        f"    {name}, {best} = {found}, {its_score}",
    ]


def _feedback(program: Program, loop: ast.For) -> ast.Assign | None:
    """The statement `x = f(x, ...)` that is all of the loop, if it stands on lines of its own."""
    if len(loop.body) != 1 or loop.orelse or not program._on_own_lines([loop]) or not program._on_own_lines(loop.body):
        return None
    only = loop.body[0]
    if not isinstance(only, ast.Assign) or not isinstance(only.value, ast.Call) or len(only.targets) != 1:
        return None
    target, values = only.targets[0], only.value.args
    fed = isinstance(target, ast.Name) and any(isinstance(v, ast.Name) and v.id == target.id for v in values)
    return only if fed else None


def _keep_best_in_loop(program: Program, loop: ast.For, statement: ast.Assign, score: Score) -> Change:
    name, best = program.text(statement.targets[0]), program.fresh("best_score")
    outer, inner = program.indent(loop), program.indent(statement)
    start = program.whole_lines(loop)[0]
    lines = _best_so_far(program, name, program.text(statement.value), score, best)
    before = Edit(start, start, f"{outer}{best} = {score.call.format(name)}\n")
    return Change(
        f"the loop in line {loop.lineno} goes on from the best so far",
        [before, Edit(*program.whole_lines(statement), "".join(f"{inner}{line}\n" for line in lines))],
    )


def restart(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """A function runs k times on the same arguments, and the best result by an available score is returned."""
    choices = [
        (f, score)
        for f in program.functions
        if _wrappable(program, f)
        for score in (*_scores(program, f), *_scores_of_result(program, f, rng.choice(["max", "min"])))
    ]
    if not choices:
        return None
    function, score = rng.choice(choices)
    k, once = rng.choice(ROUNDS), program.fresh(f"{function.name}_once")
    results = program.fresh("results")
    body = [
        f"{results} = [{once}({_passed(function)}) for _ in range({k})]",
        f"return {score.better}({results}, key={score.key})",
    ]
    return Change(f"{function.name} {k} times, the best by {score.key}", _wrapped(program, function, once, body))


def _wrappable(program: Program, function: ast.FunctionDef) -> bool:
    """Gives a value, is no generator, and has no decorator that the new function would lack."""
    nodes = program.within(function)
    gives = any(isinstance(node, ast.Return) and node.value for node in nodes)
    return gives and not function.decorator_list and not any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in nodes)


def _passed(function: ast.FunctionDef) -> str:
    """The arguments with which a wrapper of the same signature calls the function."""
    a = function.args
    parts = [p.arg for p in (*a.posonlyargs, *a.args)]
    parts += [f"*{a.vararg.arg}"] if a.vararg else []
    parts += [f"{p.arg}={p.arg}" for p in a.kwonlyargs]
    return ", ".join(parts + ([f"**{a.kwarg.arg}"] if a.kwarg else []))


def _wrapped(program: Program, function: ast.FunctionDef, once: str, body: list[str]) -> list[Edit]:
    """Edits that rename the function (its calls of itself too) and add one of the old name and signature below it."""
    start = program.span(function)[0]
    name = re.compile(r"def\s+(\w+)").match(program.source, start)
    edits = [Edit(name.start(1), name.end(1), once)] if name else []
    edits += [
        Edit(*program.span(node), once)
        for node in program.within(function)
        if isinstance(node, ast.Name) and node.id == function.name
    ]
    gives = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    header = f"def {function.name}({ast.unparse(function.args)}){gives}:"
    end = program.whole_lines(function)[1]
    text = "\n\n" + "\n".join([header, *("    " + line for line in body)]) + "\n"
    return [*edits, Edit(end, end, text)]


def _scores(program: Program, function: ast.FunctionDef) -> list[Score]:
    """Scores of one argument: parameters of the function that it, or another one, uses as `key=` or calls with one."""
    better = program.scoring
    names = [name for name in _parameters(function) if name in better and name != _first_argument(function)]
    return [Score(f"{name}({{}})", name, better[name]) for name in names]


def _scores_of_result(program: Program, function: ast.FunctionDef, better: str) -> list[Score]:
    """Scores by a function of the module that is called with the returned variable and otherwise with parameters."""
    parameters = set(_parameters(function))
    module = {f.name for f in program.functions}
    results = {
        node.id
        for given in program.within(function)
        if isinstance(given, ast.Return) and given.value
        for node in program.within(given.value)
        if isinstance(node, ast.Name) and node.id not in parameters
    }
    found = {}
    for call in (node for node in program.within(function) if isinstance(node, ast.Call) and _called(node) in module):
        names = [a.id for a in call.args if isinstance(a, ast.Name)]
        of_result = [name for name in names if name in results]
        others = [name in parameters for name in names if name not in of_result]
        if len(names) == len(call.args) and not call.keywords and len(of_result) == 1 and all(others):
            text = f"{_called(call)}({', '.join('{}' if n == of_result[0] else n for n in names)})"
            found[text] = Score(text, f"lambda {of_result[0]}: {text.format(of_result[0])}", better)
    return list(found.values())


def recombine(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """A function is replaced by the donor's of that name, or gets the body of a donor's with the same parameters."""
    choices = [
        (mine, donor, theirs)
        for donor in (_program(text) for text in donors)
        for theirs in donor.functions
        for mine in program.functions
        if mine.name == theirs.name or (_parameters(mine) and _parameters(mine) == _parameters(theirs))
        if program.text(mine) != donor.text(theirs) and not mine.decorator_list and not theirs.decorator_list
    ]
    if not choices:
        return None
    mine, donor, theirs = rng.choice(choices)
    text = donor.text(theirs)
    if mine.name != theirs.name:
        text = re.sub(r"^(def\s+)\w+", rf"\g<1>{mine.name}", text)
    return Change(f"{mine.name} from another program", [Edit(*program.span(mine), text)])


OPERATORS: dict[str, Callable[[Program, list[str], random.Random], Change | None]] = {
    "constant": constant,
    "operator": operator,
    "move": move,
    "duplicate": duplicate,
    "delete": delete,
    "early_exit": early_exit,
    "add_first_argument": add_first_argument,
    "iterate": iterate,
    "keep_best": keep_best,
    "restart": restart,
    "recombine": recombine,
}
