"""Which version is the next parent: the published formulas by hand, and the errors of the originals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stop.arguments import POLICIES as OFFERED
from stop.choose import POLICIES, BadPolicy, Shares, State, policy, sigmoid, taken
from stop.clade import Evidence, clades, thompson
from stop.draw import drawn_index
from stop.lineage import MEASURED_BLOCK, Decision, ImproverRun, Lineage, Score, Spent, Version

SOME = settings(max_examples=25, deadline=None, derandomize=True)
Scores = Mapping[str, Sequence[float]]  # task -> one utility per repeat


class Made(Lineage):
    """A lineage by hand."""

    def born(self, parent: int | None, status: str, scores: Scores | Sequence[float] = (), unscorable: int = 0) -> int:
        """A version with these own improver runs, and its number. unscorable: outputs in each of them."""
        number = len(self.versions)
        by_task = scores if isinstance(scores, Mapping) else {"a": scores} if scores else {}
        counts = {"unscorable": unscorable} if unscorable else {}
        runs = [ImproverRun(t, i, "ok", "", u, counts=counts) for t, us in by_task.items() for i, u in enumerate(us)]
        score = Score.of(runs)
        version = Version(
            number, f"sha{number}", "", parent, number, 0, status, score.mean, None, score.n, Spent(),  # type: ignore[arg-type]
        )  # fmt: skip
        decision = Decision(number, number, "r", {}, 1, None, number, version.status, "rule", "")
        self.append(version, [decision], [r.record(version=number, split="val", block=number, unit="") for r in runs])
        return number

    def further(self, version: int, repeat: int, utility: float) -> None:
        run = ImproverRun("a", repeat, "ok", utility=utility)
        self._take([run.record(version=version, split="val", block=MEASURED_BLOCK, unit="")])


def family() -> Made:
    """Scores 0.5, 0.8, 0.3 and 0.6; 0 has the children 1, 2 and a failure 3, and 1 has 4, which is current."""
    made = Made()
    made.born(None, "seed", [0.4, 0.6])
    made.born(0, "kept", [0.8, 0.8])
    made.born(0, "not_better", [0.2, 0.4])
    made.born(0, "failed")
    made.born(1, "kept", [0.5, 0.7])
    return made


def shares(spec: str, lineage: Lineage, run_seed: int = 0) -> Shares:
    chosen = policy(spec)
    return chosen.shares(State(lineage, chosen.candidates(lineage), run_seed))


# -- the formulas ------------------------------------------------------------------------------------------------------
def test_chain_takes_the_current_version_and_best_the_highest_that_was_kept() -> None:
    assert shares("chain", family()) == {4: 1.0}
    assert shares("best", family()) == {1: 1.0}


def test_best_is_the_highest_not_the_lowest_and_of_equal_ones_the_latest() -> None:
    made = family()  # DGM_outer.py sorts upwards and takes the first
    made.born(1, "kept", [0.8, 0.8])
    made.born(1, "not_better", [1.0, 1.0])
    assert shares("best", made) == {5: 1.0}


def test_random_is_uniform_over_what_ran() -> None:
    assert shares("random", family()) == {0: 0.25, 1: 0.25, 2: 0.25, 4: 0.25}


def test_dgm_is_a_sigmoid_over_children_that_work() -> None:
    weights = {
        0: 1 / (1 + math.exp(-10 * (0.5 - 0.5))) / 3,  # its third child failed: it is in no archive
        1: 1 / (1 + math.exp(-10 * (0.8 - 0.5))) / 2,
        2: 1 / (1 + math.exp(-10 * (0.3 - 0.5))),
        4: 1 / (1 + math.exp(-10 * (0.6 - 0.5))),
    }
    found = shares("dgm", family())
    assert found == pytest.approx({v: w / sum(weights.values()) for v, w in weights.items()}, abs=1e-9)
    # by another's arithmetic: 1/6, 0.4762870634, 0.1192029220, 0.7310585786 of 1.4932152307
    assert found[4] == pytest.approx(0.489586868, abs=1e-8)


def test_the_midpoint_and_steepness_of_dgm_can_be_set() -> None:
    made = Made()
    made.born(None, "seed", [0.9])
    made.born(0, "not_better", [0.7])
    found = shares("dgm:midpoint=0.8,steepness=5", made)
    expected = [1 / (1 + math.exp(-0.5)) / 2, 1 / (1 + math.exp(0.5))]
    assert found == pytest.approx({v: w / sum(expected) for v, w in enumerate(expected)}, abs=1e-9)


def test_hyper_is_a_sigmoid_around_the_mean_of_the_top_three_and_falls_with_all_children() -> None:
    middle = (0.8 + 0.6 + 0.5) / 3
    children = {0: 3, 1: 1, 2: 0, 4: 0}
    scores = {0: 0.5, 1: 0.8, 2: 0.3, 4: 0.6}
    weights = {v: math.exp(-((n / 8) ** 3)) / (1 + math.exp(-10 * (scores[v] - middle))) for v, n in children.items()}
    found = shares("hyper", family())
    assert found == pytest.approx({v: w / sum(weights.values()) for v, w in weights.items()}, abs=1e-9)


def test_hyper_with_nothing_but_exhausted_parents_gives_each_the_same_chance() -> None:
    made = Made()
    made.born(None, "seed", [0.5])
    for _ in range(90):  # exp(-(90/8)^3) is 0 in floating point
        made.born(0, "failed")
    assert shares("hyper", made) == {0: 1.0}


def beta_above(first: Evidence, second: Evidence) -> Fraction:
    """P(X > Y) of two Beta posteriors with whole numbers, exactly: a sum over the first's successes."""
    (a, b), (c, d) = ((int(x) for x in e.posterior) for e in (first, second))

    def beta(p: int, q: int) -> Fraction:
        return Fraction(math.factorial(p - 1) * math.factorial(q - 1), math.factorial(p + q - 1))

    return sum((beta(c + i, b + d) / ((b + i) * beta(1 + i, b) * beta(c, d)) for i in range(a)), Fraction())


