"""Nothing is paid twice, nothing paid for is lost, no budget is exceeded. Whole commands on a server that bills."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import pytest
from conftest import records

import stop
from models.fault_server import RETRIED, mixed
from models.shop import PRICE, bill, closing, ended, keys, killed, request_id, wait_until

PASSING = sorted(RETRIED - {"hang"})


def test_a_warm_rerun_asks_nothing_costs_nothing_and_leaves_the_same_records(shop, stop_run, tmp_path):
    with shop() as here:
        first = stop_run(*here.argv("first"))
        served = len(here.server.requests)
        second = stop_run(*here.argv("second"))
        assert (first.status, second.status, len(here.server.requests)) == (0, 0, served)
    cold, warm = closing(first), closing(second)
    assert float(cold["usd"]) == pytest.approx(bill(here.server.requests), abs=1e-4) and served > 0
    assert (warm["usd"], warm["cached_calls"]) == ("0.0000", warm["llm_calls"])
    assert records(tmp_path / "first") == records(tmp_path / "second")
    shutil.rmtree(tmp_path / "shared")
    for out in ("first", "second"):
        assert "equal" in stop_run("--replay", "--out", tmp_path / out).out


def test_after_a_kill_only_what_was_in_flight_is_asked_again(shop, stop_run, tmp_path):
    with shop(latency=0.15) as here:
        assert stop_run(*here.argv("undisturbed", "--no-cache")).status == 0
        before = len(here.server.requests)
        process = here.start("run", "--no-cache")
        asked = here.server.requests
        wait_until(lambda: sum(r["sent"] is not None for r in asked[before:]) >= 9 and asked[-1]["sent"] is None)
        moment = killed(process)
        time.sleep(0.3)
        first = asked[before:]
        at_server = [r for r in first if not (r["sent"] and r["sent"] < moment - 0.1)]
        assert stop_run(*here.argv("run", "--no-cache")).status == 0
    again = [request_id(r) for r in asked[before + len(first) :]]
    twice = [i for i in map(request_id, first) if i in again]
    assert first and len(again) == len(set(again)) and set(twice) <= set(map(request_id, at_server))
    assert records(tmp_path / "run") == records(tmp_path / "undisturbed")
    assert stop.load(tmp_path / "run").usd >= bill(asked[before:]) - 1e-9


@pytest.mark.parametrize(
    ("share", "faults"),
    [(0.05, ["drop", "truncate"]), pytest.param(0.3, PASSING, marks=pytest.mark.slow)],
    ids=["few faults", "many faults"],
)
def test_dollars_are_never_exceeded_with_32_workers_and_faults_over_three_kills(shop, share, faults):
    budget, asked = 5.0, ["--workers", "32", "--generations", "1", "--repeats", "6", "--budget-usd"]
    with shop(mixed(share, faults=faults), latency=0.2) as here:
        requests, in_flight = here.server.requests, []
        for _ in range(3):
            before, process = len(requests), here.start("run", *asked, budget)
            wait_until(lambda n=before: len(requests) >= n + 8)
            in_flight.append(sum(r["sent"] is None for r in requests))
            killed(process)
            assert bill(requests) <= budget
        said = here.run("run", *asked, budget)
        counted, billed = float(closing(said)["usd"]), bill(requests)
        assert (said.status, closing(said)["stopped"]) == (0, "budget_usd"), said
        assert 0 < billed <= counted <= budget < counted + 0.1  # all of it can be used
        said = here.run("run", *asked, budget + 1)
        assert said.status == 0 and billed < bill(requests) <= float(closing(said)["usd"]) <= budget + 1
    assert min(in_flight) > 1


def test_calls_are_counted_over_kills_and_retries_are_not_counted(shop, stop_run):
    with shop(mixed(0.1, faults=["drop", "429 retry-after-ms"]), latency=0.1) as here:
        requests = here.server.requests
        process = here.start("run", "--repeats", "3", "--budget-calls", 20)
        wait_until(lambda: len(requests) >= 7)
        killed(process)
        for calls in (20, 25):
            said = stop_run(*here.argv("run", "--repeats", "3", "--budget-calls", calls))
            assert (said.status, closing(said)["stopped"]) == (0, "budget_calls"), said
            assert calls - 10 < sum(r["fault"] == "" for r in requests) <= calls


def test_no_call_is_sent_after_the_minutes_are_over(shop, stop_run):
    with shop(latency=0.3) as here:
        said = stop_run(*here.argv("run", "--budget-minutes", "0.02"))
        served = len(here.server.requests)
        again = stop_run(*here.argv("run", "--budget-minutes", "0.02"))
        assert (said.status, again.status, len(here.server.requests)) == (0, 0, served)
        assert closing(said)["stopped"] == closing(again)["stopped"] == "budget_minutes"


def test_calls_that_wait_for_their_turn_are_not_sent_after_the_minutes_are_over(shop, stop_run, monkeypatch):
    monkeypatch.setattr("stop.model.remote.MOST_IN_FLIGHT", 2)
    with shop(latency=0.5) as here:
        said = stop_run(*here.argv("run", "--repeats", "6", "--workers", "6", "--budget-minutes", "0.04"))
        assert closing(said)["stopped"] == "budget_minutes" and 4 < len(here.server.requests) < 16


CATCHES_ALL = """
import helpers

