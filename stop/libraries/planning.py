"""Planning: actions with conditions and effects (STRIPS), plans followed step by step, shortest plans.

Owns: what a fact, an action and a plan are, the first fault of a plan, search. Does not own: domains and scores (the
task.py that follows this text in one module). Fikes & Nilsson 1971 (STRIPS); Hart, Nilsson & Raphael 1968 (A*).

A fact is a list of texts, ["on", "a", "b"]; in a set, a tuple. The actions of a domain are a dict: name -> (parameters,
what must hold, what holds then, what no longer holds), as in "stack": ("x y", "holding x, clear y", "on x y, clear x",
"holding x, clear y"). Every parameter occurs in what must hold. A step of a plan is a list: the name of an action, then
an object for each parameter.
"""

import heapq
import itertools
from collections.abc import Callable, Iterator
from typing import Any


# -- plans that are given ----------------------------------------------------------------------------------------------
def plan_fault(plan: Any, most_steps: int, state: object, take: Callable, lacking: Callable) -> str:
    """The first thing that is wrong with a plan; "" if it leads from the state to the goal.

    take: (state, step) -> (next state, ""), or (any, why it cannot be taken). lacking: state -> what the goal lacks.
    """
    if type(plan) not in (list, tuple):
        return f"a plan is a list of steps, not {type(plan).__name__}"
    if len(plan) > most_steps:
        return f"{len(plan)} steps, {most_steps} allowed"
    for number, step in enumerate(plan, 1):
        state, why_not = take(state, step)
        if why_not:
            return f"step {number}: {why_not}"
    left = lacking(state)
    return f"the goal is not reached: {left}" if left else ""


def strips_fault(plan: Any, most_steps: int, actions: dict, start: list, goal: list) -> str:
    """plan_fault of a plan made of these actions, between two lists of facts."""

    def take(facts: set, step: Any) -> tuple[set, str]:
        return strips_step(actions, facts, step)

    def lacking(facts: set) -> str:
        return next((f"{' '.join(fact)} does not hold" for fact in goal if tuple(fact) not in facts), "")

    return plan_fault(plan, most_steps, set(map(tuple, start)), take, lacking)


def strips_step(actions: dict, facts: set, step: Any) -> tuple[set, str]:
    """(the facts after the step, ""), or (the facts, why it cannot be taken)."""
    # type(), not isinstance: a subclass may lie about its value
    if type(step) not in (list, tuple) or not step or not all(type(word) is str for word in step):
        return facts, "a step is a list of texts: an action, then its objects"
    name, *objects = step
    if name not in actions:
        return facts, f"no action {name[:20]!r}"
    parameters, *conditions = actions[name]
    if len(objects) != len(parameters.split()):
        return facts, f"{name} takes {len(parameters.split())} objects, not {len(objects)}"
    bound = dict(zip(parameters.split(), objects, strict=True))
    needs, adds, removes = (strips_facts(text, bound) for text in conditions)
    for fact in needs:
        if fact not in facts:
            return facts, f"{' '.join(step)[:60]}: {' '.join(fact)[:60]} does not hold"
    return facts.difference(removes).union(adds), ""


def strips_facts(text: str, bound: dict) -> list[tuple[str, ...]]:
    """The facts of a condition or effect, with objects for parameters: "on x y, clear x"."""
    split = [part.split() for part in text.split(", ")]
    return [(name, *(bound[parameter] for parameter in parameters)) for name, *parameters in split]


