"""Every fault at once, in numbers: nothing is lost, mixed up, or counted twice."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.conftest import PRICE, SDKS, ask
from models.fault_server import FAULTS, mixed
from stop.budget import RunBudget, RunMeter, SpentBefore
from stop.cache import Answers, SharedReplies
from stop.chain import read_timing
from stop.records import Records

CALLS, THREADS = 1000, 32


@pytest.mark.parametrize("kind", SDKS)
def test_1000_calls_with_every_fault_mixed_at_30_percent_are_answered_paired_and_paid_as_counted(
    connect, kind, tmp_path
):
    model, server = connect(kind, mixed(0.30, seed=1), timeout_seconds=3.0)
    prompts = [f"token-{number}" for number in range(CALLS)]
    records = Records(tmp_path / "run", {"looks": {"test": []}})
    shared = SharedReplies(tmp_path / "cache")
    answers, meter = Answers(records, shared), RunMeter(RunBudget(calls=CALLS), SpentBefore(), records.time)
    with ThreadPoolExecutor(THREADS) as pool:
        replies = list(pool.map(lambda prompt: answers.reply(model, ask(prompt), meter), prompts))
    records.close()

    assert len(replies) == CALLS
    for prompt, reply in zip(prompts, replies, strict=True):
        if reply.stop_reason in ("end", "max_tokens", "oversize"):
            assert reply.text.split(" x")[0] == f"answer to {prompt}"
        else:
            assert (reply.text, reply.stop_reason in ("empty", "refusal")) == ("", True)
        assert server.billed[prompt] == [(reply.input_tokens, reply.output_tokens)]
    assert sum(r.usd for r in replies) == pytest.approx(PRICE.usd(*server.tokens))
    lost = sum(n * model.worst_case(ask(prompt))[1] for prompt, n in server.lost.items())
    assert meter.usd == pytest.approx(PRICE.usd(*server.tokens) + lost)
    assert SpentBefore.of(read_timing(records.path)).usd == pytest.approx(meter.usd)
    stored = [json.loads(line) for line in (records.path / "pending.jsonl").read_text().splitlines()]
    assert len(stored) == len({row["key"] for row in stored}) == CALLS
    by_prompt = {row["messages"][0]["text"]: row["reply"] for row in stored}
    assert [by_prompt[prompt] for prompt in prompts] == [reply.text for reply in replies]
    assert [shared.get(row["key"]) is not None for row in stored] == [True] * CALLS
    shared.close()
    assert set(server.faults) == {"", *FAULTS}
    assert model.limiter.in_flight == 0 and model.limiter.most_seen <= THREADS
