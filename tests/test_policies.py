"""Runs under every policy: their records say why a parent was chosen, resume and replay choose the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ONE, TINY, Said, records

import stop
from stop.choose import POLICIES, State, policy
from stop.forecast import forecast
from stop.lineage import MEASURED_BLOCK, Lineage
from stop.session import Session, begin

STEPS = 4


def settings(tiny: list[str], name: str) -> dict[str, object]:
    return {
        "scaffold": tiny[2],
        "generations": STEPS,
        "repeats": 1,
        "test_repeats": 1,
        "noise_repeats": 0,
        "policy": name,
    }


@pytest.fixture(scope="module", params=POLICIES)
def run_of(
    request: pytest.FixtureRequest, tiny: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A policy, and what an undisturbed run under it leaves, within its budgets; do not change it, copy it."""
    out = tmp_path_factory.mktemp("policies") / request.param
    with begin(tiny[0], out=out, **settings(tiny, request.param)) as session:  # type: ignore[arg-type]
        session.run()
        kept_its_budgets(session)
    return request.param, out


def test_a_run_replays(run_of: tuple[str, Path], stop_run: Callable[..., Said]) -> None:
    said = stop_run("--replay", "--out", run_of[1])
    assert said.status == 0 and said.out.endswith(": equal\n"), said.lines


def test_a_run_that_is_left_after_two_steps_and_resumed_is_the_same(
    run_of: tuple[str, Path], tiny: list[str], tmp_path: Path
) -> None:
    name, whole = run_of
    with begin(tiny[0], out=tmp_path / "r", workers=3, **settings(tiny, name)) as session:  # type: ignore[arg-type]
        session.score_seed()
        session.step()
        session.step()
    with begin(tiny[0], out=tmp_path / "r", **settings(tiny, name)) as session:  # type: ignore[arg-type]
        session.run()
    assert records(tmp_path / "r") == records(whole)


def test_the_records_say_why_each_parent_was_chosen(run_of: tuple[str, Path]) -> None:
    name, out = run_of
    run = stop.load(out)
    rows = [run.rows(f"{file}.jsonl") for file in ("lineage", "decisions", "outcomes")]
    for version in rows[0][1:]:
        number = version["id"]
        first = next(d for d in rows[1] if d["id"] == number)
        before = Lineage(*([r for r in found if r["unit"] in _units(number)] for found in rows))
        if name == "hgm":  # what was measured in this very step was measured before the choice
            before = before.measured([r for r in rows[2] if r["unit"] == f"step {number}" and r["version"] < number])
        chosen = policy(name)
        shares = chosen.shares(State(before, chosen.candidates(before), 0))
        assert shares[version["parent_id"]] > 0.0
        if name == "chain":
            assert "choice" not in first["evidence"] and shares == {version["parent_id"]: 1.0}
            continue
        choice = first["evidence"]["choice"]
        assert (
            choice["probability"] == shares[version["parent_id"]]
            and choice["candidates"] == len(shares)
            or name == "best"
        )
        assert ("island" in choice) == (name == "islands")


def _units(number: int) -> set[str]:
    return {"seed", *(f"step {k}" for k in range(1, number))}


def test_a_child_is_compared_with_the_champion_whoever_its_parent_is(run_of: tuple[str, Path]) -> None:
    run = stop.load(run_of[1])
    champion = 0
    for version in run.rows("lineage.jsonl")[1:]:
        decided = [d for d in run.rows("decisions.jsonl") if d["id"] == version["id"]]
        on_its_block = {
            r["version"] for r in run.rows("outcomes.jsonl") if r["split"] == "val" and r["block"] == version["id"]
        }
        if decided[0]["verdict"] != "failed":
            assert on_its_block == {champion, version["id"]}
            assert decided[0]["evidence"].get("compared_with", version["parent_id"]) == champion
        if decided[-1]["verdict"] == "kept":
            champion = version["id"]
    assert run.best == champion


