"""Replies shared between runs: by two at once, never believed blindly, never in the way of what was paid for."""

from __future__ import annotations

import json
import pickle
import random
import zlib
from pathlib import Path

import diskcache
import pytest
from conftest import records, run_json

import stop
from models.shop import bill, closing, ended, keys, same_program
from stop.budget import RunBudget, RunMeter, SpentBefore
from stop.cache import NOT_SHARED, Answers, SharedReplies, Stopping
from stop.chain import BadFolder
from stop.model import Reply, Request, open_model
from stop.records import Records


def asked(run: Path) -> set[str]:
    return {json.loads(line)["key"] for line in (run / "calls.jsonl").read_text().splitlines()}


def test_two_runs_at_once_share_a_cache_and_pay_for_each_reply_once(shop, tmp_path):
    with shop(latency=0.05) as here:
        both = [here.start(out) for out in ("a", "b")]
        said = [ended(process) for process in both]
    assert [one.status for one in said] == [0, 0], said
    assert records(tmp_path / "a") == records(tmp_path / "b")
    found = keys(tmp_path / "shared")
    assert len(found) == len(set(found)) and set(found) == asked(tmp_path / "a")
    assert len(here.server.requests) == len(found)


def test_two_sessions_in_one_process_exclude_each_other_and_one_that_closes_frees_only_its_own(tmp_path):
    first, second, third = (SharedReplies(tmp_path) for _ in range(3))
    with first.claimed("a" * 32, lambda: True):
        third.close()
        for _ in range(2):
            with pytest.raises(Stopping), second.claimed("a" * 32, lambda: True):
                raise AssertionError("claimed twice")
        with second.claimed("b" * 32, lambda: True):
            pass
    with second.claimed("a" * 32, lambda: True):
        pass
    first.close(), second.close()


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickled_entry_is_refused_in_one_line_and_never_loaded(shop, stop_run, tmp_path):
    with shop() as here:
        assert stop_run(*here.argv("first")).status == 0
        with diskcache.Cache(str(tmp_path / "shared")) as cache:
            bomb = pickle.dumps(Bomb(tmp_path / "loaded"))
            cache._sql("UPDATE Cache SET mode = ?, value = ?", (diskcache.core.MODE_PICKLE, bomb))
        served = len(here.server.requests)
        said = stop_run(*here.argv("second"))
    assert said.status == 1 and "a pickled entry is refused. Give another --cache" in said.lines[-1]
    assert not (tmp_path / "loaded").exists() and len(here.server.requests) == served


NOT_REPLIES = [
    {"text": 3}, {"no": "text"}, ["text"], "text", 7, {"text": "x", "usd": float("nan")}, {"text": "x", "usd": -1.0},
    {"text": "x", "usd": float("inf")}, {"text": "x", "input_tokens": -1}, {"text": "x", "output_tokens": True},
]  # fmt: skip


@pytest.mark.parametrize("entry", NOT_REPLIES)
def test_an_entry_that_is_no_reply_is_refused(tmp_path, entry):
    shared = SharedReplies(tmp_path)
    shared._cache["k"] = entry
    with pytest.raises(BadFolder, match=r"an entry is no reply\. Give another --cache"):
        shared.get("k")
    shared.close()


def test_an_entry_nested_too_deep_is_refused(tmp_path):
    shared = SharedReplies(tmp_path)
    shared.put("k", Reply("x"))
    shared._cache._sql("UPDATE Cache SET value = ?", (zlib.compress(b"[" * 100_000),))
    with pytest.raises(BadFolder, match="cannot be used"):
        shared.get("k")
    shared.close()


@pytest.mark.parametrize(
    "row", [{"value": 7}, {"value": "text"}, {"value": None}, {"mode": 99}, {"mode": 3, "filename": "cache.db"},
            {"mode": 2, "filename": "../private"}]
)  # fmt: skip
def test_a_row_of_another_make_is_refused_and_no_other_file_is_read(tmp_path, row):
    (tmp_path / "private").write_bytes(zlib.compress(b'{"text": "private"}'))
    shared = SharedReplies(tmp_path / "shared")
    shared.put("k", Reply("x"))
    shared._cache._sql(f"UPDATE Cache SET {', '.join(f'{name} = ?' for name in row)}", tuple(row.values()))
    with pytest.raises(BadFolder, match=r"an entry is no reply\. Give another --cache"):
        shared.get("k")
    shared.close()


