"""When a child is kept: bets, the canary, the noise floor; levels, early stops, how a run records and resumes them."""

from __future__ import annotations

import json
import math
import random
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from conftest import Said, records

import stop
from stop import improve
from stop.accept import Terms, Verdict, canary, paired
from stop.arguments import LEAST_SHARE
from stop.betting import MOST_BET, capital, level_of
from stop.closing import block
from stop.draw import Draw
from stop.lineage import ImproverRun
from stop.noise import Floor
from stop.settings import RunConfig

TERMS = Terms(level=0.05, smallest_difference=0.02, most_repeats=12)
SEED = 20231003


def runs(rounds: Sequence[Sequence[float]]) -> list[ImproverRun]:
    """Improver runs from the utilities of each repeat, a task a column."""
    return [ImproverRun(f"t{t}", i, "ok", utility=u) for i, one in enumerate(rounds) for t, u in enumerate(one)]


def judged(child: Sequence[Sequence[float]], parent: Sequence[Sequence[float]], terms: Terms) -> tuple[int, Verdict]:
    """The verdict as a run comes to it, repeat by repeat, and after how many."""
    for n in range(1, terms.most_repeats + 1):
        verdict = paired(runs(child[:n]), runs(parent[:n]), terms)
        if verdict is not None:
            return n, verdict
    raise AssertionError("no verdict")


# -- bets -------------------------------------------------------------------------------------------------------------
def test_a_capital_worked_by_hand() -> None:
    first = math.sqrt(2 * math.log(1 / 0.05) / (0.25 * 4))  # above MOST_BET, which is bet instead
    after = (1 + MOST_BET * 0.5) * (1 - MOST_BET * 0.1)
    square = (0.25 + 0.5**2 + 0.1**2) / 3
    second = min(MOST_BET, math.sqrt(2 * math.log(1 / (0.05 * after)) / (square * 2)))
    assert first > MOST_BET
    expected = [after, after * (1 + second * 0.2) * (1 + second * 0.0)]
    assert capital([[0.5, -0.1], [0.2, 0.0]], level=0.05, most_rounds=2) == pytest.approx(expected)


def test_the_levels_of_all_decisions_together_are_that_of_the_run() -> None:
    assert level_of(1, 0.05) == pytest.approx(0.05 * 6 / math.pi**2)
    total = sum(level_of(k, 0.05) for k in range(1, 100_000))
    assert 0.04999 < total < 0.05
    with pytest.raises(ValueError, match="the first one is 1"):
        level_of(0, 0.05)


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("two points", lambda rng: [rng.choice((-1.0, 1.0)) for _ in range(3)]),
        ("rare and large", lambda rng: [0.9 if rng.random() < 0.1 else -0.1 for _ in range(3)]),
        ("tasks that differ", lambda rng: [rng.uniform(0.2, 0.6), rng.uniform(-0.6, -0.2), rng.uniform(-0.1, 0.1)]),
        ("one task always up, one always down", lambda rng: [0.5, -0.5]),
    ],
)
def test_no_true_null_wins_the_bet_more_often_than_its_level(
    name: str, draw: Callable[[random.Random], list[float]]
) -> None:
    rng, level, games = random.Random(f"{SEED}/{name}"), 0.1, 3000
    won = sum(max(capital([draw(rng) for _ in range(10)], level, 10)) >= 1 / level for _ in range(games))
    assert won <= level * games + 4 * math.sqrt(level * (1 - level) * games)  # a correct test fails once in 30,000


def test_one_task_up_and_another_down_as_much_gain_nothing_however_long() -> None:
    path = capital([[0.3, -0.3]] * 50, level=0.05, most_rounds=50)
    assert path == sorted(path, reverse=True) and path[0] < 1


