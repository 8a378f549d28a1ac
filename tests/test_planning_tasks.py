"""Planning tasks: plans worked by hand, published optima, shortest plans found again in another way."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from trusted import code

STRIPS = ("blocksworld", "gripper", "logistics")
PLANNED = (*STRIPS, "tower_of_hanoi")
PLANNING = code("blocksworld")
strips_fault: Callable = PLANNING["strips_fault"]
strips_plan: Callable = PLANNING["strips_plan"]
Facts = list[list[str]]


def asked(name: str, given: list, optimum: int) -> dict:
    return {"id": name, "input": given, "hidden": {"optimum": optimum}}


def facts(text: str) -> Facts:
    """Facts, or the steps of a plan, separated by commas."""
    return [part.split() for part in text.split(",")]


def towers(text: str) -> list[str]:
    return text.split()


def standing(*piles: str) -> Facts:
    """What stands where; each pile from the table upwards."""
    return [
        fact for pile in piles for fact in (["on-table", pile[0]], *(["on", up, low] for low, up in pairwise(pile)))
    ]


def start_of(*piles: str) -> Facts:
    return [*standing(*piles), *(["clear", pile[-1]] for pile in piles), ["hand-empty"]]


# -- plans worked by hand ----------------------------------------------------------------------------------------------
SUSSMAN = [start_of("ac", "b"), standing("cba")]
TWO_BALLS = [
    facts("room room1,room room2,room room3,robot-in room1,free left,free right,in ball1 room1,in ball2 room2"),
    facts("in ball1 room3,in ball2 room3"),
]
ONE_PACKAGE = [
    facts(
        "airport place11,airport place21,in-city place11 city1,in-city place12 city1,in-city place21 city2,"
        "truck truck1,at truck1 place12,truck truck2,at truck2 place21,airplane airplane,at airplane place11,"
        "package package1,at package1 place12"
    ),
    facts("at package1 place21"),
]
TWO_DISCS = [[0, 0], [2, 2], 3]
SHORTEST = {
    "blocksworld": (SUSSMAN, facts("unstack c a,put-down c,pick-up b,stack b c,pick-up a,stack a b")),
    "gripper": (
        TWO_BALLS,
        facts(
            "pick ball1 room1 left,move room1 room2,pick ball2 room2 right,move room2 room3,drop ball1 room3 left,"
            "drop ball2 room3 right"
        ),
    ),
    "logistics": (
        ONE_PACKAGE,
        facts(
            "load-truck package1 truck1 place12,drive truck1 place12 place11 city1,"
            "unload-truck package1 truck1 place11,load-airplane package1 airplane place11,fly airplane place11 place21,"
            "unload-airplane package1 airplane place21"
        ),
    ),
    "tower_of_hanoi": (TWO_DISCS, [[0, 1], [0, 2], [1, 2]]),
}
LONGER = {
    "blocksworld": facts("pick-up b,put-down b"),
    "gripper": facts("move room1 room2,move room2 room1"),
    "logistics": facts("fly airplane place11 place21,fly airplane place21 place11"),
    "tower_of_hanoi": [[0, 1], [1, 0]],
}


@pytest.mark.parametrize("name", sorted(SHORTEST))
def test_a_plan_worked_by_hand_scores_1_and_a_longer_one_its_share(name: str) -> None:
    given, plan = SHORTEST[name]
    one, task = asked(name, given, len(plan)), code(name)
    assert task["score"](one, plan) == 1.0 and task["explain"](one, plan) == ""
    longer = LONGER[name] + plan
    assert task["score"](one, longer) == len(plan) / len(longer) and task["explain"](one, longer) == ""
    assert task["score"](one, tuple(map(tuple, plan))) == 1.0


@pytest.mark.parametrize(
    ("name", "plan", "why"),
    [
        ("blocksworld", facts("pick-up a"), "step 1: pick-up a: clear a does not hold"),
        ("blocksworld", facts("unstack c a,pick-up b"), "step 2: pick-up b: hand-empty does not hold"),
        ("blocksworld", facts("unstack c a,stack c c"), "step 2: stack c c: clear c does not hold"),
        ("blocksworld", facts("unstack c a,stack c d"), "step 2: stack c d: clear d does not hold"),
        ("blocksworld", facts("move c table"), "step 1: no action 'move'"),
        ("blocksworld", facts("pick-up"), "step 1: pick-up takes 1 objects, not 0"),
        ("blocksworld", facts("unstack c a,put-down c"), "the goal is not reached: on b c does not hold"),
        ("blocksworld", [], "the goal is not reached: on-table c does not hold"),
        ("blocksworld", facts("pick-up b,put-down b") * 101, "202 steps, 200 allowed"),
        ("blocksworld", [[]], "step 1: a step is a list of texts: an action, then its objects"),
        ("blocksworld", [["pick-up", 1]], "step 1: a step is a list of texts: an action, then its objects"),
        ("blocksworld", ["pick-up b"], "step 1: a step is a list of texts: an action, then its objects"),
        ("blocksworld", [np.array([1])], "step 1: a step is a list of texts: an action, then its objects"),
        ("blocksworld", "pick-up b", "a plan is a list of steps, not str"),
        ("blocksworld", None, "a plan is a list of steps, not NoneType"),
        ("blocksworld", [["pick-up", "b" * 10**6]], f"step 1: pick-up {'b' * 52}: clear {'b' * 54} does not hold"),
        ("gripper", facts("pick ball1 room1 left,move room1 room2,pick ball2 room2 left"),
         "step 3: pick ball2 room2 left: free left does not hold"),
        ("gripper", facts("pick ball2 room2 left"), "step 1: pick ball2 room2 left: robot-in room2 does not hold"),
        ("gripper", facts("move room1 room4"), "step 1: move room1 room4: room room4 does not hold"),
        ("gripper", facts("pick ball1 room1 third"), "step 1: pick ball1 room1 third: free third does not hold"),
        ("logistics", facts("drive truck1 place12 place21 city1"),
         "step 1: drive truck1 place12 place21 city1: in-city place21 city1 does not hold"),
        ("logistics", facts("load-truck truck2 truck1 place12"),
         "step 1: load-truck truck2 truck1 place12: package truck2 does not hold"),
        ("logistics", facts("fly truck1 place12 place21"),
         "step 1: fly truck1 place12 place21: airplane truck1 does not hold"),
        ("tower_of_hanoi", [[0, 2], [0, 2]], "step 2: disc 1 cannot go on the smaller disc 0"),
        ("tower_of_hanoi", [[1, 2]], "step 1: peg 1 is empty"),
        ("tower_of_hanoi", [[0, 3]], "step 1: a step goes from one peg to another; pegs are 0 to 2"),
        ("tower_of_hanoi", [[0, -1]], "step 1: a step goes from one peg to another; pegs are 0 to 2"),
        ("tower_of_hanoi", [[0, 0]], "step 1: a step goes from one peg to another; pegs are 0 to 2"),
        ("tower_of_hanoi", [[0, True]], "step 1: a step is two pegs: [from, to]"),
        ("tower_of_hanoi", [[0, 2.0]], "step 1: a step is two pegs: [from, to]"),
        ("tower_of_hanoi", [[0, 10**5000]], "step 1: a step goes from one peg to another; pegs are 0 to 2"),
        ("tower_of_hanoi", [[0, 1]], "the goal is not reached: disc 0 is on peg 1, not 2"),
        ("tower_of_hanoi", np.array([[0, 1], [0, 2], [1, 2]]), "a plan is a list of steps, not ndarray"),
    ],
)  # fmt: skip
def test_a_wrong_plan_scores_0_and_the_first_fault_is_named(name: str, plan: object, why: str) -> None:
    one, task = asked(name, SHORTEST[name][0], 1), code(name)
    assert task["score"](one, plan) == 0.0
    assert task["explain"](one, plan) == why


# -- published optima --------------------------------------------------------------------------------------------------
# Blocks of the planning competition of 2000 (Bacchus, The AIPS '00 planning competition, AI Magazine 22(3), 2001), from
# the table upwards, with the lengths of shortest plans that are known for them. Sussman's anomaly: Sussman 1975.
PUBLISHED = [
    ("ac b", "cba", 6),
    ("a b c d", "abcd", 6),  # blocks-4-0
    ("dacb", "bacd", 10),  # blocks-4-1
    ("a bc d", "dcba", 6),  # blocks-4-2
    ("baced", "aebcd", 16),  # blocks-5-2
    ("cefbda", "dcbafe", 20),  # blocks-6-2
]
MOVES = {  # the same with one action for a lift and a put
    "move": ("x y z", "differ x z, on x y, clear x, clear z", "on x z, clear y", "on x y, clear z"),
    "to-table": ("x y", "on x y, clear x", "on-table x, clear y", "on x y"),
    "from-table": ("x z", "differ x z, on-table x, clear x, clear z", "on x z", "on-table x, clear z"),
}


@pytest.mark.parametrize(("before", "after", "steps"), PUBLISHED)
def test_blocksworld_agrees_with_published_optima(before: str, after: str, steps: int) -> None:
    task = code("blocksworld")
    start, goal = start_of(*towers(before)), standing(*towers(after))
    plan = strips_plan(task["ACTIONS"], start, goal, lambda bits: task["_estimate"](towers(after), bits))
    assert len(plan) == steps and strips_fault(plan, 200, task["ACTIONS"], start, goal) == ""
    differ = [["differ", *pair] for pair in itertools.permutations("abcdef", 2)]
    assert 2 * len(strips_plan(MOVES, start + differ, goal)) == steps  # breadth-first, over moves


@pytest.mark.parametrize(("blocks", "states"), [(2, 3), (3, 13), (4, 73), (5, 501)])
def test_there_are_as_many_arrangements_of_blocks_as_published(blocks: int, states: int) -> None:
    """Slaney & Thiebaux 2001, section 2: 1, 3, 13, 73, 501 ... for so many blocks."""
    start, actions = start_of(*"abcde"[:blocks]), code("blocksworld")["ACTIONS"]
    steps = list(map(list, PLANNING["strips_moves"](actions, start)))
    seen = found = {frozenset(map(tuple, start))}
    while found:
        tried = (PLANNING["strips_step"](actions, at, step) for at in found for step in steps)
        found = {frozenset(after) for after, why_not in tried if not why_not} - seen
        seen = seen | found
    assert sum(("hand-empty",) in at for at in seen) == states


@pytest.mark.parametrize("balls", [2, 4, 6])
def test_classic_gripper_takes_three_steps_a_ball_less_one(balls: int) -> None:
    """Balls from one room to the other, two at a time, 11 steps for the 4 balls of the competition's first instance."""
    start = facts("room a,room b,robot-in a,free left,free right") + [["in", f"ball{i}", "a"] for i in range(balls)]
    goal = [["in", f"ball{i}", "b"] for i in range(balls)]
    task = code("gripper")
    plan = strips_plan(task["ACTIONS"], start, goal, lambda bits: task["_estimate"](["a", "b"], goal, bits))
    assert len(plan) == 3 * balls - 1


