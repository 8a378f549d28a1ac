"""`python -m stop.compare`: gains and verdicts against numbers worked by hand, what compares with what, bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import contents, run_json
from scipy import stats

import stop
from stop.analysis.intervals import holm
from stop.analysis.pairs import difference, gain_on_test, gain_on_val
from stop.compare import main
from stop.lineage import Decision, ImproverRun, Spent, Version
from stop.records import Records
from stop.scaffold import digest

Scores = dict[str, list[float]]  # task -> utilities by repeat
SEED: Scores = {"a": [0.1, 0.3], "b": [0.2, 0.2]}
FIRST: Scores = {"a": [0.5, 0.5], "b": [0.6, 0.2]}
SECOND: Scores = {"a": [0.4, 0.6], "b": [0.2, 0.2]}


def rows(scores: Scores, version: int, split: str, block: int, unit: str, calls: int = 6) -> list[dict[str, Any]]:
    runs = [
        ImproverRun(task, repeat, "ok", utility=utility, spent=Spent(calls, 10, 5, 0.001))
        for task, values in scores.items()
        for repeat, utility in enumerate(values)
    ]
    return [run.record(version=version, split=split, block=block, unit=unit) for run in runs]


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., str]:
    """Writes a run folder by hand: version 0 and one that was kept in step 1."""

    def make(
        name: str, best: Scores, *, arm: str = "", seed: int = 0, block: int = 0, sha: str = "1", text: str = "",
        val: tuple[Scores, Scores] = (FIRST, SEED), model: str = "m", beside: bool = False,
    ) -> str:  # fmt: skip
        out = tmp_path / name
        out.mkdir()
        run = run_json(*SEED)
        run["config"] |= {"control": arm, "seed": seed}
        run |= {"model": model, "tasks": {task: {"sha": sha, "scorer_sha": sha} for task in best}}
        records = Records(out, run)
        for number, source in enumerate(("one = 1\n", f"two = '{text or name}'\n")):
            name_of = digest(source)[:12]
            records.put("sources", f"{name_of}.py", source)
            status, unit = ("seed", "seed") if number == 0 else ("kept", "step 1")
            version = Version(number, name_of, "", None if not number else 0, number, number, status,
                              0.5, None, 4, Spent(100, 20, 10, 0.5))  # type: ignore[arg-type]  # fmt: skip
            decision = Decision(number, number, "better", {}, 4, None, number, status, "rule", "")  # type: ignore[arg-type]
            outcomes = rows(SEED, 0, "val", 0, unit)
            if number:
                outcomes = rows(val[0], 1, "val", 1, unit) + rows(val[1], 0, "val", 1, unit)
            records.commit(
                {"outcomes.jsonl": outcomes, "lineage.jsonl": [version.record(unit)],
                 "decisions.jsonl": [decision.record(unit)]}
            )  # fmt: skip
        if block >= 0:
            unit = "test after step 1"
            tested = rows({task: SEED.get(task, [0.0, 0.0]) for task in best}, 0, "test", block, unit)
            records.commit({"outcomes.jsonl": tested + rows(best, 1, "test", block, unit, calls=24)})
            looks = {"val": [], "test": [{"unit": unit, "versions": [0, 1], "block": block, "done": True}]}
            records.put_run({**run, "looks": looks})
        if beside:
            other = ImproverRun("a", 0, "ok", utility=0.9, spent=Spent(6, 10, 5, 0.001))
            row = other.compared(arm="other", scaffold="0" * 12, block=0, unit="comparison of other")
            records.commit({"outcomes.jsonl": [row]})
        records.seal()
        records.close()
        return str(out)

    return make


def refused(*argv: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(argv)
    return int(str(left.value.code))


def as_json(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert main([*argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


# -- numbers -----------------------------------------------------------------------------------------------------------
def test_a_gain_on_test_is_that_worked_by_hand(made: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    # differences a: 0.4, 0.2 (mean 0.3, variance 0.02); b: 0.4, 0.0 (mean 0.2, variance 0.08)
    # variance of the mean of means (0.02 / 2 + 0.08 / 2) / 4; df = 0.05^2 / (0.01^2 + 0.04^2)
    (run,) = as_json(capsys, made("one", FIRST))["runs"]
    gain = run["gain_on_test"]
    assert gain["mean"] == pytest.approx(0.25) and gain["n"] == 4
    assert gain["stderr"] == pytest.approx(0.0125**0.5) and gain["df"] == pytest.approx(0.0025 / 0.0017)
    half = stats.t.ppf(0.975, 0.0025 / 0.0017) * 0.0125**0.5
    assert gain["interval"] == pytest.approx([0.25 - half, 0.25 + half])


def test_calls_tokens_and_dollars_are_those_asked_for(
    made: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = as_json(capsys, made("one", FIRST))["runs"]
    assert run["search_calls"] == 200 and run["llm_calls"] == 200 + 4 * 6 + 4 * 24
    assert run["calls_per_improver_run"] == 24 and run["most_calls_per_improver_run"] == 24
    assert (run["input_tokens"], run["output_tokens"]) == (40 + 8 * 10, 20 + 8 * 5)
    assert run["usd"] == pytest.approx(1.0 + 8 * 0.001) and (run["kept"], run["steps"], run["best"]) == (1, 1, 1)


def test_a_gain_on_val_is_the_sum_of_what_was_decided_on() -> None:
    first = rows(SEED, 0, "val", 0, "seed")
    step1 = rows({"a": [0.5, 0.7]}, 1, "val", 1, "step 1") + rows({"a": [0.4, 0.4]}, 0, "val", 1, "step 1")
    step2 = rows({"a": [0.1, 0.1]}, 2, "val", 2, "step 2") + rows({"a": [0.9, 0.9]}, 1, "val", 2, "step 2")
    step3 = rows({"a": [0.8, 0.8]}, 3, "val", 3, "step 3") + rows({"a": [0.5, 0.7]}, 1, "val", 3, "step 3")
    outcomes = first + step1 + step2 + step3
    assert gain_on_val(outcomes, 0) is None
    one, three = gain_on_val(outcomes, 1), gain_on_val(outcomes, 3)
    assert one and three and (one.mean, one.n, three.n) == (pytest.approx(0.2), 2, 4)
    # 0.1, 0.3 in step 1 and 0.3, 0.1 in step 3: means 0.2 and 0.2, variances 0.02 and 0.02, each over 2, added
    assert three.mean == pytest.approx(0.4) and three.stderr == pytest.approx(0.02**0.5)
    assert three.df == pytest.approx(2)


def test_versions_on_other_tasks_have_no_difference() -> None:
    assert difference({"a": {0: 0.5}, "b": {0: 0.5}}, {"a": {0: 0.4}}) is None
    assert difference({"a": {0: 0.5}}, {"a": {1: 0.4}}) is None and difference({}, {}) is None


def test_a_version_that_was_compared_with_none_has_no_gain_on_val() -> None:
    assert gain_on_val(rows(SEED, 0, "val", 0, "seed") + rows(FIRST, 1, "val", 1, "step 1"), 1) is None


def test_only_repeats_that_both_have_are_paired() -> None:
    outcomes = rows(SEED, 0, "test", 0, "t") + rows({"a": [0.5, 0.5, 0.9], "b": [0.6, 0.2]}, 1, "test", 0, "t")
    gain = gain_on_test(outcomes, 1)
    assert gain and gain.n == 4 and gain.mean == pytest.approx(0.25)


def test_a_pair_is_a_paired_difference_and_several_are_adjusted(
    made: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    third = {"a": [0.9, 0.7], "b": [0.9, 0.8]}
    found = as_json(capsys, made("one", FIRST), made("two", SECOND), made("three", third))["pairs"]
    assert [(p["first"], p["second"]) for p in found] == [("one", "two"), ("one", "three"), ("two", "three")]
    # a: 0.1, -0.1; b: 0.4, 0.0
    assert found[0]["difference"]["mean"] == pytest.approx(0.1)
    assert found[0]["difference"]["stderr"] == pytest.approx(((0.02 / 2 + 0.08 / 2) / 4) ** 0.5)
    assert [p["p_by_holm"] for p in found] == pytest.approx(holm([p["difference"]["p"] for p in found]))


def test_verdicts_are_above_below_and_not_shown_and_holm_asks_for_more(
    made: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    # differences of 0, 0.05, 0.15, 0.2 in both tasks: t = 0.1 / sqrt(0.025 / 3 / 4 / 2) = 3.10, 6 degrees: p = 0.021
    low: Scores = dict.fromkeys("ab", [0.1, 0.1, 0.1, 0.1])
    high: Scores = dict.fromkeys("ab", [0.1, 0.15, 0.25, 0.3])
    one, two, again = made("one", low), made("two", high), made("again", high, text="again")
    assert [p["verdict"] for p in as_json(capsys, one, two)["pairs"]] == ["below"]
    assert [p["verdict"] for p in as_json(capsys, two, one)["pairs"]] == ["above"]
    found = as_json(capsys, one, two, again)["pairs"]
    assert [p["verdict"] for p in found] == ["below", "below", "not shown"]
    assert [p["verdict_by_holm"] for p in found] == ["not shown"] * 3
    assert found[0]["p_by_holm"] == pytest.approx(3 * 2 * stats.t.cdf(-0.1 / (0.025 / 3 / 4 / 2) ** 0.5, 6))


def test_what_is_equal_or_has_one_run_per_task_is_not_shown_and_has_no_interval(
    made: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    same = as_json(capsys, made("one", FIRST), made("two", FIRST))["pairs"][0]
    assert same["difference"]["mean"] == 0.0 and same["difference"]["interval"] is None
    assert same["verdict"] == "not shown"
    few = {"a": [0.9], "b": [0.9]}
    assert main([made("three", few), made("four", FIRST)]) == 0
    out = capsys.readouterr().out
    assert "[no interval: one run per task]" in out and "not shown" in out


# -- what compares -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"seed": 1}, "run seeds 0 and 1"),
        ({"block": 1}, "test blocks 0 and 1"),
        ({"block": -1}, "other was not looked at on test"),
        ({"sha": "2"}, "the files of a, b differ"),
        ({"best": {"a": [0.5, 0.5]}}, "only one of them has the task b"),
    ],
)
def test_runs_that_did_not_sit_the_same_exam_are_not_compared(
    other: dict[str, Any], why: str, made: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = made("one", FIRST), made("other", **{"best": SECOND, **other})
    (pair,) = as_json(capsys, one, two)["pairs"]
    assert pair["verdict"] == f"not comparable: {why}" and pair["difference"] is None and pair["p_by_holm"] is None
    assert main([one, two]) == 0 and f"not comparable: {why}" in capsys.readouterr().out


def test_pairs_that_do_not_compare_are_no_part_of_the_family(
    made: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = as_json(capsys, made("one", FIRST), made("two", SECOND), made("far", SECOND, seed=9))["pairs"]
    assert found[0]["p_by_holm"] == found[0]["difference"]["p"]


def test_one_program_in_two_runs_is_called_so_and_is_no_part_of_the_family(
    made: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = made("one", FIRST), made("two", FIRST, text="one"), made("three", SECOND)
    found = as_json(capsys, *names)["pairs"]
    assert found[0]["verdict"] == found[0]["verdict_by_holm"] == "not shown: the same program"
    assert found[0]["p_by_holm"] is None
    assert found[1]["p_by_holm"] == pytest.approx(min(1.0, 2 * found[1]["difference"]["p"]))


@pytest.mark.parametrize("arm", ["", "best-of-n"])
def test_what_was_compared_on_test_beside_the_versions_is_counted_and_is_no_contender(
    arm: str, made: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = as_json(capsys, made("one", FIRST, arm=arm, beside=True), made("two", SECOND))
    assert [(p["first"], p["second"]) for p in found["pairs"]] == [("one", "two")]
    assert found["runs"][0]["llm_calls"] == 200 + 4 * 6 + 4 * 24 + 6 == found["runs"][1]["llm_calls"] + 6


def test_what_a_null_proposer_kept_is_called_false(
    made: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([made("one", FIRST, arm="reword")]) == 0
    assert "false acceptance: reword in " in (out := capsys.readouterr().out)
    assert "kept 1 of 1 steps (1.000, 95 % interval [0.025, 1.000])" in out


def test_a_run_alone_is_a_table_without_pairs(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(tiny_run)
    assert main([str(tiny_run)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("run ") and "difference on test" not in out and contents(tiny_run) == before


def test_a_run_that_is_not_finished_is_called_so(
    made: Callable[..., str], tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([made("cut", FIRST, block=-1)]) == 0
    assert "cut took 1 of 3 steps" in capsys.readouterr().out
    assert main([str(tiny_run)]) == 0
    assert "unfinished" not in capsys.readouterr().out


def test_the_table_of_a_run_and_its_control_has_their_calls(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from stop.run import main as run_main

    assert run_main(["--control", "best-of-n", "--like", str(tiny_run), "--out", str(tmp_path / "control")]) == 0
    capsys.readouterr()
    found = as_json(capsys, str(tiny_run), str(tmp_path / "control"))
    run, control = found["runs"]
    assert control["arm"] == "best-of-n" and control["search_calls"] <= run["search_calls"]
    assert run["search_calls"] == stop.load(tiny_run).search_calls
    # the best of the control and, where another one, the whole budget of an improver run
    assert len(found["pairs"]) == (1 if control["best"] == 1 else 2)


# -- bad input ---------------------------------------------------------------------------------------------------------
def test_a_run_given_twice_or_not_there_is_one_line(
    made: Callable[..., str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    one = made("one", FIRST)
    for argv, line in [
        ([one, f"{one}/../one"], "is given twice"),
        ([one, str(tmp_path / "none")], "no run there"),
        ([], "the following arguments are required: RUN"),
        ([one, "--jsn"], "no option --jsn. Nearest: --json"),
    ]:
        assert refused(*argv) == 2
        said = capsys.readouterr()
        assert line in said.err and said.err.count("\n") == 1 and said.out == ""


def test_records_that_lack_what_is_compared_are_named(
    made: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    one = Path(made("one", FIRST))
    lines = (one / "outcomes.jsonl").read_text().split("\n")
    (one / "outcomes.jsonl").write_text(lines[0].replace('"utility"', '"utilty"') + "\n")
    assert refused(str(one)) == 2
    assert "outcomes.jsonl line 1: lacks 'utility'" in capsys.readouterr().err


def test_text_of_a_run_is_made_harmless(made: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([made("one", FIRST, model="\x1b[2J[red]\u202e")]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\u202e" not in out and "[red]" in out