def improve_algorithm(initial_solution, utility, language_model):
    try:
        replies = [language_model.prompt("You improve.", str(i) + initial_solution, n_responses=2)[1] for i in range(3)]
        return "# " + str(len(replies)) + "\\n" + initial_solution
    except BaseException as error:
        return "# caught " + type(error).__name__ + "\\n" + initial_solution
"""


def test_a_budget_is_invisible_to_scaffolds_and_what_was_paid_is_used_by_the_next_sitting(shop, stop_run, tmp_path):
    (tmp_path / "catches.py").write_text(CATCHES_ALL)
    asked = ["--scaffold", tmp_path / "catches.py", "--no-cache"]
    with shop() as here:
        assert stop_run(*here.argv("undisturbed", *asked)).status == 0
        whole = len(here.server.requests)
        for calls in range(4, whole, 9):
            said = stop_run(*here.argv("run", *asked, "--budget-calls", calls))
            assert (said.status, closing(said)["stopped"]) == (0, "budget_calls")
            assert len(here.server.requests) == whole + calls
        for file in ("decisions.jsonl", "outcomes.jsonl", "lineage.jsonl"):
            there = (tmp_path / "run" / file).read_bytes()
            assert (tmp_path / "undisturbed" / file).read_bytes().startswith(there)
        assert stop_run(*here.argv("run", *asked)).status == 0 and len(here.server.requests) == 2 * whole
    assert records(tmp_path / "run") == records(tmp_path / "undisturbed")


# -- the end of a run, while calls are in flight ----------------------------------------------------------------------
def test_a_run_that_ends_does_not_wait_for_calls_that_were_not_begun(shop, stop_run, monkeypatch):
    monkeypatch.setattr("stop.session.MOST_IN_FLIGHT", 2)  # so that most calls wait for a place
    with shop(lambda token, before: "403" if before == 4 else "", latency=0.1) as here:
        said = stop_run(*here.argv("run", "--repeats", "5", "--workers", "4"))
        assert said.status == 1 and "the key was refused" in said.lines[-1]
        assert len(here.server.requests) < 16


ONE_BY_ONE = """
import helpers

def improve_algorithm(initial_solution, utility, language_model):
    replies = [language_model.prompt("You improve.", f"{i} ```\\n{initial_solution}```")[0] for i in range(3)]
    return helpers.extract_code(replies[-1])
