"""Credit to ancestors, against values worked by hand; reading changes nothing."""

from __future__ import annotations

import math

import pytest
from lineages import Made

from stop.analysis import credit, edits, gain, recorded


def family() -> Made:
    """0 has the children 1 and 2, 1 has 3: own results 0.5 of 2, 1.0 of 2, a failure, 0.75 of 2."""
    run = Made()
    run.version(None, "seed", [0.4, 0.6])
    run.version(0, "kept", [1.0, 1.0])
    run.version(0, "failed")
    run.version(1, "kept", [0.5, 1.0])
    return run


def test_the_clade_is_a_node_and_its_descendants() -> None:
    # successes 1 + 2 + 0 + 1.5, failures 1 + 0 + 2 + 0.5: the posterior is Beta(5.5, 4.5)
    found = credit.metaproductivity(family(), 0)
    assert found.estimate == pytest.approx(5.5 / 10) and found.n == 8
    assert credit.metaproductivity(family(), 1).estimate == pytest.approx(4.5 / 6)


def test_the_credible_interval_is_that_of_the_posterior() -> None:
    run = Made()
    run.version(None, "seed", [1.0, 1.0])
    found = credit.metaproductivity(run, 0)
    # Beta(3, 1) has the distribution function x^3
    assert (found.low, found.high) == (pytest.approx(0.025 ** (1 / 3)), pytest.approx(0.975 ** (1 / 3)))


def test_a_draft_enters_no_statistic() -> None:
    with_drafts, without = Made(), Made()
    for run, drafts in ((with_drafts, 2), (without, 0)):
        last = run.version(None, "seed", [0.4, 0.6], text="seed")
        for number in range(drafts):
            last = run.version(last, "draft", text=f"draft {number}")
        kept = run.version(last, "kept", [0.9, 0.7], text="kept")
        for number in range(2):
            run.version(kept, "not_better", [0.5, 0.1], text=f"child {number}")
    for measured in (
        lambda run: credit.metaproductivity(run, 0),
        lambda run: credit.growth(run, 0),
        lambda run: [one.effect for one in credit.leave_one_edit_out(run)],
        lambda run: [len(edits.self_edits(run)), len(recorded.ancestry(run, recorded.incumbent(run)))],
        lambda run: gain.imp_at_k(run, 1, "val"),
    ):
        assert measured(with_drafts) == measured(without)


def test_a_failure_is_as_many_zeros_as_the_seed_had_runs() -> None:
    assert credit.own_evidence(family(), 2) == credit.Evidence(0.0, 2.0)
    assert credit.metaproductivity(family(), 2).estimate == pytest.approx(1 / 4)


def test_a_score_above_1_is_one_success_and_no_more() -> None:
    run = Made()
    run.version(None, "seed", [1.3, 0.5])
    assert credit.own_evidence(run, 0) == credit.Evidence(1.5, 0.5)


def test_reading_a_clade_changes_nothing() -> None:
    """A published implementation adds the descendants' results to the node's own at every reading: 0.5, 0.2, 0.125."""
    run = family()
    own, clade = credit.own_evidence(run, 0), credit.metaproductivity(run, 0)
    for _ in range(3):
        assert credit.metaproductivity(run, 0) == clade and credit.own_evidence(run, 0) == own


def test_a_node_keeps_its_own_result_when_it_is_scored_again_as_a_parent() -> None:
    run = family()
    before = credit.own_evidence(run, 1)
    run.score(1, "val", 3, [0.0, 0.0])
    run.decide(1, "kept", step=1, block=1001)  # by the canary
    run.score(1, "val", 1001, [0.0, 0.0])
    assert credit.own_evidence(run, 1) == before


def test_growth_counts_near_descendants_more() -> None:
    # from 0.5: +0.5 and -0.5 at distance 1, +0.25 at distance 2
    expected = (0.6 * 0.5 + 0.6 * -0.5 + 0.36 * 0.25) / 3
    found = credit.growth(family(), 0)
    assert found.estimate == pytest.approx(expected) and found.n == 3
    # errors: 0.1 of the seed, 0 of version 1, 0.25 of version 3
    error = math.hypot((0.6 + 0.6 + 0.36) / 3 * 0.1, 0.36 / 3 * 0.25)
    assert found.low is not None and found.high is not None
    assert found.high - expected == pytest.approx(expected - found.low) and found.high - expected > 4.3 * error


def test_growth_takes_three_descendants_and_a_discount_up_to_1() -> None:
    run = family()
    assert credit.growth(run, 1).why == "1 descendants, it takes 3"
    run.version(3, "kept", [0.5, 0.5])
    assert credit.growth(run, 1).why == "2 descendants, it takes 3"
    with pytest.raises(ValueError, match=r"a discount of 0; it lies in \(0, 1\], as 0.6"):
        credit.growth(family(), 0, gamma=0.0)


BASE = "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\n"


def edited(*texts: str) -> Made:
    run = Made()
    run.version(None, "seed", [0.1, 0.2], text=BASE)
    for k, text in enumerate(texts, 1):
        run.version(k - 1, "kept", [0.1 + 0.2 * k, 0.2 + 0.1 * k], text=text)
        run.score(k - 1, "val", k, [0.1, 0.2])
    return run


def test_the_last_edit_left_out_is_the_parent_on_the_same_block() -> None:
    (found,) = credit.leave_one_edit_out(edited(BASE.replace("a = 1", "a = 9")))
    # pairs 0.3 - 0.1 and 0.3 - 0.2
    assert found.version == 1 and found.effect.estimate == pytest.approx(0.15) and found.effect.n == 2
    run = edited(BASE.replace("a = 1", "a = 9"))
    run.version(0, "not_better", [0.0, 0.0], text=BASE)  # the same program once more, on a block of its own
    (found,) = credit.leave_one_edit_out(run)
    assert found.effect.estimate == pytest.approx(0.15) and "not paired" not in found.effect.why


def test_an_earlier_edit_is_left_out_where_that_program_was_scored() -> None:
    first = BASE.replace("a = 1", "a = 9")
    run = edited(first, first.replace("e = 5", "e = 6"))
    found = credit.leave_one_edit_out(run)
    assert found[0].effect.why == "missing: no version is the program without it; it would have to be run"
    run.version(0, "not_better", [0.2, 0.2], text=BASE.replace("e = 5", "e=6  # laid out otherwise"))
    found = credit.leave_one_edit_out(run)
    # version 2 has 0.5 and 0.4 on its block, the program without the first edit 0.2 and 0.2 on its own
    assert found[0].effect.estimate == pytest.approx(0.45 - 0.2) and "not paired" in found[0].effect.why


def test_an_edit_that_a_later_one_wrote_over_cannot_be_left_out_alone() -> None:
    run = edited(BASE.replace("a = 1", "a = 9"), BASE.replace("a = 1", "a = 10"))
    first = credit.leave_one_edit_out(run)[0].effect
    assert first.why == "missing: later edits changed the same or adjoining lines: it cannot be undone alone"


def test_where_the_seed_stands_there_is_no_edit_to_leave_out() -> None:
    assert credit.leave_one_edit_out(edited()) == []