def test_all_calls_of_a_step_are_the_versions(run_of: tuple[str, Path]) -> None:
    run = stop.load(run_of[1])
    assert sum(row["llm_calls"] for row in run.rows("calls.jsonl") and run.rows("lineage.jsonl")) == run.search_calls
    for version in run.rows("lineage.jsonl"):
        asked = sum(r["llm_calls"] for r in run.rows("outcomes.jsonl") if r["unit"] == version["unit"])
        assert version["llm_calls"] >= asked > 0 or version["status"] == "failed"


def kept_its_budgets(session: Session) -> None:
    config, run = session.plan.config, session.recorded
    per_run = [row["llm_calls"] for row in run.rows("outcomes.jsonl")]
    assert per_run and max(per_run) <= config.calls_per_improver_run
    said = dict(line.split(": ", 1) for line in forecast(session.plan, session.model).splitlines())
    assert 0 < run.llm_calls <= int(said["calls_worst"])
    assert run.steps == config.generations


@pytest.mark.parametrize("name", POLICIES)
def test_a_run_keeps_its_budgets_with_scripted_replies_and_its_champion_is_of_what_was_kept(
    name: str, tiny: list[str], scripted: Callable[..., str], tmp_path: Path
) -> None:
    solution = "def algorithm(*arguments):\n    return [i % 2 for i in range(len(arguments[0]))]\n"
    asks_less, cannot_run = TINY.replace("n_responses=4", "n_responses=3"), "def improve_algorithm(:"
    model = scripted(*(f"```python\n{text}```" for text in (solution, asks_less, cannot_run)))
    with begin(tiny[0], out=tmp_path / "run", model=model, **settings(tiny, name)) as session:  # type: ignore[arg-type]
        session.run()
        kept_its_budgets(session)
        run = session.recorded
    stands = [0, *(v for v, verdict in run.standing.items() if verdict == "kept")]
    assert run.best == stands[-1]
    parents = {row["parent_id"] for row in run.rows("lineage.jsonl")[1:]}
    if name in ("chain", "best"):
        assert parents <= set(stands)
    ran = {r["version"] for r in run.rows("outcomes.jsonl") if r["split"] == "val" and r["status"] == "ok"}
    assert parents <= ran and not any(run.standing[v] in ("failed", "rejected", "rolled_back") for v in parents)


# -- measured further --------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def hgm(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run under hgm that measures versions further; do not change it."""
    out = tmp_path_factory.mktemp("hgm") / "run"
    with begin(tiny[0], out=out, **settings(tiny, "hgm:alpha=0.5")) as session:  # type: ignore[arg-type]
        session.run()
    return out


def test_hgm_measures_as_its_growth_demands_and_the_run_says_where(hgm: Path, stop_run: Callable[..., Said]) -> None:
    run = stop.load(hgm)
    further = [r for r in run.rows("outcomes.jsonl") if r["block"] == MEASURED_BLOCK]
    per_step = [sum(r["unit"] == f"step {k}" for r in further) for k in range(1, STEPS + 1)]
    # one task, one trial a version at birth: before step k there must be (k - 1)^2 trials
    assert per_step == [0, 0, 2, 4]
    assert [r["repeat"] for r in further if r["version"] == further[0]["version"]] == [
        *range(sum(r["version"] == further[0]["version"] for r in further))
    ]
    looks = run.settings["looks"]["val"]
    assert [one["unit"] for one in looks if one["block"] == MEASURED_BLOCK] == ["step 3", "step 4"]
    assert stop_run("--replay", "--out", hgm).status == 0


def test_what_was_measured_further_is_evidence_for_credit_too(hgm: Path) -> None:
    from stop.analysis import credit

    run = stop.load(hgm)
    lineage = Lineage(*(run.rows(f"{file}.jsonl") for file in ("lineage", "decisions", "outcomes")))
    for version in range(STEPS + 1):
        assert credit.own_evidence(run, version).n == max(1, len(lineage.own(version)))
    assert credit.clade_evidence(run, 0).n == 5 + 6