"""


def kept(run: Path) -> int:
    """Replies in a run folder."""
    files = [run / "calls.jsonl", run / "pending.jsonl"]
    rows = [json.loads(line) for file in files if file.is_file() for line in file.read_text().splitlines()]
    return sum("reply" in row for row in rows)


@pytest.mark.parametrize("scaffold", ["", ONE_BY_ONE], ids=["several at once", "one by one"])
def test_after_ctrl_c_every_reply_in_flight_is_waited_for_and_kept(shop, stop_run, tmp_path, scaffold):
    (tmp_path / "own.py").write_text(scaffold)
    asked = ["--scaffold", tmp_path / "own.py"] if scaffold else []
    with shop(latency=0.4) as here:
        requests, run = here.server.requests, tmp_path / "run"
        process = here.start("run", *asked)
        wait_until(lambda: (run / "decisions.jsonl").exists() and requests[-1]["sent"] is None)  # it proposes
        process.send_signal(signal.SIGINT)
        said, served = ended(process), len(requests)
        assert said.status == 130 and "replies that may be paid for; once more to give them up." in str(said.lines)
        assert kept(run) == served == len(keys(tmp_path / "shared"))
        assert stop.load(run).usd == pytest.approx(bill(requests))
        assert stop_run(*here.argv("run", *asked)).status == 0
    ids = [request_id(request) for request in requests]
    assert len(ids) == len(set(ids)) > served


def test_a_second_ctrl_c_ends_at_once_and_what_was_given_up_is_counted(shop, stop_run, tmp_path):
    with shop(latency=2.0) as here:
        requests = here.server.requests
        process = here.start("run", "--repeats", "3", "--workers", "3")
        wait_until(lambda: len(requests) >= 4)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        moment = time.monotonic()
        said = ended(process)
        assert said.status == 130 and said.lines[-1] == "gave up the replies in flight; all else is saved."
        assert time.monotonic() - moment < 1.0
        here.server.latency = 0.0
        assert stop_run(*here.argv("run", "--repeats", "3")).status == 0
    assert stop.load(tmp_path / "run").usd >= bill(requests)


# -- many at once -----------------------------------------------------------------------------------------------------
BATCH = """
def improve_algorithm(initial_solution, utility, language_model):
    language_model.prompt("You improve.", "token-0")
    asked = [f"token-{i}" for i in range(6)]
    replies = language_model.batch_prompt("You improve.", asked)
    assert all(not r or r.startswith(f"answer to {a}") for r, a in zip(replies, asked)), replies
    return f"# {[len(r) for r in replies]}\\n" + initial_solution