@pytest.mark.parametrize(("pegs", "lengths"), [(3, [1, 3, 7, 15, 31, 63]), (4, [1, 3, 5, 9, 13, 17])])
def test_from_full_peg_to_full_peg_hanoi_takes_the_known_number_of_steps(pegs: int, lengths: list[int]) -> None:
    """2**n - 1 on three pegs (Lucas); the numbers of Frame and Stewart on four (Bousch 2014)."""
    shortest = code("tower_of_hanoi")["_shortest"]
    assert [len(shortest((0,) * n, (1,) * n, pegs)) for n in range(1, 7)] == lengths


def test_the_largest_disc_may_have_to_move_twice_in_hanoi() -> None:
    """The textbook's recursion moves it once; Hinz, Klavzar & Petr 2018, section 2.4."""
    shortest = code("tower_of_hanoi")["_shortest"]
    twice = [
        (start, goal)
        for start, goal in itertools.product(itertools.product(range(3), repeat=3), repeat=2)
        if start != goal and len(shortest(start, goal, 3)) < once(list(start), list(goal))
    ]
    assert twice


def once(start: list[int], goal: list[int]) -> int:
    """Steps of the way that moves the largest misplaced disc of three pegs once, the rest by recursion."""
    if start == goal:
        return 0
    if start[-1] == goal[-1]:
        return once(start[:-1], goal[:-1])
    spare = [3 - start[-1] - goal[-1]] * (len(start) - 1)
    return once(start[:-1], spare) + 1 + once(spare, goal[:-1])


