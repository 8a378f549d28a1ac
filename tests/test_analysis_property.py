"""What holds of every metric, whatever the run: made-up lineages by hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from lineages import Made

from stop.analysis import credit, curves, edits, gain, gaps

UTILITIES = st.lists(st.floats(0.0, 1.0, width=16), min_size=3, max_size=3)


@dataclass(frozen=True)
class Node:
    parent: int
    verdict: str
    scores: dict[str, list[float]]
    calls: int
    text: str


NODES = st.builds(
    Node,
    st.integers(0, 5),
    st.sampled_from(["kept", "kept", "not_better", "canary_failed", "failed"]),
    st.fixed_dictionaries({"a": UTILITIES, "b": UTILITIES}),
    st.integers(1, 24),
    st.sampled_from(["x = 1\ny = 2\n", "x = 1\ny = 3\n", "z = 0\n", ""]),
)
TREES = st.lists(NODES, min_size=1, max_size=4)
FEW = settings(max_examples=6, deadline=None, derandomize=True)  # each is a hundred data frames
MANY = settings(max_examples=60, deadline=None, derandomize=True)
ORDERS = st.lists(st.integers(0, 9), min_size=1, max_size=12)


FRESH = 1000  # blocks of the noise floor, and of the canary of version k
TASKS = ("a", "b")


def lineage(nodes: Sequence[Node], order: Sequence[int] | None = None) -> Made:
    """The first node is the seed; a node's parent is one of those before it, and is scored beside it."""
    run = Made(order=order)
    for k, node in enumerate(nodes):
        parent, seen = (node.parent % k, node.verdict in ("kept", "canary_failed")) if k else (None, False)
        verdict = "kept" if seen else node.verdict if k else "seed"
        number = run.version(parent, verdict, calls=node.calls, text=node.text)
        if verdict == "seed":
            looked_at(run, nodes, FRESH, 0)
        if verdict != "failed":
            looked_at(run, nodes, k, *(whose for whose in (number, parent) if whose is not None))
        if seen:
            run.decide(k, node.verdict, step=k, block=FRESH + k)
            looked_at(run, nodes, FRESH + k, k, node.parent % k)
        for task in TASKS:
            run.measure(f"s = {k}", "train", 0, 0.3 + 0.1 * k, task=task)
    for task in TASKS:
        run.measure("seed = 0", "train", 0, 0.125, task=task)
    run.score(0, "test", 0, nodes[0].scores, seed=0.25)
    return run


def looked_at(run: Made, nodes: Sequence[Node], block: int, *whose: int) -> None:
    """The versions on one val block, where the tasks' seed solution has 0.25."""
    for version in whose:
        node = nodes[version]
        run.score(version, "val", block, node.scores, calls=node.calls, seed=0.25, solutions=[f"s = {version}"] * 3)
    for task in TASKS:
        run.measure("seed = 0", "val", block, 0.25, task=task)


def own(run: Made, version: int) -> list[object]:
    """What is measured of the version itself."""
    return [
        gaps.meta_utility(run, version), gaps.gap(run, version), gaps.by_task(run, version), gain.gain(run, version),
        gain.multiplier(run, version), credit.own_evidence(run, version),
    ]  # fmt: skip


def everything(run: Made) -> list[object]:
    """Every metric of the run."""
    ids = range(len(run.versions))
    found = [curves.anytime(run, cost) for cost in curves.COSTS] + [curves.best_so_far(run)]
    found += [curves.area(found[0], 1000.0), gaps.gap_trend(run), gaps.gap(run, 0, "val", "test")]
    found += [own(run, v) for v in ids] + [credit.metaproductivity(run, v) for v in ids]
    found += [credit.growth(run, v) for v in ids] + [credit.leave_one_edit_out(run), gain.returns_exponent(run)]
    found += [gain.imp_at_k(run, k, "val") for k in ids] + [gain.spending(run)]
    return [*found, edits.self_edits(run), edits.survival(run), edits.relapses(run)]


@FEW
@given(TREES, NODES)
def test_adding_a_descendant_never_changes_a_nodes_own_measurements(nodes: list[Node], more: Node) -> None:
    before, after = lineage(nodes), lineage([*nodes, more])
    for version in range(len(nodes)):
        assert own(before, version) == own(after, version)


@FEW
@given(TREES, ORDERS)
def test_permuting_the_order_of_records_changes_nothing(nodes: list[Node], order: list[int]) -> None:
    assert everything(lineage(nodes)) == everything(lineage(nodes, order))


@FEW
@given(TREES)
def test_reading_changes_nothing(nodes: list[Node]) -> None:
    run, untouched = lineage(nodes), lineage(nodes)
    first = everything(run)
    assert everything(run) == first
    for name in ("versions", "decisions", "outcomes", "evaluations"):
        assert getattr(run, name).equals(getattr(untouched, name))


@FEW
@given(TREES)
def test_equal_trees_give_equal_credit(nodes: list[Node]) -> None:
    """Two copies of a tree below one root, born in turns."""
    run = Made()
    run.version(None, "seed", {"a": [0.5] * 3, "b": [0.5] * 3})
    for k, node in enumerate(nodes):
        for copy in (1, 2):
            parent = 2 * (node.parent % k) + copy if k else 0
            run.version(parent, node.verdict, {} if node.verdict == "failed" else node.scores)
    for k in range(len(nodes)):
        one, other = 2 * k + 1, 2 * k + 2
        assert credit.metaproductivity(run, one) == credit.metaproductivity(run, other)
        assert credit.growth(run, one) == credit.growth(run, other)


@FEW
@given(NODES, st.integers(2, 6))
def test_the_multiplier_of_a_run_that_never_changes_is_1(node: Node, steps: int) -> None:
    run = lineage([Node(0, "not_better", node.scores, node.calls, "same = 1")] * steps)
    for version in range(steps):
        found = gain.multiplier(run, version)
        assert (found.estimate, found.low, found.high) == (1.0, 1.0, 1.0)


@FEW
@given(NODES)
def test_a_program_that_only_does_the_same_has_the_multiplier_1_or_none(node: Node) -> None:
    """Another text, the same answers: 1 comes out of the arithmetic where the seed's gain is above 0."""
    run = Made()
    run.version(None, "seed", node.scores, calls=node.calls, text="one = 1")
    run.version(0, "kept", node.scores, calls=node.calls, text="other = 1")
    run.score(0, "val", 1, node.scores, calls=node.calls)
    found = gain.multiplier(run, 1)
    if found.estimate is not None and found.low is not None and found.high is not None:
        assert max(abs(found.estimate - 1), abs(found.low - 1), abs(found.high - 1)) < 1e-6


@MANY
@given(st.lists(st.sampled_from("abcdef"), max_size=8), st.lists(st.sampled_from("abcdef"), max_size=8))
def test_an_edit_undone_gives_the_text_before_it(before: list[str], after: list[str]) -> None:
    parent, child = "\n".join(before), "\n".join(after)
    assert edits.reverted(parent, child, child) == parent
    size = edits.edit(parent, child)
    assert len(child.splitlines()) - len(parent.splitlines()) == size.added - size.removed