# -- the rule ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("gain", "status", "repeats"), [(0.4, "kept", 6), (-0.4, "not_better", 5), (0.01, "indecisive", 12)]
)
def test_paired_stops_early_in_either_direction_and_else_is_indecisive(gain: float, status: str, repeats: int) -> None:
    parent = [[0.5, 0.4]] * 12
    n, verdict = judged([[a + gain for a in one] for one in parent], parent, TERMS)
    assert (verdict.status, n, verdict.level) == (status, repeats, 0.05)
    assert len(verdict.evidence["capital_better"]) == len(verdict.evidence["capital_not_better"]) == n
    assert verdict.evidence["needed"] == pytest.approx(20) and verdict.evidence["improver_runs"] == 4 * n
    assert (verdict.evidence["capital_better"][-1] >= 20) == (status == "kept")
    assert (verdict.evidence["capital_not_better"][-1] >= 20) == (status == "not_better")


def test_a_bet_of_a_round_does_not_depend_on_that_round_or_on_later_ones() -> None:
    before = [[0.1, 0.2], [0.0, -0.1]]
    factors = []
    for last in ([0.5, 0.5], [-0.5, 0.1]):
        path = capital([*before, last, [0.3, 0.3]], 0.05, 9)
        assert path[:2] == capital(before, 0.05, 9)
        factors.append((path[2] / path[1], last))
    # both factors come from the same bet b: (1 + b x)(1 + b y)
    bets = [_bet_of(factor, *last) for factor, last in factors]
    assert bets[0] == pytest.approx(bets[1])


def _bet_of(factor: float, x: float, y: float) -> float:
    """The positive root of (1 + b x)(1 + b y) = factor."""
    a, b, c = x * y, x + y, 1 - factor
    roots = [(-b + sign * math.sqrt(b * b - 4 * a * c)) / (2 * a) for sign in (1, -1)]
    return next(root for root in roots if 0 <= root <= MOST_BET + 1e-9)


def test_scores_up_to_a_cap_are_scaled_by_it() -> None:
    parent, child = [[0.4, 0.6]] * 6, [[0.8, 1.4]] * 6
    _, plain = judged([[0.6, 1.0]] * 6, parent, Terms(0.05, 0.02, 6))
    _, capped = judged(child, parent, Terms(0.05, 0.02, 6, score_cap=2.0))
    assert capped.evidence["capital_better"] == plain.evidence["capital_better"]


def test_runs_that_are_no_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="t0 repeat 0 has no pair, but t1 repeat 0"):
        paired(runs([[0.5]]), [ImproverRun("t1", 0, "ok")], TERMS)


# -- the canary and the noise floor -----------------------------------------------------------------------------------
def test_the_interval_of_the_canary_worked_by_hand() -> None:
    verdict = canary(runs([[0.2], [0.4], [0.3]]), runs([[0.4], [0.4], [0.4]]), 0.02)
    # differences -0.2, 0, -0.1: mean -0.1, standard error 0.1 / sqrt(3); t of 2 degrees of freedom at 90 %: 1.8856
    assert verdict.evidence["canary_upper"] == pytest.approx(-0.1 + 1.8856 * 0.1 / math.sqrt(3), abs=1e-5)
    assert verdict.status == "kept" and "(90 %, n=3)" in verdict.why


@pytest.mark.parametrize(
    ("child", "status"),
    [([[0.1], [0.1]], "canary_failed"), ([[0.1], [0.6]], "kept"), ([[0.49], [0.49]], "kept"), ([[0.9], [0.8]], "kept")],
)
def test_the_canary_stops_what_is_clearly_worse_on_a_fresh_block_and_nothing_else(
    child: list[list[float]], status: str
) -> None:
    verdict = canary(runs(child), runs([[0.5], [0.5]]), 0.02)
    assert verdict.status == status and verdict.evidence["canary_limit"] == -0.02