@pytest.mark.parametrize(
    ("first", "second"), [((1, 4), (3, 3)), ((0, 9), (0, 0)), ((40, 12), (2, 0)), ((90, 110), (5, 4)), ((0, 0), (0, 0))]
)
def test_the_chance_of_a_thompson_draw_is_exact(first: tuple[int, int], second: tuple[int, int]) -> None:
    one, other = Evidence(*first), Evidence(*second)
    assert thompson({7: one, 9: other})[7] == pytest.approx(float(beta_above(one, other)), abs=1e-10)


def test_hgm_chooses_by_the_whole_clade() -> None:
    # own: 1.0/1.0, 1.6/0.4, 0.6/1.4, 0/2 (failed), 1.2/0.8; clade of 0 is all of them, of 1 its own and that of 4
    made = family()
    clade = {0: Evidence(4.4, 5.6), 1: Evidence(2.8, 1.2), 2: Evidence(0.6, 1.4), 4: Evidence(1.2, 0.8)}
    assert shares("hgm", made) == pytest.approx(thompson(clade), abs=1e-9)
    own = {v.id: Evidence.of(r.utility for r in made.own(v.id)) for v in made.archive()}
    assert shares("hgm", made)[0] != pytest.approx(thompson(own)[0], abs=0.01)


def test_hgm_on_whole_successes_against_exact_fractions() -> None:
    made = Made()
    made.born(None, "seed", [1, 0, 0])
    made.born(0, "not_better", [1, 1, 0])
    # clades: 3 of 6 and 2 of 3; Beta(4, 4) and Beta(3, 2)
    exact = float(beta_above(Evidence(3, 3), Evidence(2, 1)))
    assert exact == pytest.approx(1 / 3, abs=1e-9) or 0 < exact < 1
    assert shares("hgm", made) == pytest.approx({0: exact, 1: 1 - exact}, abs=1e-9)


def test_hgm_leaves_out_what_never_scored_unless_nothing_did() -> None:
    made = Made()
    made.born(None, "seed", [0.0, 0.0])
    assert shares("hgm", made) == {0: 1.0}
    made.born(0, "kept", [0.0, 0.5])
    assert shares("hgm", made) == {0: 0.0, 1: pytest.approx(1.0)}


def test_reading_a_clade_again_and_again_changes_nothing() -> None:
    made, first = family(), shares("hgm", family())  # in HGM's tree.py each reading adds the descendants to the node
    before = [[*made.own(v.id)] for v in made.versions]
    for _ in range(3):
        assert shares("hgm", made) == first and policy("hgm").choose(made, 0) == policy("hgm").choose(family(), 0)
    assert [[*made.own(v.id)] for v in made.versions] == before


def test_every_descendant_counts_once_in_a_clade() -> None:
    own = {v: Evidence(2.0**v, 0.0) for v in range(5)}  # a version of tree.py leaves the last one out
    found = clades({0: None, 1: 0, 2: 1, 3: 1, 4: 0}, own)
    assert [found[v].successes for v in range(5)] == [31.0, 14.0, 4.0, 8.0, 16.0]