# -- found again in another way ----------------------------------------------------------------------------------------
SMALL = {"train_blocks": [3, 4], "train_balls": [2, 3], "rooms": [2, 3], "places": [1, 2]}


def steps_left(start: int, reached: Callable, successors: Callable) -> dict[int, int]:
    """Of every state that can be come to, how far it is from the goal: breadth-first, backwards."""
    before: dict[int, list[int]] = {start: []}
    queue = [start]
    for state in queue:
        for _, after in successors(state):
            if after not in before:
                queue.append(after)
            before.setdefault(after, []).append(state)
    left = dict.fromkeys(filter(reached, before), 0)
    queue = list(left)
    for state in queue:
        further = [one for one in dict.fromkeys(before[state]) if one not in left]
        left.update(dict.fromkeys(further, left[state] + 1))
        queue += further
    return left


@pytest.mark.parametrize("name", STRIPS)
def test_an_estimate_exceeds_the_steps_left_of_no_state(name: str) -> None:
    task, searches = code(name, **SMALL), []
    search = task["shortest_plan"]
    task["shortest_plan"] = lambda *asked: searches.append(asked) or search(*asked)
    made = task["instances"]("train", 0, 8, 7)
    for one, (start, reached, successors, estimate) in zip(made, searches, strict=True):
        left = steps_left(start, reached, successors)
        assert left[start] == one["hidden"]["optimum"]
        assert all(estimate(state) <= steps for state, steps in left.items())
        assert any(0 < estimate(state) == steps for state, steps in left.items())


