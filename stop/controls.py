"""Controls: the same run without the thing under test, at an equal number of calls.

Owns: which arms there are, what of a step each replaces, where one has nothing to take away, texts that are proposed
without a model. Pure: opens nothing and starts nothing. Does not own: the step (improve), whose settings a control
takes (like), the comparison (compare).
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from stop.choose import Policy, Random, Shares, State, policy
from stop.draw import Draw
from stop.lineage import Lineage, Version
from stop.scaffold import ENTRY, PARAMETERS, Scaffold
from stop.settings import RunConfig
from stop.syntax import parse

FEWEST_WORDS = 3  # of a text that is taken for part of a prompt
BY_NAME = {"locals", "globals", "vars", "dir", "eval", "exec"}  # what may look at names while the program runs
_BLANK = re.compile(r"(?<=[A-Za-z,.;:]) +(?=[A-Za-z])")
_WORD = re.compile(r"[A-Za-z]{2,}")


class BadControl(ValueError):
    """An arm that cannot be run on this scaffold, model or run; the message is one line that says why."""


@dataclass(frozen=True)
class Control:
    """What of a run a control replaces. The defaults are those of the recursion itself.

    writes: (a parent's source, step, draw) -> the child's, without a model; None where the improver is asked. An arm
    in which all children are written is a null proposer: nothing it proposes is better, so what it keeps is false.
    """

    lacks: str = ""
    parent: Literal["policy", "seed", "random"] = "policy"  # whose text is rewritten
    improver: Literal["parent", "seed"] = "parent"  # whose code rewrites it
    writes: Callable[[str, int, Draw], str | None] | None = None
    null: bool = False
    own_draws: bool = False  # whether a child is scored with other draws than what it is compared with
    also_tested: tuple[int, ...] = ()  # versions that are looked at on test beside the first and the current


def policy_of(config: RunConfig) -> Policy:
    """How the version is chosen whose text a step rewrites. Raises BadPolicy."""
    own = policy(config.policy)
    return {"policy": own, "seed": _Seed(), "random": _Unselected(own)}[arm_of(config).parent]


class _Seed(Policy):
    """Always the first version."""

    recorded = False

    def candidates(self, lineage: Lineage) -> Sequence[Version]:
        return lineage.versions[:1]

    def shares(self, state: State) -> Shares:
        return {0: 1.0}


@dataclass(frozen=True)
class _Unselected(Random):
    """Any candidate of another policy, uniformly."""

    policy: Policy

    def candidates(self, lineage: Lineage) -> Sequence[Version]:
        return self.policy.candidates(lineage)


def improver_of(config: RunConfig, lineage: Lineage, parent: Version) -> Version:
    """Whose code does it."""
    return lineage.versions[0] if arm_of(config).improver == "seed" else parent


def written(config: RunConfig, source: str, step: int) -> str | None:
    """The child of that source where no model is asked for it; None where one is."""
    arm = arm_of(config)
    return arm.writes(source, step, Draw(config.seed, "propose", step=step)) if arm.writes else None


def check_control(config: RunConfig, scaffold: Scaffold) -> None:
    """Raises BadControl where there is nothing to take away, BadPolicy for a policy that is none.

    A run that is no control passes.
    """
    policy_of(config)
    refusals = {"rename": _no_names, "reword": _no_prompt, "no-history": _no_history}
    if config.control not in (*ARMS, ""):
        raise BadControl(f"no control {config.control!r}; found: {', '.join(ARMS)}.")
    why = refusals[config.control](scaffold.source) if config.control in refusals else ""
    if why:
        raise BadControl(f"--control {config.control}: the scaffold {config.scaffold!r} {why}")


def as_control(config: RunConfig, arm: str, *, calls: int, steps: int) -> RunConfig:
    """Those settings as this control of them. Raises BadControl if the arm would change nothing."""
    if config.agent:
        raise BadControl(f"--control {arm}: a Gödel agent has no controls. benchmarks/godel.py has one at equal calls.")
    if arm == "mutation" and config.model.partition(":")[0] == "mutation":
        raise BadControl(f"--control mutation: the model is {config.model!r} as it is. Give --model, or another arm.")
    if arm == "random-parent" and config.policy == "random":
        raise BadControl("--control random-parent: the policy is 'random' as it is. Give --policy, or another arm.")
    if arm == "mutation":
        config = replace(config, model="mutation", base_url="")
    return replace(config, control=arm, search_calls=calls, generations=steps)


# -- texts that change nothing -----------------------------------------------------------------------------------------
def _same(source: str, step: int, draw: Draw) -> str:
    return source


def renamed(source: str, step: int, draw: Draw) -> str:
    """The same program under other names: of its functions, parameters and variables, wherever that is safe.

    What is imported, builtin, named in a keyword, a class or a text, or part of the contract, keeps its name.
    Raises BadControl if nothing is left to rename.
    """
    tree = parse(source)
    prefix = f"renamed_{step}"
    while prefix in source:
        prefix += "_"
    names = {name: f"{prefix}_{number}" for number, name in enumerate(sorted(_renameable(tree)))}
    if not names:
        raise BadControl(_no_names(source))
    return ast.unparse(_Renaming(names).visit(tree)) + "\n"


def reworded(source: str, step: int, draw: Draw) -> str:
    """The same program with one blank more between two words of a prompt; which, the draw says.

    A prompt is a text of at least three words that is no docstring, in no `raise`, and nothing that is compared or
    looked up. Raises BadControl without one.
    """
    tree = parse(source)
    places = [(node, text, blank.end()) for node, text in _prompts(tree) for blank in _BLANK.finditer(text)]
    if not places:
        raise BadControl(_no_prompt(source))
    node, text, place = places[draw.sandbox_seed() % len(places)]
    node.value = text[:place] + " " + text[place:]
    return ast.unparse(tree) + "\n"


def whole_budget(source: str) -> str:
    """The improver, asked again and again about the program as it was given until its prompts are spent.

    It returns the best of all answers, none of which is built on another. A score that is known is not asked for again.
    """
    names = {"SEED": "seed_improver", "KNOWN": "KnownScores"}
    for key, name in names.items():
        while name in source:
            name += "_"
        names[key] = name
    text = _AGAIN
    for key, name in names.items():
        text = text.replace(key, name)
    return f"{source.rstrip()}\n\n\n{text}"


_AGAIN = '''\
SEED = improve_algorithm


class KNOWN:
    """A utility that asks for no score twice."""

    def __init__(self, utility):
        self.utility, self.scores = utility, {}

    def __getattr__(self, name):
        return getattr(self.utility, name)

    def __call__(self, program):
        return self.map([program])[0]

    def map(self, programs):
        new = [program for program in dict.fromkeys(programs) if program not in self.scores]
        self.scores.update(zip(new, self.utility.map(new) if new else []))
        return [self.scores[program] for program in programs]


def improve_algorithm(initial_solution, utility, language_model):
    """The best of as many independent answers of the improver above as the budgets allow."""
    utility, scores = KNOWN(utility), {}
    while language_model.times_used < language_model.budget:
        used = language_model.times_used
        try:
            answer = SEED(initial_solution, utility, language_model)
            scores[answer] = utility(answer)
        except Exception:
            if not scores:
                raise
            break
        if language_model.times_used == used:
            break
    return max(scores, key=scores.get)
'''


def _first_whole_budget(source: str, step: int, draw: Draw) -> str | None:
    return whole_budget(source) if step == 1 else None


ARMS: Mapping[str, Control] = {
    "identity": Control("a change: the child is its parent, scored with draws of its own", writes=_same, null=True,
                    own_draws=True),
    "rename": Control("a change: the child is its parent with other names", writes=renamed, null=True),
    "reword": Control("a change of meaning: the child has one blank more in a prompt", writes=reworded, null=True),
    "best-of-n": Control(
        "recursion: the seed improver with the whole budget of an improver run, then the seed rewriting the seed",
        parent="seed", writes=_first_whole_budget, also_tested=(1,),
    ),
    "fixed-improver": Control("a better improver: the seed's code rewrites the current version", improver="seed"),
    "random-parent": Control(
        "selection of the parent: any that the policy could choose, uniformly", parent="random"
    ),
    "no-history": Control("feedback: utility.report gives the score alone"),
    "mutation": Control("a language model: the model is mutation"),
}  # fmt: skip
RECURSION = Control()


def arm_of(config: RunConfig) -> Control:
    """The arm of a run; that of a run without --control is the recursion itself."""
    return ARMS.get(config.control, RECURSION)


# -- what a source holds -----------------------------------------------------------------------------------------------
def _no_names(source: str) -> str:
    return "" if _renameable(parse(source)) else "has no name that can be changed. Take another arm."


def _no_prompt(source: str) -> str:
    found = any(_BLANK.search(text) for _, text in _prompts(parse(source)))
    return "" if found else f"has no text of {FEWEST_WORDS} words that could be a prompt. Take another arm."


def _no_history(source: str) -> str:
    used = any(isinstance(node, ast.Attribute) and node.attr == "report" for node in ast.walk(parse(source)))
    return "" if used else "does not use utility.report: its prompts hold no feedback or ancestors to leave out."


def _prompts(tree: ast.Module) -> list[tuple[ast.Constant, str]]:
    """The texts that may be part of a prompt, in the order in which they are walked to."""
    left_out = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise | ast.MatchValue):
            left_out |= {id(part) for part in ast.walk(node)}
        elif isinstance(node, ast.Compare):  # not what is asked in a call whose result is compared
            sides = [node.left, *node.comparators]
            left_out |= {id(part) for side in sides for part in (side, *getattr(side, "elts", ()))}
        elif isinstance(node, ast.Dict):
            left_out |= set(map(id, node.keys))
        elif isinstance(node, ast.Subscript):
            left_out.add(id(node.slice))
    return [
        (node, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out
        and len(_WORD.findall(node.value)) >= FEWEST_WORDS
    ]  # fmt: skip


def _renameable(tree: ast.Module) -> set[str]:
    """The names that stand for the same wherever they occur, and that nothing but the program itself looks at."""
    bound, fixed = set(), {ENTRY, *PARAMETERS, *dir(builtins)}
    for node in ast.walk(tree):
        bound |= set(_bound(node))
        if isinstance(node, ast.Import | ast.ImportFrom):
            fixed |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.keyword) and node.arg:
            fixed.add(node.arg)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            fixed.add(node.value)
        elif isinstance(node, ast.ClassDef):
            fixed |= {name for part in node.body for inner in ast.walk(part) for name in _bound(inner)}
        elif isinstance(node, ast.Name) and node.id in BY_NAME:
            return set()
        fixed |= {parameter.name for parameter in getattr(node, "type_params", ())}
    return {name for name in bound - fixed if not name.startswith("__")}


def _bound(node: ast.AST) -> list[str]:
    """The names that a node gives a meaning."""
    if isinstance(node, ast.Name):
        return [node.id] if isinstance(node.ctx, ast.Store) else []
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler):
        return [node.name] if node.name else []
    if isinstance(node, ast.MatchAs | ast.MatchStar):
        return [node.name] if node.name else []
    return [node.rest] if isinstance(node, ast.MatchMapping) and node.rest else []


class _Renaming(ast.NodeTransformer):
    """Gives names other names wherever they stand."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit(self, node: ast.AST) -> ast.AST:
        for field in ("id", "arg", "name", "rest"):
            found = getattr(node, field, None)
            if isinstance(found, str) and not isinstance(node, ast.keyword | ast.alias):
                setattr(node, field, self._names.get(found, found))
        if isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [self._names.get(name, name) for name in node.names]
        self.generic_visit(node)
        return node
