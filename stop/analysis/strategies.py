"""Which search strategies a scaffold's source has, each with the line that shows it. Static: nothing is executed.

A label says that the code has this form, not that it works or is ever reached. Only functions that can be reached from
`improve_algorithm` are read, by the names that they call; what flows through closures, attributes and containers of
containers is not followed, so a strategy can be missed. Comments, docstrings and prompts show nothing.

| label | the form |
|---|---|
| best-of-n | of several programs the one with the highest score is taken |
| iterate | in a loop, what is asked depends on earlier answers of the loop |
| hill-climbing | such a loop replaces the program it asks about only by one that scores higher |
| beam | such a loop keeps the k best programs and asks about them; no two are crossed |
| genetic | two programs drawn from several are asked about together, or a function named crossover is used |
| annealing | a random number is compared with an exponential |
| self-consistency | the most frequent answer is taken |
| temperature-ladder | prompts of different temperatures |
| bandit | an upper confidence bound, a Beta posterior, or a random choice with a small probability, else the best |
| restart | a loop begins again from the initial solution, or a whole improver runs several times on the same program |
| error-feedback | `utility.report`: what went wrong on which instance |

The names are those of STOP, arXiv:2310.02304, section 5 and its figure of strategies, and of their usual textbooks.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from stop.analysis.recorded import Recorded, ancestry, row
from stop.scaffold import ENTRY, PARAMETERS
from stop.syntax import parse

INITIAL, UTILITY, _ = PARAMETERS
PROMPTS = {"prompt": 3, "batch_prompt": 2}  # and where the temperature stands among their arguments
RANDOM = ("random", "uniform")
_NEW_LINE = re.compile("\r\n|\r|\n")  # what the parser counts; str.splitlines knows more
Function = ast.FunctionDef | ast.AsyncFunctionDef
Loop = ast.For | ast.While
COMPREHENSIONS = (ast.ListComp, ast.GeneratorExp, ast.SetComp)


@dataclass(frozen=True)
class Label:
    """One strategy and where it shows. line: from 1; evidence: that line of the source, a stranger's text."""

    strategy: str
    line: int
    evidence: str


def labels(source: str) -> list[Label]:
    """Each strategy once, where it shows first, in order of lines. [] for a text that does not parse."""
    try:
        program = _Program(parse(source))
    except SyntaxError:
        return []
    first: dict[str, int] = {}
    for find in FINDERS:
        for strategy, line in find(program):
            first[strategy] = min(line, first.get(strategy, line))
    if "genetic" in first:
        first.pop("beam", None)
    lines = _NEW_LINE.split(source)
    found = [Label(strategy, line, lines[line - 1].strip()) for strategy, line in first.items()]
    return sorted(found, key=lambda label: (label.line, label.strategy))


@dataclass(frozen=True)
class Generation:
    """One version of an ancestry. strategies: in the order of the alphabet; changed: whether its parent's differ."""

    version: int
    strategies: tuple[str, ...]
    changed: bool


def along(run: Recorded, version: int) -> list[Generation]:
    """The strategies from the seed down to a version, both included: which self-modifications changed the search.

    Of two texts with the same labels at most constants, words or the inside of a strategy differ, as far as labels can
    tell. Raises LookupError for a version that is not there.
    """
    found: list[Generation] = []
    for one in ancestry(run, version):
        has = tuple(sorted(label.strategy for label in labels(run.source(str(row(run, one).sha)))))
        found.append(Generation(one, has, bool(found) and has != found[-1].strategies))
    return found


