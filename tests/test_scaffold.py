"""What text may be an improver, and when two texts are the same program."""

from __future__ import annotations

from pathlib import Path

import pytest

from stop import load
from stop.run import main
from stop.scaffold import BadScaffold, Scaffold, UnknownScaffold, canonical, read_scaffold, sha

GOOD = "def improve_algorithm(initial_solution, utility, language_model):\n    return initial_solution\n"


SHIPPED = sorted(path.stem for path in (Path(__file__).parent.parent / "scaffolds").glob("*.py"))


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_scaffolds_are_improvers_that_run_within_their_budgets(name: str, tmp_path: Path) -> None:
    asked = ["maxcut", "--scaffold", name, "--preset", "local", "--generations", "0", "--repeats", "2"]
    asked += ["--noise-repeats", "0"]
    assert main([*asked, "--budget-calls", "16", "--out", str(tmp_path / "r")]) == 0
    found = load(tmp_path / "r").outcomes
    assert list(found["status"]) == ["ok", "ok"] and set(found["llm_calls"]) <= {4, 8}


def test_default_values_behind_the_three_parameters_are_allowed() -> None:
    source = GOOD.replace("language_model)", "language_model, rounds=3, *, width=2)")
    assert Scaffold.checked(source).source == source


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def improve_algorithm(:", "does not parse"),
        ("x = 1", "defines no function improve_algorithm"),
        ("def improve_algorithm(a, b, c): pass", r"has the parameters \(a, b, c\)"),
        ("def improve_algorithm(initial_solution, utility): pass", "has the parameters"),
        (GOOD.replace("language_model)", "language_model, more)"), "has the parameters"),
        (GOOD.replace("language_model)", "language_model, *, more)"), "has the parameters"),
        ("-" * 5000 + "1", "does not parse"),
    ],
)
def test_a_text_that_cannot_be_an_improver_is_refused_with_its_reason(source: str, why: str) -> None:
    with pytest.raises(BadScaffold, match=why):
        Scaffold.checked(source)


def test_an_unknown_scaffold_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnknownScaffold, match="Nearest: seed"):
        read_scaffold("sede")


def test_texts_that_differ_in_comments_and_layout_alone_run_as_the_same_program() -> None:
    other = "# a comment\n" + GOOD.replace("return", "\n\n    return ").replace("(initial", "( initial")
    assert sha(GOOD) != sha(other) and canonical(GOOD) == canonical(other)


def test_a_changed_string_is_another_program() -> None:
    assert canonical("x = 'a'") != canonical("x = 'b'")
    assert canonical('x = "a"') == canonical("x = 'a'")


LADDER = Path(__file__).parent / "improvers" / "ladder.py"


def test_an_improver_of_the_shape_that_stop_found_runs_as_a_file(tmp_path: Path) -> None:
    """Published with STOP: a ladder of temperatures, no answer twice, each utility asked once."""
    argv = ["maxcut", "--scaffold", str(LADDER), "--generations", "1", "--repeats", "2", "--out", str(tmp_path / "r")]
    assert main(argv) == 0
    run = load(tmp_path / "r")
    assert list(run.versions["status"])[0] == "seed" and "failed" not in set(run.versions["status"])
    assert set(run.calls["temperature"]) == {0.4, 0.7, 1.0}
    seeds = run.outcomes[run.outcomes["version"] == 0]
    assert set(seeds["llm_calls"]) == {18} and (seeds["utility"] > seeds["seed_utility"]).any()