def test_the_noise_floor_worked_by_hand() -> None:
    floor = Floor.of({"a": [0.2, 0.4, 0.6], "b": [0.5, 0.5, 0.5]}, repeats=4, difference=0.1, level=0.05)
    variance = (0.04 + 0.0) / 2
    assert floor.stderr == pytest.approx(math.sqrt(variance / (4 * 2))) and floor.n == 6
    z = 1.6449 + 0.8416
    assert floor.needed == math.ceil(2 * variance * z**2 / (2 * 0.1**2))
    assert floor.needed_low < floor.needed < floor.needed_high
    still = Floor.of({"a": [0.5, 0.5]}, repeats=3, difference=0.1, level=0.05)
    assert (still.stderr, still.needed, still.needed_high) == (0.0, 2, 2)


def test_a_noise_floor_at_the_ends_of_its_settings() -> None:
    values = {"a": [0.2, 0.4, 0.6]}
    assert Floor.of(values, 3, difference=0.02, level=0.9).needed == 2  # as large a level needs no evidence
    assert Floor.of(values, 3, difference=LEAST_SHARE, level=LEAST_SHARE).needed > 10**18


def test_one_run_of_a_task_shows_no_spread_and_is_refused() -> None:
    with pytest.raises(ValueError, match="two runs of every task"):
        Floor.of({"a": [0.5]}, repeats=1, difference=0.1, level=0.05)
    for wrong in ({"noise_repeats": 1}, {"level": 0.0}, {"smallest_difference": 1.0}, {"most_repeats": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} .*: give"):
            RunConfig(tasks=("t",), **wrong)  # type: ignore[arg-type]


# -- in a run ---------------------------------------------------------------------------------------------------------
NOTHING = "def algorithm(weights):\n    return [0] * len(weights)\n"  # scores 0
HALF = "def algorithm(weights):\n    return [i % 2 for i in range(len(weights))]\n"
COIN = "import random\n"  # what a scaffold that throws one begins with


def scaffold(makes: str, child: str = "", otherwise: str = "") -> str:
    """A scaffold that rewrites itself into `child`, and any other program into `makes`, or by a coin `otherwise`."""
    thrown = f"\n    if random.random() < 0.5:\n        return {otherwise!r}" if otherwise else ""
    return (
        f"{COIN if otherwise else ''}def improve_algorithm(initial_solution, utility, language_model):\n"
        f"    if 'improve_algorithm' in initial_solution:\n        return {child!r}{thrown}\n    return {makes!r}\n"
    )


@pytest.fixture
def one_step(tiny: list[str], tmp_path: Path, stop_run: Callable[..., Said]) -> Callable[..., Path]:
    """Runs one step from a scaffold on a small task, and gives the run folder."""

    def run(text: str, *more: object, out: str = "run") -> Path:
        (tmp_path / "first.py").write_text(text)
        argv = [tiny[0], "--scaffold", tmp_path / "first.py", "--generations", 1, "--repeats", 1, "--noise-repeats", 2]
        said = stop_run(*argv, "--out", tmp_path / out, *more)
        assert said.status == 0, said.lines
        return tmp_path / out

    return run


def decisions(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "decisions.jsonl").open()]


PAIRED = ("--accept", "paired", "--most-repeats", 20)
BETTER = scaffold(NOTHING, child=scaffold(HALF))
WORSE = scaffold(HALF, child=scaffold(NOTHING))
EQUAL = scaffold(HALF, child=scaffold(HALF, child="x"))


@pytest.mark.parametrize(
    ("text", "statuses"), [(BETTER, ["kept", "kept"]), (WORSE, ["not_better"]), (EQUAL, ["indecisive"])]
)
def test_a_paired_run_records_the_path_of_its_evidence_and_replays(
    text: str, statuses: list[str], one_step: Callable[..., Path], stop_run: Callable[..., Said]
) -> None:
    out = one_step(text, *PAIRED)
    _, *found = decisions(out)
    assert [d["verdict"] for d in found] == statuses
    assert found[0]["level"] == pytest.approx(level_of(1, 0.05))
    path = found[0]["evidence"]["capital_better"]
    assert found[0]["n"] == len(path) and (len(path) == 20) == (statuses == ["indecisive"])
    rows = [row for row in stop.load(out).rows("outcomes.jsonl") if row["unit"] == "step 1" and row["block"] == 1]
    assert [row["version"] for row in rows] == [1] * len(path) + [0] * len(path)
    assert stop.load(out).versions.status[1] == statuses[-1]
    assert stop_run("--replay", "--out", out).out.endswith(": equal\n")