@pytest.mark.parametrize("name", STRIPS)
def test_with_and_without_an_estimate_plans_are_equally_short(name: str) -> None:
    task = code(name, **SMALL)
    for one in task["instances"]("train", 0, 8, 7):
        assert one["hidden"]["optimum"] == len(strips_plan(task["ACTIONS"], *one["input"]))


@pytest.mark.parametrize("name", PLANNED)
def test_hidden_instances_are_larger_than_those_shown(name: str) -> None:
    task = code(name)
    largest = max(len(one["input"][1]) for one in task["instances"]("train", 0, 40, 1))
    assert min(len(one["input"][1]) for one in task["instances"]("val", 0, 8, 1)) > largest


def test_a_goal_that_cannot_be_reached_is_said_so() -> None:
    actions = code("blocksworld")["ACTIONS"]
    for goal in ([["on", "a", "b"], ["on", "b", "a"]], [["on", "a", "z"]]):
        with pytest.raises(LookupError):
            strips_plan(actions, start_of("a", "b"), goal)


def test_an_effect_that_is_removed_and_added_holds() -> None:
    plan = [["move", "room1", "room1"], *SHORTEST["gripper"][1]]
    assert strips_fault(plan, 200, code("gripper")["ACTIONS"], *TWO_BALLS) == ""