def test_a_run_that_a_budget_cut_while_it_measured_goes_on_as_if_it_had_not(
    hgm: Path, tiny: list[str], tmp_path: Path
) -> None:
    from stop.budget import RunBudgetSpent

    whole, calls = stop.load(hgm), 0
    fresh = [row["unit"] for row in whole.rows("calls.jsonl")]
    in_step_three = fresh.index("step 3")
    for calls in (in_step_three + 1, in_step_three + 5, 0):
        changed = {**settings(tiny, "hgm:alpha=0.5"), "budget_calls": calls}
        with begin(tiny[0], out=tmp_path / "r", **changed) as session:  # type: ignore[arg-type]
            if calls:
                with pytest.raises(RunBudgetSpent):
                    session.run()
            else:
                session.run()
    assert records(tmp_path / "r") == records(hgm)


def test_the_dry_run_counts_what_hgm_may_measure_further(
    tiny: list[str], tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    argv = [*tiny[:3], "--repeats", "1", "--generations", "30", "--dry-run", "--out", tmp_path / "r"]
    worst = {}
    for name in ("chain", "hgm"):
        said = stop_run(*argv, "--policy", name)
        assert f"policy: {name}\n" in said.out
        worst[name] = int(said.out.split("calls_worst: ")[1].split()[0])
    # 29 versions need 29^(1/0.6) = 273.9 trials, and have 29
    assert worst["hgm"] - worst["chain"] == 245 * 24


# -- the command -------------------------------------------------------------------------------------------------------
def test_show_says_with_which_probability_a_parent_was_chosen(
    run_of: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    from stop.show import main

    name, out = run_of
    assert main([str(out), "2"]) == 0
    said = capsys.readouterr().out
    assert (" with probability " in said) == (name != "chain") and "choice" not in said


def test_run_json_says_which_policy_chose(run_of: tuple[str, Path]) -> None:
    name, out = run_of
    found = stop.load(out).settings
    assert found["config"]["policy"] == name
    assert (f"chosen by the policy {name}" in found["axes"]["mechanism"]) == (name != "chain")


def test_a_resume_under_another_policy_or_number_is_refused(
    hgm: Path, tiny: list[str], tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    shutil.copytree(hgm, tmp_path / "r")
    said = stop_run(
        *tiny[:3],
        "--repeats",
        "1",
        "--policy",
        "hgm",
        "--generations",
        "4",
        "--noise-repeats",
        "0",
        "--out",
        tmp_path / "r",
    )
    assert said.status == 2 and "was made with config policy 'hgm:alpha=0.5', now it is 'hgm'" in said.line


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--policy", "hgn"], "no policy 'hgn'; nearest: hgm"),
        (
            ["--policy", "hgm:alpha=7"],
            "--policy hgm:alpha=7: alpha '7': give a number from 0.3 to 1 (published: 0.6).",
        ),
        (["--policy", "random", "--control", "random-parent"], "the policy is 'random' as it is."),
    ],
)
def test_a_policy_that_cannot_be_is_one_line_with_status_2(
    argv: list[str], line: str, tiny: list[str], tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    said = stop_run(*tiny, *argv, "--out", tmp_path / "r")
    assert said.status == 2 and line in said.line and not list(tmp_path.iterdir())


def test_the_random_parent_of_an_archive_policy_is_drawn_from_its_archive(
    tiny: list[str], tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    argv = [*tiny[:3], *ONE, "--generations", "3", "--policy", "dgm", "--control", "random-parent"]
    assert stop_run(*argv, "--out", tmp_path / "r").status == 0
    run = stop.load(tmp_path / "r")
    for version in run.rows("lineage.jsonl")[1:]:
        choice = next(d["evidence"]["choice"] for d in run.rows("decisions.jsonl") if d["id"] == version["id"])
        assert choice["probability"] == pytest.approx(1 / choice["candidates"])
    assert stop_run("--replay", "--out", tmp_path / "r").status == 0