def test_hgm_measures_further_until_the_trials_allow_another_version() -> None:
    made = Made()
    made.born(None, "seed", [0.5])
    wanted = []
    for _ in range(4):
        chosen, repeats = policy("hgm"), 0
        while (version := chosen.measure(made, 0, repeats)) is not None:
            made.further(version.id, made.repeats_measured(version.id), 0.5)
            repeats += 1
        wanted.append(repeats)
        made.born(0, "not_better", [0.5])
    # versions |T| - 1 = 0, 1, 2, 3 with one trial each at birth need N >= (|T| - 1)^(1/0.6): 0, 1, 3.2, 6.2
    assert wanted == [0, 0, 2, 2] and policy("hgm:alpha=1").measure(made, 0, 0) is None
    assert policy("dgm").measure(made, 0, 0) is None


def test_hgm_measures_by_each_ones_own_trials() -> None:
    made = family()
    made.born(4, "not_better", [0.5, 0.5])
    chosen = policy("hgm:alpha=0.3")  # 10 trials: 10^0.3 is below 5
    state = State(made, made.archive(), 0)
    own = {v.id: Evidence.of(r.utility for r in made.own(v.id)) for v in made.archive()}
    assert chosen.further(state) == pytest.approx(thompson(own), abs=1e-9)


def test_pareto_is_in_proportion_to_fronts_without_the_dominated() -> None:
    made = Made()
    made.born(None, "seed", {"a": [0.9], "b": [0.1], "c": [0.5], "d": [0.1]})
    made.born(0, "kept", {"a": [0.9], "b": [0.8], "c": [0.5], "d": [0.1]})
    made.born(0, "not_better", {"a": [0.2], "b": [0.2], "c": [0.2], "d": [0.7]})
    made.born(0, "not_better", {"a": [0.1], "b": [0.1], "c": [0.1], "d": [0.1]})
    # fronts: a {0, 1}, b {1}, c {0, 1}, d {2}; the seed has 1 beside it wherever it is first, 3 is nowhere
    assert shares("pareto", made) == pytest.approx({0: 0.0, 1: 3 / 4, 2: 1 / 4, 3: 0.0}, abs=1e-9)


def test_pareto_of_two_that_dominate_each_other_leaves_one() -> None:
    made = Made()
    made.born(None, "seed", {"a": [0.5], "b": [0.5]})
    made.born(0, "not_better", {"a": [0.5], "b": [0.5]})
    assert shares("pareto", made) == {0: 0.0, 1: 1.0}


def test_an_island_weighs_by_the_spread_of_its_scores() -> None:
    made = family()
    found = shares("islands:islands=1", made)
    # median of 0.3, 0.5, 0.6, 0.8 is 0.55, deviations 0.25, 0.05, 0.05, 0.25: MAD 0.15
    scores, children = {0: 0.5, 1: 0.8, 2: 0.3, 4: 0.6}, {0: 3, 1: 1, 2: 0, 4: 0}
    weights = {v: sigmoid(10 * (s - 0.55) / 0.15) / (1 + children[v]) for v, s in scores.items()}
    assert found == pytest.approx({v: w / sum(weights.values()) for v, w in weights.items()}, abs=1e-9)


def archipelago(steps: int) -> Made:
    made = Made()
    made.born(None, "seed", [0.5])
    for step in range(1, steps + 1):
        made.born(policy("islands").choose(made, 3).parent.id, "not_better", [0.3 + 0.01 * (step * 7 % 13)])
    return made


def test_islands_are_used_and_keep_to_themselves_until_they_send_some_away() -> None:
    made = archipelago(25)
    chosen = policy("islands")
    assert {chosen.choose(made, seed).record["island"] for seed in range(12)} == {0, 1}
    before, after = (chosen.inhabitants(State(_until(made, n), made.archive(), 3)) for n in (10, 11))  # type: ignore[attr-defined]
    for version in made.versions[1:10]:
        where = drawn_index("island", 3, version.step, among=2)
        assert version.id in before[where] and (version.parent_id == 0 or version.parent_id in before[where])
    moved = [v for here, then in zip(before, after, strict=True) for v in then - here - {10}]
    best = {max(here - {0}, key=lambda v: made.versions[v].meta_utility) for here in before if len(here) > 1}
    assert 1 <= len(moved) <= 2 and not set(moved) & best and 0 in after[0] & after[1]


def _until(made: Lineage, versions: int) -> Lineage:
    cut = Made()
    cut.versions, cut.standing, cut._own = made.versions[:versions], made.standing, made._own
    return cut


# -- who may be a parent -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(set(POLICIES) - {"chain", "best"}))
def test_an_archive_holds_what_ran_and_was_not_withdrawn(name: str) -> None:
    made = family()
    made.born(0, "indecisive", [0.5, 0.5])
    for status in ("canary_failed", "pending", "draft", "rejected", "rolled_back"):
        made.born(0, status, [1.0, 1.0])
    made.born(0, "not_better", [1.0, 1.0], unscorable=1)  # its outputs were an incident
    made.standing[4] = "rolled_back"
    assert set(shares(name, made)) == {0, 1, 2, 5}