# -- plans that are found ----------------------------------------------------------------------------------------------
def shortest_plan(start: object, reached: Callable, successors: Callable, estimate: Callable = lambda state: 0) -> list:
    """The steps of a shortest plan, by A*; breadth-first without an estimate. Raises LookupError if there is none.

    successors: state -> pairs (step, next state). estimate: never more than the steps left. States are hashable.
    """
    steps: dict[object, int] = {start: 0}
    before: dict[object, tuple[object, object]] = {}
    order = itertools.count(0, -1)
    queue = [(estimate(start), 0, next(order), start)]
    while queue:
        _, taken, _, state = heapq.heappop(queue)
        if -taken > steps[state]:
            continue  # it was reached by a shorter way meanwhile
        if reached(state):
            plan = []
            while state in before:
                state, step = before[state]
                plan.append(step)
            return plan[::-1]
        for step, after in successors(state):
            if steps[state] + 1 < steps.get(after, steps[state] + 2):
                steps[after], before[after] = steps[state] + 1, (state, step)
                # of equally promising states the one with more steps behind it, then the latest
                heapq.heappush(queue, (steps[after] + estimate(after), -steps[after], next(order), after))
    raise LookupError("no plan leads to the goal")


def strips_plan(actions: dict, start: list, goal: list, estimator: Callable = lambda bits: lambda state: 0) -> list:
    """The steps of a shortest plan between two lists of facts. A state is one integer, with a bit for each fact.

    estimator: of a dict, fact (a tuple) -> its bit, without facts that can never hold, makes the estimate of a state.
    """
    moves = strips_moves(actions, start)
    known = itertools.chain(map(tuple, start), *(facts for conditions in moves.values() for facts in conditions))
    bits = {fact: 1 << i for i, fact in enumerate(dict.fromkeys(known))}

    def mask(facts: list) -> int:
        return sum(bits[tuple(fact)] for fact in facts)

    masks = [(list(step), mask(needs), ~mask(removes), mask(adds)) for step, (needs, adds, removes) in moves.items()]
    wanted = mask(goal)

    def successors(state: int) -> Iterator[tuple[list, int]]:
        return ((step, state & kept | added) for step, needs, kept, added in masks if state & needs == needs)

    return shortest_plan(mask(start), lambda state: state & wanted == wanted, successors, estimator(bits))


def strips_moves(actions: dict, start: list) -> dict[tuple, list]:
    """Every step that could be taken if no fact ever ceased to hold -> the facts it needs, adds and removes."""
    facts: dict[tuple, None] = dict.fromkeys(map(tuple, start))
    moves: dict[tuple, list] = {}
    before = -1
    while len(moves) > before:
        before = len(moves)
        for name, (parameters, *conditions) in actions.items():
            needs = [part.split() for part in conditions[0].split(", ")]
            for bound in list(strips_bindings(needs, facts, {})):
                step = (name, *(bound[parameter] for parameter in parameters.split()))
                if step not in moves:
                    moves[step] = [strips_facts(text, bound) for text in conditions]
                    facts.update(dict.fromkeys(moves[step][1]))
    return moves


def strips_bindings(needs: list, facts: dict, bound: dict) -> Iterator[dict]:
    """Every way to give the parameters objects so that all that is needed is among the facts."""
    if not needs:
        yield bound
        return
    (name, *parameters), *others = needs
    for fact in facts:
        if fact[0] == name and all(bound.get(p, o) == o for p, o in zip(parameters, fact[1:], strict=True)):
            yield from strips_bindings(others, facts, {**bound, **dict(zip(parameters, fact[1:], strict=True))})


def errands_estimate(errands: list[dict[int, tuple[int, int, int]]]) -> Callable[[int], int]:
    """An estimate for things that are carried about: steps with each of them, and facts that carriers must make true.

    errands: of each thing, the bit of where it is -> (steps with it that are left, bits of facts that must become true,
    bits of facts that must become true unless they are). No step may serve two things, or make two such facts true.
    """
    masks = [(sum(errand), errand) for errand in errands]

    def estimate(state: int) -> int:
        steps, always, needed = 0, 0, 0
        for mask, errand in masks:
            own, becoming, being = errand[state & mask]
            steps, always, needed = steps + own, always | becoming, needed | being
        return steps + (always | needed & ~state).bit_count()

    return estimate
