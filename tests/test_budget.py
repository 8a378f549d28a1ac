"""What a run may spend: reserved before, never exceeded, counted over kills."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from stop.budget import RunBudget, RunBudgetSpent, RunMeter, SearchMeter, SpentBefore

NOTHING = SpentBefore()


def test_a_call_whose_worst_case_does_not_fit_is_refused_before_it_is_sent():
    meter = RunMeter(RunBudget(usd=1.0), SpentBefore(usd=0.7))
    says = r"0\.7000 of 1 USD used, and the next call may cost 0\.4000"
    with pytest.raises(RunBudgetSpent, match=says), meter.reserved("k", 0.4):
        raise AssertionError("sent")
    with meter.reserved("k", 0.3) as call:
        call.pay(0.1)
    assert meter.usd == pytest.approx(0.8) and meter.in_flight == 0


def test_a_call_that_fits_only_without_the_reserves_of_others_waits_for_them():
    meter = RunMeter(RunBudget(usd=1.0), NOTHING)
    sent = threading.Event()

    def second():
        with meter.reserved("b", 0.6) as call:
            sent.set()
            call.pay(0.6)

    with ThreadPoolExecutor(1) as pool:
        with meter.reserved("a", 0.6) as call:
            waiting = pool.submit(second)
            assert not sent.wait(0.1)
            call.pay(0.2)
        waiting.result(timeout=10)
    assert meter.usd == pytest.approx(0.8)


def test_many_threads_never_hold_more_than_the_budget():
    held, most = [0.0], [0.0]

    def note(row):  # called by one thread at a time
        held[0] += row["usd"] if row["kind"] == "sent" else row["usd"] - 0.09
        most[0] = max(most[0], held[0])

    meter = RunMeter(RunBudget(usd=1.0), NOTHING, note)

    def one(number):
        with meter.reserved(str(number), 0.09) as call:
            time.sleep(0.001)
            call.pay(0.05 if number % 3 else 0.09)

    with ThreadPoolExecutor(32) as pool:
        futures = [pool.submit(one, n) for n in range(100)]
    refused = sum(isinstance(f.exception(), RunBudgetSpent) for f in futures)
    assert 0 < refused < 100 and 0.9 < meter.usd <= 1.0 + 1e-6 and most[0] <= 1.0 + 1e-6


def test_calls_that_wait_for_dollars_do_not_exceed_the_budget_of_calls():
    meter = RunMeter(RunBudget(calls=3, usd=1.0), NOTHING)

    def one(number):
        with meter.reserved(str(number), 0.6) as call:  # one fits, the others wait for it
            time.sleep(0.01)
            call.pay(0.01)

    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(one, n) for n in range(16)]
    assert [f.exception() is None for f in futures].count(True) == meter.calls == 3


def test_a_lost_attempt_counts_in_full_and_the_next_is_reserved_anew():
    meter = RunMeter(RunBudget(usd=1.0, calls=1), NOTHING)
    with pytest.raises(RunBudgetSpent), meter.reserved("k", 0.4) as call:
        call.lost()
        assert (meter.usd, meter.calls) == (0.4, 1)
        call.lost()
    assert meter.usd == pytest.approx(0.8) and meter.in_flight == 0


def test_a_call_of_which_nothing_is_known_counts_in_full():
    meter = RunMeter(RunBudget(), NOTHING)
    with pytest.raises(KeyboardInterrupt), meter.reserved("k", 0.4):
        raise KeyboardInterrupt
    assert meter.usd == 0.4


def test_what_was_sent_and_never_answered_is_counted_by_the_next_sitting():
    rows = [
        {"kind": "sitting", "at": 0.0},
        {"kind": "sent", "key": "a", "usd": 0.5, "again": False, "at": 1.0},
        {"kind": "paid", "key": "a", "usd": 0.1, "at": 2.0},
        {"kind": "sent", "key": "b", "usd": 0.5, "again": False, "at": 3.0},  # and then a kill
        {"kind": "sitting", "at": 0.0},
        {"kind": "sent", "key": "b", "usd": 0.5, "again": False, "at": 4.0},
        {"kind": "paid", "key": "b", "usd": 0.5, "at": 5.0},  # an attempt that was lost
        {"kind": "sent", "key": "b", "usd": 0.5, "again": True, "at": 5.0},
        {"kind": "paid", "key": "b", "usd": 0.2, "at": 6.0},
        {"kind": "rest", "at": 7.0},
    ]
    assert SpentBefore.of(rows) == SpentBefore(calls=3, usd=pytest.approx(0.1 + 0.5 + 0.5 + 0.2), seconds=10.0)


def test_a_row_that_cannot_be_written_sends_no_call():
    def full(row):
        raise OSError("full")

    meter = RunMeter(RunBudget(usd=1.0), NOTHING, full)
    with pytest.raises(OSError, match="full"), meter.reserved("k", 0.4):
        raise AssertionError("sent")
    assert meter.in_flight == 0


def test_minutes_are_those_of_all_sittings_and_hold_for_free_models_too():
    meter = RunMeter(RunBudget(minutes=2), SpentBefore(seconds=121.0))
    with pytest.raises(RunBudgetSpent, match="2 minutes used"):
        meter.count()
    RunMeter(RunBudget(minutes=2), SpentBefore(seconds=60.0)).count()


def test_a_search_may_ask_for_as_many_calls_as_it_has_and_not_for_one_more():
    meter = SearchMeter(10)
    meter.start(4)
    meter.add(6)
    for more in (1, 0):  # what is over stays over: no run that is still going on may begin another
        with pytest.raises(RunBudgetSpent, match="more than 10 calls") as spent:
            meter.add(more)
    assert spent.value.what == "search_calls"
    meter.start(4)  # a second try asks anew
    meter.add(5)


def test_a_search_without_a_limit_asks_for_any_number():
    with pytest.raises(RunBudgetSpent):
        SearchMeter(10**9 - 1).add(10**9)
    SearchMeter(0).add(10**9)