def test_a_row_that_names_another_file_does_not_have_it_deleted(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    shared = SharedReplies(tmp_path / "shared")
    shared.put("k", Reply("x"))
    shared._cache._sql("UPDATE Cache SET mode = 2, value = NULL, filename = ?, expire_time = 1.0", (str(mine),))
    shared.put("other", Reply("y"))
    assert mine.read_text() == "mine"
    shared.close()


def test_a_long_reply_is_shared_too(tmp_path):
    shared, long = SharedReplies(tmp_path), Reply("".join(random.choices("abcdefghij", k=200_000)))
    shared.put("k", long)
    assert shared.get("k") == long and len(list(tmp_path.rglob("*.val"))) == 1
    shared.close()


def test_a_run_that_meets_an_entry_that_is_no_reply_asks_nothing_and_ends_in_one_line(shop, stop_run, tmp_path):
    with shop() as here:
        assert stop_run(*here.argv("first", "--generations", "0")).status == 0
        with diskcache.Cache(str(tmp_path / "shared"), disk=diskcache.JSONDisk) as cache:
            for key in list(cache):
                cache[key] = {"text": "x", "usd": float("nan")}
        served = len(here.server.requests)
        said = stop_run(*here.argv("second", "--generations", "0"))
    assert said.status == 1 and "an entry is no reply. Give another --cache" in said.lines[-1], said
    assert len(here.server.requests) == served


def test_no_cache_makes_no_folder_and_a_model_that_costs_nothing_uses_none(shop, stop_run, monkeypatch, tmp_path):
    with shop() as here:
        assert stop_run(*here.argv("a", "--generations", "0", "--no-cache")).status == 0
        monkeypatch.delenv("STOP_PRICES")
        assert stop_run(*here.argv("b", "--generations", "0")).status == 0
    assert not (tmp_path / "shared").exists()


@pytest.mark.parametrize("stop_reason", NOT_SHARED)
def test_a_reply_that_was_bad_luck_or_the_set_ups_is_asked_again_by_another_run(tmp_path, stop_reason):
    shared = SharedReplies(tmp_path)
    for key, reason in (("k", stop_reason), ("other", "max_tokens")):
        shared.put(key, Reply("", stop_reason=reason))
    assert shared.get("k") is None and shared.get("other") == Reply("", stop_reason="max_tokens")
    shared.close()


def test_a_full_cache_ends_the_run_in_one_line_and_the_reply_that_was_paid_for_is_kept(
    shop, stop_run, tmpfs, monkeypatch, tmp_path
):
    cache = tmpfs("size=400k") / "shared"
    monkeypatch.setenv("STOP_CACHE_DIR", str(cache))

    def long(token: str, prompt: str) -> str:
        return same_program(token, prompt) + "".join(random.choices("abcdefghij", k=60_000))

    with shop(answer=long) as here:
        said = stop_run(*here.argv("run"))
        assert said.status == 1 and f"--cache {cache} cannot be used: " in said.lines[-1], said
        served = len(here.server.requests)
        rows = [json.loads(line) for line in (tmp_path / "run" / "pending.jsonl").read_text().splitlines()]
        kept = [row for row in rows if row["kind"] == "call"]
        assert len(kept) + len(asked(tmp_path / "run")) == served
        assert stop.load(tmp_path / "run").usd == pytest.approx(bill(here.server.requests))
        assert stop_run(*here.argv("run", "--no-cache")).status == 0
    assert len(here.server.requests) == len(asked(tmp_path / "run"))


def test_a_reply_that_could_not_be_shared_is_not_paid_for_again_when_a_program_goes_on(scripted, tmp_path):
    shared, records = SharedReplies(tmp_path / "shared"), Records(tmp_path / "run", run_json())
    shared._cache._sql("PRAGMA query_only = 1")  # as on a disk that is full
    model, meter = open_model(scripted("a reply")), RunMeter(RunBudget(calls=1), SpentBefore())
    answers, request = Answers(records, shared), Request("", "hello", 1.0, 10, "aa")
    with pytest.raises(BadFolder, match="cannot be used"):
        answers.reply(model, request, meter)
    assert answers.reply(model, request, meter).text == "a reply"
    shared.close(), records.close()


def test_a_reply_that_was_not_taken_is_recorded_and_asked_again_by_the_next_run(shop, stop_run, tmp_path):
    with shop(lambda token, before: "400" if before == 12 else "") as here:  # others, asked at once, were answered
        first = stop_run(*here.argv("first", "--generations", "0"))
        served = len(here.server.requests)
        second = stop_run(*here.argv("second", "--generations", "0"))
    assert (first.status, second.status, len(here.server.requests)) == (0, 0, served + 1)
    assert int(closing(second)["llm_calls"]) - int(closing(second)["cached_calls"]) == 1


def test_shared_replies_of_a_unit_that_a_budget_cut_short_are_not_counted_as_fresh(shop, stop_run, tmp_path):
    with shop() as here:
        assert stop_run(*here.argv("first", "--generations", "0")).status == 0
        with diskcache.Cache(str(tmp_path / "shared"), disk=diskcache.JSONDisk) as cache:
            for key in list(cache)[-2:]:
                del cache[key]
        said = closing(stop_run(*here.argv("second", "--generations", "0", "--budget-calls", "1", "--workers", "1")))
    assert said["stopped"] == "budget_calls" and int(said["llm_calls"]) - int(said["cached_calls"]) == 1
