"""STOP's tasks: their references found in another way, and what was wrong in the published scorers."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pysat.solvers import Minisat22
from scipy.optimize import linear_sum_assignment, quadratic_assignment
from trusted import block, code, reference

from stop.sandbox import wire
from stop.task import find_tasks
from stop.utility import Evaluation, Utility

PAPER = ("lpn", "maxcut", "modified_qap", "parity", "string_grid", "three_sat")
PRESETS = ("", "stop-paper")

Evaluate = Callable[..., Evaluation]


def wrapped(source: str, body: str, parameters: str = "*given") -> str:
    """The source with its entry renamed to `solve`, and another entry round it."""
    return source.replace("def algorithm(", "def solve(") + f"\n\ndef algorithm({parameters}):\n    {body}\n"


# -- the set -----------------------------------------------------------------------------------------------------------
def test_the_set_is_the_papers_and_every_task_has_the_published_size() -> None:
    found = find_tasks(["paper"], "stop-paper")
    assert tuple(task.name for task in found) == PAPER
    assert {task.preset for task in found} == {"stop-paper"}


@pytest.mark.parametrize(
    ("name", "cpu_seconds", "val", "test", "sizes"),
    [
        ("lpn", 2, 20, 50, {"bits": 10, "train_samples": 100, "test_samples": 20, "noise": 0.05, "share_of_ones": 0.3}),
        ("parity", 2, 20, 20, {"bits": 10, "train_samples": 100, "test_samples": 20, "share_of_ones": 0.3}),
        ("string_grid", 0.1, 50, 50, {"longest": 30}),
        ("three_sat", 0.1, 30, 30, {"fewest_variables": 5, "most_variables": 50, "clauses_per_variable": 4}),
        ("maxcut", 0.1, 100, 100, {"fewest_nodes": 50, "most_nodes": 200, "edge_probability": 0.4}),
        ("modified_qap", 0.5, 10, 10, {"facilities": 15, "preference_weight": 0.5}),
    ],
)  # fmt: skip
def test_the_preset_has_the_published_numbers(
    name: str, cpu_seconds: float, val: int, test: int, sizes: dict[str, float]
) -> None:
    task = find_tasks([name], "stop-paper")[0]
    assert (task.cpu_seconds_per_instance, task.instances["val"], task.instances["test"]) == (cpu_seconds, val, test)
    assert sizes.items() <= task.sizes.items()


# -- references, found again in another way ----------------------------------------------------------------------------
@pytest.mark.parametrize("preset", PRESETS)
def test_another_solver_satisfies_every_formula_and_scores_1(preset: str) -> None:
    score = code("three_sat", preset)["score"]
    for one in block("three_sat", n=30, preset=preset):
        clauses, variables = one["input"]
        with Minisat22(clauses) as solver:
            assert solver.solve()
            holds = {v for v in solver.get_model() if v > 0}
        assert score(one, [int(v in holds) for v in range(1, variables + 1)]) == 1.0


def test_the_largest_cut_is_that_of_plain_enumeration_and_the_search_finds_it() -> None:
    made = code("maxcut", fewest_nodes=8, most_nodes=9)
    for one in made["instances"]("val", 0, 4, 1):
        weights, optimum = one["input"][0], one["hidden"]["optimum"]
        assert optimum == max(made["_cut"](weights, sides) for sides in itertools.product((0, 1), repeat=len(weights)))
        assert optimum == made["_largest_found"](weights, random.Random(0))


def test_the_lowest_cost_is_that_of_plain_enumeration_and_the_search_finds_it() -> None:
    made = code("modified_qap", facilities=6)
    for one in made["instances"]("val", 0, 4, 1):
        costs = [made["_cost"](list(places), *one["input"]) for places in itertools.permutations(range(6))]
        assert one["hidden"]["lowest"] == min(costs)
        assert one["hidden"]["mean"] == pytest.approx(sum(costs) / len(costs))
        matrices = [np.array(matrix) for matrix in one["input"]]
        assert min(costs) == made["_cost"](made["_best_found"](*matrices, random.Random(0)), *one["input"])


def test_without_flow_the_lowest_cost_is_that_of_linear_assignment() -> None:
    made = code("modified_qap")
    flow, distance, preference = (np.array(matrix) for matrix in block("modified_qap", n=1)[0]["input"])
    rows, columns = linear_sum_assignment(preference, maximize=True)
    best = made["_best"](0 * flow, distance, preference)
    assert preference[rows, best].sum() == preference[rows, columns].sum()


def test_at_the_published_size_another_solver_finds_no_lower_cost_and_none_is_below_the_bound() -> None:
    made = code("modified_qap", "stop-paper", preference_weight=0)
    for one in made["instances"]("val", 0, 2, 1):
        flow, distance, _ = (np.array(matrix) for matrix in one["input"])
        found = quadratic_assignment(flow, distance, method="2opt", options={"rng": np.random.default_rng(0)})
        assert one["hidden"]["lowest"] <= found.fun
        assert one["hidden"]["lowest"] >= gilmore_lawler(flow, distance)


def gilmore_lawler(flow: np.ndarray, distance: np.ndarray) -> float:
    """A bound that no assignment is below (Gilmore 1962, Lawler 1963)."""
    size = len(flow)
    rest = [np.sort(np.delete(row, i)) for i, row in enumerate(flow)]
    far = [np.sort(np.delete(row, k))[::-1] for k, row in enumerate(distance)]
    costs = np.array([[flow[i, i] * distance[k, k] + rest[i] @ far[k] for k in range(size)] for i in range(size)])
    return float(costs[linear_sum_assignment(costs)].sum())


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", ["lpn", "parity"])
def test_labels_are_those_of_one_secret_and_test_samples_are_new(name: str, preset: str) -> None:
    for one in block(name, preset=preset):
        train, labels, test = (np.array(part) for part in one["input"])
        secrets = np.arange(2 ** train.shape[1])[:, None] >> np.arange(train.shape[1]) & 1
        fits = (secrets @ train.T % 2 == labels).sum(1)
        (best,) = secrets[fits == fits.max()]
        assert best.any() and (test @ best % 2).tolist() == one["hidden"]["solution"]
        assert not {tuple(sample) for sample in train} & {tuple(sample) for sample in test}
        assert (name == "parity") <= (fits.max() == len(labels))


# -- what was wrong in the published scorers ---------------------------------------------------------------------------
REWRITES = {
    "three_sat": "given[0][:] = [[1, 1, 1]]\n    for clause in given[0]: clause[:] = [1, 1, 1]",
    "maxcut": "for row in given[0]: row[:] = [10**6] * len(row)",
    "modified_qap": "for row in given[0] + given[1]: row[:] = [0] * len(row)",
    "lpn": "given[1][:] = [0] * len(given[1])\n    given[2].clear()",
    "parity": "given[1][:] = [0] * len(given[1])\n    given[2].clear()",
}


@pytest.mark.parametrize("name", sorted(REWRITES))
def test_a_program_that_rewrites_its_input_in_place_gains_nothing(evaluate: Evaluate, name: str) -> None:
    honest = wrapped(reference(name).replace("range(FLIPS)", "range(2)"), "return solve(*given)")
    rewriting = honest.replace("return solve(*given)", f"found = solve(*given)\n    {REWRITES[name]}\n    return found")
    before, after = evaluate(honest, name), evaluate(rewriting, name)
    assert after.outcomes == before.outcomes and {o.status for o in after.outcomes} == {"scored"}


def test_formulas_made_trivial_in_place_are_not_solved(evaluate: Evaluate) -> None:
    trivial = "def algorithm(clauses, variables):\n    for clause in clauses: clause[:] = [1, 1, 1]\n"
    assert evaluate(trivial + "    return [1] * variables\n", "three_sat").score < 0.5


def test_being_slow_raises_no_score(evaluate: Evaluate) -> None:
    seed = find_tasks(["modified_qap"])[0].seed_source
    slow = "sum(i for i in range(400_000))\n    return solve(*given)"
    assert evaluate(wrapped(seed, slow), "modified_qap").outcomes == evaluate(seed, "modified_qap").outcomes


def test_a_lower_cost_scores_more_and_the_mean_of_all_scores_0() -> None:
    made = code("modified_qap", facilities=5)
    one = made["instances"]("val", 0, 1, 1)[0]
    ways = sorted(itertools.permutations(range(5)), key=lambda places: made["_cost"](places, *one["input"]))
    scores = [made["score"](one, places) for places in ways]
    assert scores == sorted(scores, reverse=True) and scores[0] == 1.0 and scores[-1] == 0.0
    above = [places for places in ways if made["_cost"](places, *one["input"]) > one["hidden"]["mean"]]
    assert {made["score"](one, places) for places in above} == {0.0}


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("maxcut", "list(range(len(given[0])))"),
        ("maxcut", "[float('nan')] * len(given[0])"),
        ("maxcut", "[[i] for i in range(len(given[0]))]"),
        ("maxcut", "[0, 1, 2] + [0] * (len(given[0]) - 3)"),
        ("maxcut", "[1.0] + [0] * (len(given[0]) - 1)"),
        ("maxcut", "[True] + [0] * (len(given[0]) - 1)"),
        ("modified_qap", "[0] * len(given[0]) + list(range(len(given[0])))"),
        ("modified_qap", "{place: 0 for place in range(len(given[0]))}"),
        ("modified_qap", "[float(place) for place in range(len(given[0]))]"),
        ("modified_qap", "[place - len(given[0]) for place in range(len(given[0]))]"),
        ("modified_qap", "[False, True] + list(range(2, len(given[0])))"),
        ("parity", "[[label] for label in solve(*given)]"),
        ("parity", "__import__('numpy').array(solve(*given))[:, None]"),
        ("parity", "[float(label) for label in solve(*given)]"),
        ("parity", "solve(*given) + [0]"),
        ("lpn", "__import__('numpy').array(solve(*given))[:, None]"),
        ("lpn", "solve(*given)[:-1]"),
        ("lpn", "{i: label for i, label in enumerate(solve(*given))}"),
        ("three_sat", "[0] + solve(*given)"),
        ("three_sat", "[2 * value - 1 for value in solve(*given)]"),
        ("three_sat", "[float(value) for value in solve(*given)]"),
        ("three_sat", "[10**300] * given[1]"),
        ("string_grid", "list(solve(*given))"),
        ("string_grid", "solve(*given).encode()"),
        ("string_grid", "solve(*given) + 'C'"),
    ],
)  # fmt: skip
def test_what_fooled_the_published_checks_scores_0(evaluate: Evaluate, name: str, answer: str) -> None:
    found = evaluate(wrapped(reference(name), f"return {answer}"), name)
    assert found.counts == {"scored": len(found.outcomes)} and found.score == 0.0 and not found.incidents


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("maxcut", "__import__('numpy').array(solve(*given), dtype='int8')"),
        ("modified_qap", "__import__('numpy').array(solve(*given), dtype='uint8')"),
        ("lpn", "tuple(solve(*given))"),
        ("parity", "__import__('numpy').array(solve(*given))"),
        ("three_sat", "[bool(value) for value in solve(*given)]"),
        ("three_sat", "__import__('numpy').array(solve(*given)) > 0"),
    ],
)
def test_an_honest_answer_in_another_form_scores_the_same(evaluate: Evaluate, name: str, answer: str) -> None:
    assert evaluate(wrapped(reference(name), f"return {answer}"), name).score == 1.0


def test_a_text_that_lies_about_itself_is_the_text_that_it_is(evaluate: Evaluate) -> None:
    liar = (
        "class Liar(str):\n    def __iter__(self): return iter(self.truth)\n    def __eq__(self, other): return True\n"
        "    __hash__ = str.__hash__\n"
    )
    body = "found = Liar('A' * len(given[0]))\n    found.truth = solve(*given)\n    return found"
    plain = "def algorithm(target, distance):\n    return 'A' * len(target)\n"
    lying = evaluate(liar + wrapped(reference("string_grid"), body), "string_grid")
    assert lying.score in (0.0, evaluate(plain, "string_grid").score)


SEARCH = """
import gc, sys