"""
ENDINGS = {"token-1": "max_tokens", "token-2": "empty", "token-3": "refusal", "token-4": "truncate", "token-5": "400"}


def test_a_batch_goes_out_at_once_stays_paired_and_every_ending_is_recorded_and_shown(
    shop, stop_run, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr("stop.model.retry.wait_seconds", lambda *a: 0.01)
    (tmp_path / "batch.py").write_text(BATCH)
    how = {"latency": 0.1, "answer": lambda token, prompt: f"answer to {token}"}
    with shop(lambda token, before: ENDINGS.get(token, ""), **how) as here:
        asked = ["--scaffold", tmp_path / "batch.py", "--generations", "0", "--repeats", "1"]
        assert stop_run(*here.argv("run", *asked)).status == 0
        first = here.server.requests[1:7]
    assert max(r["at"] for r in first) < min(r["sent"] for r in first)
    calls = stop.load(tmp_path / "run").calls
    ended_as = {row["messages"][0]["text"]: row["stop_reason"] for row in calls.to_dict("records")}
    reasons = {**ENDINGS, "token-0": "end", "token-4": "truncated", "token-5": "bad_request"}
    assert ended_as == reasons
    from stop.show import main as show

    assert show([str(tmp_path / "run")]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("replies: ")]
    others = {f"5 {reason}" for reason in reasons.values() if reason != "end"}
    assert set(line.removeprefix("replies: ").split(", ")) == {"10 end", *others}


# -- a hostile world --------------------------------------------------------------------------------------------------
def test_a_reply_above_its_worst_case_is_counted_as_the_server_bills_it_and_ends_the_run(shop, stop_run):
    with shop(usage=lambda prompt, body: (10**6, 10**6)) as here:
        said = stop_run(*here.argv("run", "--workers", "1", "--budget-usd", "1"))
        billed = bill(here.server.requests)
    assert (said.status, closing(said)["stopped"]) == (0, "budget_usd")
    assert float(closing(said)["usd"]) == pytest.approx(billed) and len(here.server.requests) <= 4


def test_a_budget_below_what_was_spent_sends_nothing(shop, stop_run, tmp_path):
    with shop() as here:
        first = stop_run(*here.argv("run", "--generations", "0", "--no-cache"))
        served = len(here.server.requests)
        again = stop_run(*here.argv("run", "--look-again", "--no-cache", "--budget-usd", "0.01"))
    assert len(here.server.requests) == served and closing(again)["stopped"] == "budget_usd"
    assert closing(again)["usd"] == closing(first)["usd"]


@pytest.mark.parametrize("harm", ["deleted", "torn"])
def test_without_its_timing_a_run_still_counts_the_replies_that_it_holds(shop, stop_run, tmp_path, harm):
    with shop() as here:
        assert stop_run(*here.argv("run", "--generations", "0", "--no-cache")).status == 0
        spent, timing = bill(here.server.requests), tmp_path / "run" / "timing.jsonl"
        timing.write_bytes(b"" if harm == "deleted" else timing.read_bytes()[:-150])
        budget = ["--budget-usd", spent + 0.5]
        said = stop_run(*here.argv("run", "--look-again", "--no-cache", *budget))
    assert closing(said)["stopped"] == "budget_usd" and spent < bill(here.server.requests) <= spent + 0.5


def test_a_run_of_which_a_part_had_no_price_says_that_its_cost_is_unknown(shop, stop_run, monkeypatch, tmp_path):
    """The price is lost between two sittings, or found."""
    monkeypatch.setattr("stop.model.provider.price_elsewhere", lambda id, private: price[0])
    for out, prices in (("lost", [PRICE, None]), ("found", [None, PRICE])):
        with shop() as here:
            for steps, now in enumerate(prices):
                price = [now]
                said = stop_run(*here.argv(out, "--generations", steps, "--look-again", "--no-cache"))
        assert closing(said)["usd"] == "unknown"
    refused = stop_run(*here.argv("found", "--generations", "1", "--no-cache", "--budget-usd", "5"))
    assert refused.status == 2 and "holds calls whose price was unknown" in refused.line


LIES = [
    {"kind": "paid", "key": "k", "usd": -5.0}, {"kind": "paid", "key": "k", "usd": "1"}, {"kind": "sent", "usd": 1.0},
    {"kind": "paid", "key": "k", "usd": float("nan")}, {"kind": "unit", "unit": "seed"}, {"kind": ["paid"]}, {},
    {"kind": "rest", "at": -100.0}, {"kind": "paid", "key": "k", "usd": 10**400}, {"kind": "paid", "key": [], "usd": 1},
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_line_of_timing_that_would_lift_a_budget_is_refused_in_one_line(tiny, tiny_run, stop_run, tmp_path, lie):
    out = shutil.copytree(tiny_run, tmp_path / "run")
    with (out / "timing.jsonl").open("a") as file:
        file.write(json.dumps(lie) + "\n")
    said = stop_run(*tiny, "--generations", "3", "--look-again", "--out", out)
    assert said.status == 2 and "timing.jsonl line" in said.line and "not a record. Remove that line" in said.line


CALL = {"kind": "call", "unit": "step 3", "key": "k", "reply": "", "stop_reason": "end", "usd": 0.0}
CALL |= {"input_tokens": 1, "output_tokens": 1}


@pytest.mark.parametrize("lie", [{"usd": -5.0}, {"usd": None}, {"usd": 10**400}, {"reply": None}, {"key": ["k"]}])
def test_a_pending_reply_that_is_none_is_refused_in_one_line(tiny, tiny_run, stop_run, tmp_path, lie):
    out = shutil.copytree(tiny_run, tmp_path / "run")
    (out / "pending.jsonl").write_text(json.dumps(CALL | lie) + "\n")
    said = stop_run(*tiny, "--generations", "3", "--look-again", "--out", out)
    assert said.status == 2 and "pending.jsonl line 1: not a whole record" in said.line
