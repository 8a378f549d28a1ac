"""The operators of the mutation model: generic changes of a syntax tree, made on spans of the source.

Owns: what each operator does and when it applies. Does not own: which one is drawn (mutation), reading programs
(program).
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stop.model.program import Block, Edit, Program, called, first_argument, parameters_of, program_of

ROUNDS = (2, 3, 4)
_LARGEST = 10**9


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
        values += [name] if (name := first_argument(block.function)) else []
        kind = f"return {rng.choice(values)}" if values else kind
    tests = [program.text(n) for n in nodes if isinstance(n, ast.Compare) and _short(n)]
    tests += [f"not {name}" for name in parameters_of(block.function)]
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
        if (first := first_argument(function))
        for node in program.within(function)
        if isinstance(node, ast.Call) and called(node) in ("max", "min") and len(node.args) == 1
        if not isinstance(node.args[0], ast.Starred) and not program.text(node.args[0]).startswith(f"[{first}] +")
    ]
    if not choices:
        return None
    first, values = rng.choice(choices)
    text = program.text(values)
    # a generator that is the only argument has the parentheses of the call as its own
    added = f"([{first}] + list{text})" if isinstance(values, ast.GeneratorExp) else f"[{first}] + list({text})"
    return Change(f"{first} competes", [Edit(*program.span(values), added)])


# --- functions around functions --------------------------------------------------------------------------------------


def iterate(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """A function runs k times, each time on its own result."""
    functions = [f for f in program.functions if _wrappable(program, f) and first_argument(f)]
    if not functions:
        return None
    function, k = rng.choice(functions), rng.choice(ROUNDS)
    first, once = str(first_argument(function)), program.fresh(f"{function.name}_once")
    body = [f"for _ in range({k}):", f"    {first} = {once}({_passed(function)})", f"return {first}"]
    return Change(f"{function.name} {k} times on its own result", _wrapped(program, function, once, body))


def keep_best(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """A loop `x = f(x, ...)` goes on from the best x so far; without such a loop, `iterate` with one."""
    return keep_best_in_loop(program, donors, rng) or _iterate_on_best(program, rng)


def keep_best_in_loop(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """The first half of `keep_best`: it makes no loop."""
    loops = [
        (loop, statement, score)
        for function in program.functions
        for loop in program.within(function)
        if isinstance(loop, ast.For) and (statement := _feedback(program, loop))
        for score in _scores(program, function)
    ]
    return _best_in_loop(program, *rng.choice(loops)) if loops else None


def _iterate_on_best(program: Program, rng: random.Random) -> Change | None:
    choices = [(f, score) for f in program.functions if _wrappable(program, f) for score in _scores(program, f)]
    choices = [(f, score) for f, score in choices if first_argument(f)]
    if not choices:
        return None
    function, score = rng.choice(choices)
    k, once = rng.choice(ROUNDS), program.fresh(f"{function.name}_once")
    first, best = str(first_argument(function)), program.fresh("best_score")
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
    if len(loop.body) != 1 or loop.orelse or not program.on_own_lines([loop]) or not program.on_own_lines(loop.body):
        return None
    only = loop.body[0]
    if not isinstance(only, ast.Assign) or not isinstance(only.value, ast.Call) or len(only.targets) != 1:
        return None
    target, values = only.targets[0], only.value.args
    fed = isinstance(target, ast.Name) and any(isinstance(v, ast.Name) and v.id == target.id for v in values)
    return only if fed else None


def _best_in_loop(program: Program, loop: ast.For, statement: ast.Assign, score: Score) -> Change:
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
    names = [name for name in parameters_of(function) if name in better and name != first_argument(function)]
    return [Score(f"{name}({{}})", name, better[name]) for name in names]


def _scores_of_result(program: Program, function: ast.FunctionDef, better: str) -> list[Score]:
    """Scores by a function of the module that is called with the returned variable and otherwise with parameters."""
    parameters = set(parameters_of(function))
    module = {f.name for f in program.functions}
    results = {
        node.id
        for given in program.within(function)
        if isinstance(given, ast.Return) and given.value
        for node in program.within(given.value)
        if isinstance(node, ast.Name) and node.id not in parameters
    }
    found = {}
    for call in (node for node in program.within(function) if isinstance(node, ast.Call) and called(node) in module):
        names = [a.id for a in call.args if isinstance(a, ast.Name)]
        of_result = [name for name in names if name in results]
        others = [name in parameters for name in names if name not in of_result]
        if len(names) == len(call.args) and not call.keywords and len(of_result) == 1 and all(others):
            text = f"{called(call)}({', '.join('{}' if n == of_result[0] else n for n in names)})"
            found[text] = Score(text, f"lambda {of_result[0]}: {text.format(of_result[0])}", better)
    return list(found.values())


def recombine(program: Program, donors: list[str], rng: random.Random) -> Change | None:
    """A function is replaced by the donor's of that name, or gets the body of a donor's with the same parameters."""
    choices = [
        (mine, donor, theirs)
        for donor in (program_of(text) for text in donors)
        for theirs in donor.functions
        for mine in program.functions
        if mine.name == theirs.name or (parameters_of(mine) and parameters_of(mine) == parameters_of(theirs))
        if program.text(mine) != donor.text(theirs) and not mine.decorator_list and not theirs.decorator_list
    ]
    if not choices:
        return None
    mine, donor, theirs = rng.choice(choices)
    text = donor.text(theirs)
    if mine.name != theirs.name:
        text = re.sub(r"^(def\s+)\w+", rf"\g<1>{mine.name}", text)
    return Change(f"{mine.name} from another program", [Edit(*program.span(mine), text)])


Operator = Callable[[Program, list[str], random.Random], Change | None]
OPERATORS: dict[str, Operator] = {
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