def algorithm(train_samples, train_labels, test_samples):
    frame = sys._getframe()
    while frame:
        assert "made" not in frame.f_locals and "hidden" not in frame.f_locals
        frame = frame.f_back
    for found in gc.get_objects():
        keys = found.keys() if type(found) is dict else set()
        assert not {"id", "hidden"} <= keys and not {"solution", "method"} <= keys
    return train_labels.base[-len(test_samples):]
"""


@pytest.mark.parametrize("name", ["lpn", "parity"])
def test_the_labels_asked_for_are_nowhere_in_the_process_of_the_program(evaluate: Evaluate, name: str) -> None:
    found = evaluate(SEARCH, name)
    assert found.counts == {"error": 8} and "no attribute 'base'" in found.outcomes[0].detail


@pytest.mark.parametrize("name", ["lpn", "parity"])
@pytest.mark.parametrize("guess", ["0", "1", "i % 2"])
def test_a_guess_scores_little(evaluate: Evaluate, name: str, guess: str) -> None:
    guessing = wrapped(reference(name), f"return [{guess} for i in range(len(given[2]))]")
    assert (
        evaluate(guessing, name, preset="stop-paper").score < 0.2
    )  # 0.09 is to be expected of 20 labels: none is below 0


@pytest.mark.parametrize("name", PAPER)
def test_an_exception_or_a_wrong_length_on_one_instance_costs_the_others_nothing(evaluate: Evaluate, name: str) -> None:
    once = "calls.append(0)\n    if len(calls) == 1: raise ValueError\n    if len(calls) == 2: return []\n    return "
    found = evaluate("calls = []\n" + wrapped(reference(name), once + "solve(*given)"), name)
    assert [o.score for o in found.outcomes] == [0.0, 0.0] + [1.0] * 6
    assert [o.status for o in found.outcomes[:2]] == ["error", "scored"]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", PAPER)
def test_instances_are_of_the_sizes_that_the_statement_tells(
    utility_of: Callable[..., Utility], name: str, preset: str
) -> None:
    scorer, sizes = utility_of(name, preset).scorer, utility_of(name, preset).task.sizes
    given: list[Any] = [wire.unpack(one.packed) for one in scorer.inputs("val", 0)]
    if name == "three_sat":
        assert all(sizes["fewest_variables"] <= n <= sizes["most_variables"] for _, n in given)
        assert all(len(clauses) == 4 * n and {len({*map(abs, c)}) for c in clauses} == {3} for clauses, n in given)
    if name == "maxcut":
        assert all(sizes["fewest_nodes"] <= len(weights) <= sizes["most_nodes"] for (weights,) in given)
        assert max(max(map(max, weights)) for (weights,) in given) == sizes["largest_weight"]
    if name == "modified_qap":
        largest = [max(max(map(max, one[i])) for one in given) for i in range(3)]
        most = [sizes["largest_entry"], sizes["largest_entry"], sizes["largest_preference"]]
        assert all(len(one[0]) == sizes["facilities"] for one in given)
        assert all(0.9 * m <= found <= m for found, m in zip(largest, most, strict=True))
    if name == "string_grid":
        assert all(sizes["shortest"] <= len(target) <= sizes["longest"] for target, _ in given)
    if name in ("lpn", "parity"):
        counted = {(len(train), len(labels), len(test), len(test[0])) for train, labels, test in given}
        assert counted == {(sizes["train_samples"], sizes["train_samples"], sizes["test_samples"], sizes["bits"])}