def test_what_was_kept_and_rolled_back_is_no_parent_of_the_chain_or_of_the_best() -> None:
    made = family()
    made.standing[1] = "rolled_back"
    assert shares("best", made) == shares("chain", made) == {4: 1.0}


def test_a_failed_improver_run_alone_does_not_make_a_version_run() -> None:
    made = family()
    crashed = ImproverRun("a", 0, "crash").record(version=5, split="val", block=5, unit="")
    version = Version(5, "sha5", "", 0, 5, 0, "not_better", 0.0, None, 1, Spent())
    made.append(version, [Decision(5, 5, "r", {}, 1, None, 5, "not_better", "rule", "")], [crashed])
    assert 5 not in shares("random", made)


# -- the draw ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", POLICIES)
def test_parents_are_drawn_as_often_as_their_shares_say(name: str) -> None:
    made, draws = family(), 4000
    chosen = policy(name)
    found = [chosen.choose(made, run_seed) for run_seed in range(draws)]
    per_seed = [chosen.shares(State(made, chosen.candidates(made), seed)) for seed in range(draws)] \
        if name == "islands" else [shares(name, made)] * draws  # fmt: skip
    expected = {v: sum(s[v] for s in per_seed) for v in per_seed[0]}
    counts = {v: sum(c.parent.id == v for c in found) for v in expected}
    assert all(counts[v] == 0 for v, e in expected.items() if e == 0.0)
    chi = sum((counts[v] - e) ** 2 / e for v, e in expected.items() if e > 0.0)
    assert chi < 21.1  # 99.99 % of chi-square with 3 degrees of freedom; the draws are always the same
    if chosen.recorded and name != "islands":
        assert all(c.record["probability"] == per_seed[0][c.parent.id] for c in found)


@SOME
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6).filter(any), st.integers(0, 99))
def test_what_has_no_share_is_never_taken(weights: list[float], seed: int) -> None:
    total = math.fsum(weights)
    found = {v: w / total for v, w in enumerate(weights)}
    assert found[taken(found, "parent", seed, 1)] > 0.0


@pytest.mark.parametrize("name", POLICIES)
@SOME
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(["kept", "not_better", "failed"]), st.floats(0, 1)), max_size=12
    )
)
def test_shares_are_chances_of_candidates_and_depend_on_nothing_else(
    name: str, births: list[tuple[int, str, float]]
) -> None:
    lineages = [Made(), Made()]
    for made in lineages:
        made.born(None, "seed", [0.5, 0.25])
        for parent, status, score in births:
            made.born(parent % len(made.versions), status, [score, 0.5] if status != "failed" else ())
    found, again = (shares(name, made) for made in lineages)
    assert found == again and set(found) <= {v.id for v in lineages[0].archive()}
    assert math.fsum(found.values()) == pytest.approx(1.0) and min(found.values()) >= 0.0
    assert policy(name).choose(lineages[0], 1) == policy(name).choose(lineages[1], 1)


def test_evidence_of_many_versions_is_a_distribution_that_follows_their_means() -> None:
    found = thompson({v: Evidence(0.5 * v, 0.5 * (10 - v)) for v in range(11)})
    assert math.fsum(found.values()) == pytest.approx(1.0)
    assert all(a < b for a, b in pairwise(found.values()))


# -- by name -----------------------------------------------------------------------------------------------------------
def test_the_policies_of_the_command_line_are_those_there_are() -> None:
    assert tuple(POLICIES) == OFFERED


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("hgn", "no policy 'hgn'; nearest: hgm; found: chain, best, random"),
        ("hgm:alfa=0.5", "no number 'alfa'; nearest: alpha; found: alpha. Give NAME:KEY=VALUE,KEY=VALUE."),
        ("hgm:", "no number ''; found: alpha."),
        ("hgm:alpha=0.5,alpha=0.6", "alpha is given twice. Give it once."),
        ("hgm:alpha=0.05", "alpha '0.05': give a number from 0.3 to 1 (published: 0.6)."),
        ("chain:x=1", "no number 'x'; chain has no numbers to set."),
        ("hgm:alpha=2", "alpha '2': give a number from 0.3 to 1 (published: 0.6)."),
        ("hgm:alpha=nan", "alpha 'nan': give a number"),
        ("hyper:top=2.5", "top '2.5': give a whole number from 1 to 1000 (published: 3)."),
        ("dgm:midpoint", "midpoint '': give a number from 0 to 1 (published: 0.5)."),
    ],
)
def test_a_policy_that_cannot_be_is_refused_in_one_line(spec: str, line: str) -> None:
    with pytest.raises(BadPolicy) as refused:
        policy(spec)
    assert str(refused.value).startswith(f"--policy {spec}: ") and line in str(refused.value)