@pytest.mark.parametrize(
    ("rule", "evidence"),
    [
        ("paired", r"anytime-valid \(n=\d+ or more paired improver runs each; a chance of at most 0\.0304 to keep any"),
        ("better", r"weak \(n=1; better: a higher mean over improver runs on one val block; no test of significance"),
    ],
)
def test_the_closing_block_says_how_good_the_evidence_is(
    rule: str, evidence: str, one_step: Callable[..., Path]
) -> None:
    assert re.search(f"\nevidence: {evidence}", block(stop.load(one_step(BETTER, "--accept", rule)), "done"))


def test_the_levels_of_a_paired_run_are_told_though_nothing_is_kept(one_step: Callable[..., Path]) -> None:
    told = "evidence: none: no version was kept by the rule paired in 1 tests at levels of 0.0304 in all"
    assert told in block(stop.load(one_step(WORSE, *PAIRED)), "done")


def test_the_number_of_workers_changes_nothing_of_a_paired_run(one_step: Callable[..., Path]) -> None:
    text = scaffold(NOTHING, child=scaffold(NOTHING, otherwise=HALF))
    few, many = (one_step(text, *PAIRED, "--workers", n, out=f"run{n}") for n in (1, 5))
    assert records(few) == records(many)


def test_a_child_that_is_the_same_program_takes_no_test_and_no_level(one_step: Callable[..., Path]) -> None:
    text = "def improve_algorithm(initial_solution, utility, language_model):\n    return initial_solution\n"
    (_, decision) = decisions(one_step(text, *PAIRED))
    assert decision["verdict"] == "not_better" and decision["why"] == "the same program as its parent"
    assert decision["level"] is None and decision["n"] == 1


def seed_by_which_the_canary_fails() -> int:
    """A run seed by which the coin shows heads on val block 1, and tails in both repeats of the canary."""

    def heads(seed: int, purpose: str, block: int, repeat: int) -> bool:
        draw = Draw(seed, purpose, block, "cut", repeat)  # type: ignore[arg-type]
        return random.Random(draw.sandbox_seed()).random() < 0.5

    fresh = improve.FRESH_BLOCKS + 1
    wanted = (("val", 1, 0), True), (("canary", fresh, 0), False), (("canary", fresh, 1), False)
    return next(s for s in range(1000) if all(heads(s, *where) == side for where, side in wanted))


LUCKY = scaffold("def algorithm(weights):\n    return [0, 1] + [0] * (len(weights) - 2)\n",
                 child=scaffold(NOTHING, otherwise=HALF))  # fmt: skip


def test_a_child_that_fails_its_canary_never_becomes_the_parent(
    one_step: Callable[..., Path], stop_run: Callable[..., Said]
) -> None:
    out = one_step(LUCKY, "--seed", seed_by_which_the_canary_fails())
    run = stop.load(out)
    assert [(d["rule"], d["who"], d["verdict"]) for d in decisions(out)[1:]] == [
        ("better", "rule", "kept"), ("canary", "canary", "canary_failed")
    ]  # fmt: skip
    assert list(run.versions.status) == ["seed", "canary_failed"] and run.best == 0
    assert [look["block"] for look in run.settings["looks"]["val"]] == [0, 1, improve.FRESH_BLOCKS + 1]
    assert set(run.outcomes[run.outcomes.split == "test"].version) == {0}
    assert stop_run("--replay", "--out", out).out.endswith(": equal\n")
    assert "canary_failed by canary, rule canary: on a fresh block" in _shown(out)


