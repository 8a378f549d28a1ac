"""Sizes of self-edits and what lasts of them, against values counted by hand."""

from __future__ import annotations

import pytest
from lineages import Made

from stop.analysis import edits

OLD = "def f(x):\n    y = x + 1\n    return y\n"


def test_lines_are_counted_as_written_and_nodes_without_comments_and_layout() -> None:
    assert edits.edit(OLD, OLD) == edits.Edit(0, 0, 0)
    assert edits.edit(OLD, "# why\n" + OLD.replace("x + 1", "(x  +  1)")) == edits.Edit(2, 1, 0)
    assert edits.edit(OLD, OLD.replace("1", "2")) == edits.Edit(1, 1, 2)  # one constant for another
    assert edits.edit(OLD, OLD + "z = 1\n") == edits.Edit(1, 0, 3)  # an assignment, its name, its constant
    assert edits.edit(OLD, "def f(") == edits.Edit(1, 3, None)


def run_of(*texts: str) -> Made:
    run = Made()
    for k, text in enumerate(texts):
        run.version(k - 1 if k else None, "kept" if k else "seed", [0.5], text=text)
    return run


def test_churn_is_relative_to_the_parent_and_survival_is_up_to_the_incumbent() -> None:
    run = run_of("a\nb\n", "a\nb\nc\nd\n", "a\nx\nc\n")
    first, second = edits.self_edits(run)
    assert (first.edit.added, first.edit.removed, first.churn, first.alive) == (2, 0, 1.0, 1)  # c lasts, d does not
    assert (second.edit.lines, second.churn, second.alive) == (3, 0.75, 1)  # b becomes x, d goes
    assert edits.survival(run) == {0: 1, 1: 1, 2: 1}


def test_a_version_beside_the_way_has_no_survival() -> None:
    run = run_of("a\n", "b\n")
    run.version(0, "not_better", [0.1], text="c\n")
    assert [e.alive for e in edits.self_edits(run)] == [1, None]


def test_coming_back_to_an_earlier_text_is_a_relapse() -> None:
    assert edits.relapses(run_of("a\n", "b\n", "a\n")) == [2]


@pytest.mark.parametrize(
    ("parent", "child", "later", "without"),
    [
        ("1\n2\n3", "1\nx\n3", "1\nx\n3", "1\n2\n3"),  # nothing came later
        ("1\n2\n3\n4", "x\n2\n3\n4", "x\n2\n3\ny", "1\n2\n3\ny"),  # something came elsewhere
        ("1\n2\n3", "1\nx\n3", "1\ny\n3", None),  # something came in its place
        ("1\n2\n3", "1\nx\n3", "1\n2\n3", "1\n2\n3"),  # it was taken back already
        ("1\n2\n3", "1\nx\n3", "1\nx\ny", None),  # something came beside it
    ],
)
def test_an_edit_is_undone_below_later_ones(parent: str, child: str, later: str, without: str | None) -> None:
    assert edits.reverted(parent, child, later) == without