# -- what is read of a program ---------------------------------------------------------------------------------------
class _Program:
    """The functions that can be reached from the entry, and which of them ask the model or score a program."""

    def __init__(self, tree: ast.Module) -> None:
        self.defined = {n.name: n for n in ast.walk(tree) if isinstance(n, Function)}
        self.reached: list[Function] = []
        waiting = [ENTRY]
        while waiting:
            node = self.defined.get(waiting.pop())
            if node is not None and node not in self.reached:
                self.reached.append(node)
                waiting += [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
        self.asking = self._closed(lambda n: _method(n) in PROMPTS)
        self.scoring = self._closed(lambda n: isinstance(n, ast.Name) and n.id == UTILITY)

    def _closed(self, has: Callable[[ast.AST], bool]) -> set[str]:
        """The functions that have such a node, or call one that has."""
        found = {f.name for f in self.reached if any(map(has, ast.walk(f)))}
        while True:
            more = {f.name for f in self.reached if any(_called(n) in found for n in ast.walk(f))}
            if more <= found:
                return found
            found |= more

    def nodes(self) -> Iterator[ast.AST]:
        for function in self.reached:
            yield from ast.walk(function)

    def asks(self, node: ast.AST) -> bool:
        """Whether this very node is a call that asks the model."""
        return _method(node) in PROMPTS or _called(node) in self.asking

    def loops(self) -> Iterator[_Asking]:
        for node in self.nodes():
            if isinstance(node, Loop):
                calls = [n for n in _inside(node.body) if self.asks(n)]
                if calls:
                    yield _Asking(node, calls, self)


class _Asking:
    """A loop that asks the model: what its questions depend on, and what depends on its answers."""

    def __init__(self, loop: Loop, calls: Sequence[ast.AST], program: _Program) -> None:
        self.loop = loop
        flows = list(_flows(_inside([loop])))
        self.asked_about = _names(call for call in calls)
        self.answers = {t for t, value in flows if value is not None and any(map(program.asks, ast.walk(value)))}
        while True:
            before = len(self.asked_about), len(self.answers)
            for target, value in flows:
                sources = _names([value]) if value is not None else set()
                if target in self.asked_about:
                    self.asked_about |= sources
                if sources & self.answers:
                    self.answers.add(target)
            if before == (len(self.asked_about), len(self.answers)):
                break

    @property
    def iterates(self) -> bool:
        return bool(self.asked_about & self.answers)


def _inside(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    for node in body:
        yield from ast.walk(node)


def _flows(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr | None]]:
    """(name, expression that goes into it), for assignments, loop targets, and methods that add to a container."""
    for node in nodes:
        if isinstance(node, ast.Assign):
            yield from ((t, node.value) for target in node.targets for t in _bound(target))
        elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
            yield from ((t, node.value) for t in _bound(node.target))
        elif isinstance(node, ast.For | ast.comprehension):
            yield from ((t, node.iter) for t in _bound(node.target))
        elif _method(node) in ("append", "extend", "add", "insert", "update", "push"):
            call = node
            assert isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
            if isinstance(call.func.value, ast.Name):
                yield from ((call.func.value.id, argument) for argument in call.args)


def _bound(target: ast.AST) -> set[str]:
    """The names that an assignment to this target changes; of `a[i]` and `a.b` that is a."""
    if isinstance(target, ast.Subscript | ast.Attribute):
        return _bound(target.value)
    if isinstance(target, ast.Name):
        return {target.id}
    return {name for child in ast.iter_child_nodes(target) for name in _bound(child)}


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that are read in expressions; how long something is says nothing of what is in it."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if _called(node) == "len":
            continue
        if isinstance(node, ast.Name):
            found.add(node.id)
        waiting += ast.iter_child_nodes(node)
    return found


def _called(node: ast.AST) -> str:
    """The name of a called function; of a method only its own name; empty for what is no call."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.id if isinstance(node.func, ast.Name) else _method(node)


def _method(node: ast.AST) -> str:
    found = node.func if isinstance(node, ast.Call) else None
    return found.attr if isinstance(found, ast.Attribute) else ""


def _has(node: ast.AST, *names: str) -> bool:
    """Whether a function or method of one of these names is called inside."""
    return any(_called(n) in names for n in ast.walk(node))


# -- the forms -------------------------------------------------------------------------------------------------------
def _best_of_n(program: _Program) -> Iterator[tuple[str, int]]:
    if not program.asking:
        return
    iterating = {id(n) for loop in program.loops() if loop.iterates for n in ast.walk(loop.loop)}
    for node in program.nodes():
        ranked = _called(node) in ("max", "sorted", "nlargest") and _by_score(node)
        at_best = (
            _called(node) == "index" and isinstance(node, ast.Call) and any(_called(a) == "max" for a in node.args)
        )
        if ranked or at_best:
            yield "best-of-n", _line(node)
        if isinstance(node, ast.For) and id(node) not in iterating and not any(map(program.asks, _inside(node.body))):
            yield from (("best-of-n", _line(n)) for n in _inside(node.body) if _keeps_higher(n))


def _by_score(call: ast.AST) -> bool:
    """Whether it has a key that may be a score; the longest text is not the best program."""
    keys = [k.value for k in getattr(call, "keywords", ()) if k.arg == "key"]
    return (
        bool(keys) and not (isinstance(keys[0], ast.Name) and keys[0].id == "len") and not _has(keys[0], "len", "count")
    )


def _keeps_higher(node: ast.AST) -> bool:
    """`if score > best_score: best, best_score = ...`, without chance."""
    if not isinstance(node, ast.If) or _has(node.test, *RANDOM):
        return False
    orders = ast.Gt | ast.GtE | ast.Lt | ast.LtE
    compares = [n for n in ast.walk(node.test) if isinstance(n, ast.Compare) and isinstance(n.ops[0], orders)]
    return bool({t for t, _ in _flows(_inside(node.body))} & _names(compares))


def _iterate(program: _Program) -> Iterator[tuple[str, int]]:
    for loop in program.loops():
        if not loop.iterates:
            continue
        yield "iterate", _line(loop.loop)
        for node in _inside(loop.loop.body):
            if isinstance(node, ast.If) and _keeps_higher(node):
                if {t for t, _ in _flows(_inside(node.body))} & loop.asked_about & loop.answers:
                    yield "hill-climbing", _line(node)
            elif isinstance(node, ast.Assign) and _called(node.value) == "max":
                again = _names([node.value]) & {t for target in node.targets for t in _bound(target)}
                if again & loop.asked_about:
                    yield "hill-climbing", _line(node)


def _population(program: _Program) -> Iterator[tuple[str, int]]:
    for loop in program.loops():
        if not loop.iterates:
            continue
        inside = list(_inside(loop.loop.body))
        ordered = {n for c in inside if _method(c) == "sort" for n in _names([c])}
        for node in inside:
            if not isinstance(node, ast.Assign):
                continue
            to = {t for target in node.targets for t in _bound(target)}
            if to & loop.asked_about and any(_truncates(n, ordered) for n in ast.walk(node.value)):
                yield "beam", _line(node)
            drawn = [n for n in ast.walk(node.value) if _called(n) in ("sample", "choices", "choice")]
            if len(to) > 1 and drawn and to <= loop.asked_about:
                yield "genetic", _line(node)
        yield from (("genetic", _line(n)) for n in inside if "crossover" in _called(n).lower())


def _truncates(node: ast.AST, ordered: set[str]) -> bool:
    """The k best of something that is ordered, k not 1."""
    if _called(node) == "nlargest" and isinstance(node, ast.Call) and node.args:
        return not _is_one(node.args[0])
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Slice) or node.slice.lower:
        return False
    by_order = _has(node.value, "sorted") or bool(_names([node.value]) & ordered)
    return by_order and node.slice.upper is not None and not _is_one(node.slice.upper)


def _is_one(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1


def _annealing(program: _Program) -> Iterator[tuple[str, int]]:
    exponential = {t for t, value in _flows(program.nodes()) if value is not None and _has(value, "exp")}
    for node in program.nodes():
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            chance = any(_has(side, *RANDOM) for side in sides)
            if chance and any(_has(side, "exp") or _names([side]) & exponential for side in sides):
                yield "annealing", _line(node)


def _self_consistency(program: _Program) -> Iterator[tuple[str, int]]:
    for node in program.nodes():
        counted = _called(node) in ("most_common", "mode", "multimode")
        keys = [k.value for k in getattr(node, "keywords", ()) if k.arg == "key"]
        voted = _called(node) == "max" and any(isinstance(k, ast.Attribute) and k.attr == "count" for k in keys)
        if program.asking and (counted or voted or (_called(node) == "max" and any(_has(k, "count") for k in keys))):
            yield "self-consistency", _line(node)


def _temperature_ladder(program: _Program) -> Iterator[tuple[str, int]]:
    constants: dict[object, int] = {}
    for function in program.reached:
        for node in ast.walk(function):
            if _method(node) in PROMPTS:
                for value in _temperatures(node, function, program):
                    if isinstance(value, ast.Constant):
                        constants.setdefault(value.value, _line(value))
                    elif _varies(value, program):
                        yield "temperature-ladder", _line(value)
    if len(constants) > 1:
        yield "temperature-ladder", sorted(constants.values())[1]


def _temperatures(call: ast.AST, function: Function, program: _Program) -> list[ast.expr]:
    """The temperature of a prompt; where it is a parameter of the function around it, what callers give for it."""
    assert isinstance(call, ast.Call)
    place = PROMPTS[_method(call)]
    found = [k.value for k in call.keywords if k.arg == "temperature"] or call.args[place : place + 1]
    parameters = [a.arg for a in function.args.args]
    if not found or not isinstance(found[0], ast.Name) or found[0].id not in parameters:
        return found
    name = found[0].id
    given = [n for n in program.nodes() if _called(n) == function.name and isinstance(n, ast.Call)]
    at = parameters.index(name)
    return [v for n in given for v in [k.value for k in n.keywords if k.arg == name] + n.args[at : at + 1]]


def _varies(value: ast.expr, program: _Program) -> bool:
    """Whether it is made of the target of a loop, or of what a loop changes."""
    changed: set[str] = set()
    for node in program.nodes():
        if isinstance(node, Loop):
            changed |= {t for t, _ in _flows(_inside([node]))}
        elif isinstance(node, ast.comprehension):
            changed |= _bound(node.target)
    return bool(_names([value]) & changed)


def _bandit(program: _Program) -> Iterator[tuple[str, int]]:
    for node in program.nodes():
        bound = _called(node) == "sqrt" and _has(node, "log")
        posterior = _called(node) in ("betavariate", "beta")
        greedy = isinstance(node, ast.If | ast.IfExp) and _has(node.test, *RANDOM) and not _has(node.test, "exp")
        if greedy:
            assert isinstance(node, ast.If | ast.IfExp)
            body, other = ([b] if isinstance(b, ast.expr) else b for b in (node.body, node.orelse))
            greedy = any(_has(b, "choice", "randrange", "randint") for b in body) and any(_has(b, "max") for b in other)
        if bound or posterior or greedy:
            yield "bandit", _line(node)


def _restart(program: _Program) -> Iterator[tuple[str, int]]:
    improvers = program.asking & program.scoring - {ENTRY}
    for loop in program.loops():
        for node in _inside(loop.loop.body):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id == INITIAL:
                if {t for target in node.targets for t in _bound(target)} & loop.asked_about:
                    yield "restart", _line(node)
            elif _called(node) in improvers and not loop.iterates:
                yield "restart", _line(node)
    for node in program.nodes():
        if isinstance(node, COMPREHENSIONS) and any(_called(n) in improvers for n in ast.walk(node.elt)):
            yield "restart", _line(node)


def _error_feedback(program: _Program) -> Iterator[tuple[str, int]]:
    for node in program.nodes():
        of = node.func if isinstance(node, ast.Call) else None
        if isinstance(of, ast.Attribute) and of.attr == "report" and UTILITY in _names([of.value]):
            yield "error-feedback", _line(node)


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 1))


FINDERS: tuple[Callable[[_Program], Iterator[tuple[str, int]]], ...] = (
    _best_of_n, _iterate, _population, _annealing, _self_consistency, _temperature_ladder, _bandit, _restart,
    _error_feedback,
)  # fmt: skip