def _shown(out: Path) -> str:
    from stop.show import _header, find_version

    run = stop.load(out)
    return "\n".join(f"{key}: {value}" for key, value in _header(run, find_version(run, "1")))


def test_without_the_canary_the_same_child_is_kept(one_step: Callable[..., Path]) -> None:
    out = one_step(LUCKY, "--seed", seed_by_which_the_canary_fails(), "--no-canary")
    assert [d["verdict"] for d in decisions(out)] == ["seed", "kept"]


def test_the_rule_of_the_paper_has_neither_canary_nor_noise_floor(one_step: Callable[..., Path]) -> None:
    seed, child = decisions(one_step(BETTER, "--accept", "always"))
    assert child["verdict"] == "kept" and list(seed["evidence"]) == ["child"]


@pytest.mark.parametrize("torn", [0, 9])
def test_a_kill_between_the_rule_and_the_canary_loses_nothing(
    torn: int, one_step: Callable[..., Path], tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    """torn: bytes of the canary's line that were written."""
    seed = seed_by_which_the_canary_fails()
    whole = one_step(LUCKY, "--seed", seed)
    cut = shutil.copytree(whole, tmp_path / "cut")
    run = json.loads((cut / "run.json").read_text())
    run["looks"]["test"] = []
    (cut / "run.json").write_text(json.dumps(run))
    (cut / "seal.json").unlink()
    for path in cut.glob("*.jsonl"):
        lines = [line for line in path.read_bytes().splitlines(keepends=True) if b'"unit":"test ' not in line]
        path.write_bytes(b"".join([*lines[:-1], lines[-1][:torn]] if path.name == "decisions.jsonl" else lines))
    replayed = stop_run("--replay", "--out", cut)
    assert "the unit in which the run was cut short has no end and is left out" in replayed.lines
    assert (replayed.status == 0) == (torn == 0)  # a torn line is named, whatever it belongs to
    assert records(one_step(LUCKY, "--seed", seed, out="cut")) == records(whole)


def test_a_run_that_is_ended_during_its_canary_goes_on_to_the_same_records(
    one_step: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = seed_by_which_the_canary_fails()

    def interrupted(*_: object) -> Verdict:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(improve, "canary", interrupted)
        with pytest.raises(AssertionError):
            one_step(LUCKY, "--seed", seed, out="ended")
    assert len(decisions(tmp_path / "ended")) == 1
    assert records(one_step(LUCKY, "--seed", seed, out="ended")) == records(one_step(LUCKY, "--seed", seed))


def test_the_noise_floor_is_told_recorded_and_counted(
    tiny: list[str], tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    argv = [tiny[0], "--scaffold", tiny[2], "--generations", 0, "--repeats", 2, "--out", tmp_path / "run"]
    said = stop_run(*argv, "--noise-repeats", 4)
    (floor,) = [line for line in said.lines if line.startswith("noise floor: ")]
    assert "a meta-utility of 2 repeats has a standard error of" in floor and "n=4 runs of the seed" in floor
    run = stop.load(tmp_path / "run")
    (seed,) = decisions(tmp_path / "run")
    assert seed["evidence"]["noise_n"] == 4 and seed["evidence"]["repeats_needed"] >= 2
    assert f"takes about {seed['evidence']['repeats_needed']} repeats" in floor
    assert list(run.outcomes[run.outcomes.block == improve.FRESH_BLOCKS].repeat) == [0, 1, 2, 3]
    assert run.versions.n[0] == 2 and run.versions.llm_calls[0] == (2 + 4) * 4


def test_a_run_from_before_these_settings_means_what_it_meant() -> None:
    old = {"tasks": ["t"], "accept": "better"}
    assert (RunConfig.of(old).canary, RunConfig.of(old).noise_repeats) == (False, 0)
    assert RunConfig(tasks=("t",)).canary
