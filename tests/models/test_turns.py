"""A conversation: earlier turns are sent as turns, named by the reply key, recorded, counted and escaped."""

from __future__ import annotations

import json

import pytest

from models.conftest import CANARY, PRICE, QUICK, SDKS, ask
from models.fault_server import first
from stop.budget import RunBudget, RunMeter, SpentBefore
from stop.cache import Answers, reply_key
from stop.model import Turn
from stop.model.anthropic import AnthropicWire
from stop.model.failures import Server
from stop.model.mutation import MutationModel
from stop.model.prefix import FEWEST_CHARS
from stop.model.remote import RemoteModel
from stop.model.scripted import Rule, ScriptedModel
from stop.records import Records

EARLIER = (Turn("user", "two and two?"), Turn("assistant", "four"))
KEYED = {"model": "m", "base_url": "", "system": "s", "message": "q", "temperature": 0.7, "max_tokens": 9, "draw": "d"}


def said(body: dict) -> list[tuple[str, str]]:
    """(role, text) of every message of a request, either API's."""
    return [(m["role"], c if isinstance(c := m["content"], str) else c[0]["text"]) for m in body["messages"]]


@pytest.mark.parametrize("kind", [*SDKS, "dspy/openai/m"])
def test_every_wire_sends_earlier_turns_as_turns_of_their_own(connect, kind):
    model, server = connect(kind, first())
    assert model.reply(ask(earlier=EARLIER)).text == "answer to token-17"
    assert said(server.requests[0]) == [*EARLIER, ("user", "hello token-17")]


@pytest.mark.parametrize("kind", SDKS)
def test_what_has_no_utf8_is_escaped_in_earlier_turns_too(connect, kind):
    model, server = connect(kind, first())
    model.reply(ask(earlier=(Turn("user", "lone \udc80"), Turn("assistant", "yes"))))
    assert said(server.requests[0])[0] == ("user", "lone \\udc80")


def test_the_worst_case_counts_every_turn(connect):
    model, _ = connect("openai", first())
    (alone, _), (tokens, _) = model.worst_case(ask()), model.worst_case(ask(earlier=EARLIER))
    assert tokens - alone == sum(len(turn.text) + 64 for turn in EARLIER)


def test_a_reply_key_names_earlier_turns_and_without_any_is_what_it_always_was():
    assert reply_key(**KEYED) == reply_key(**KEYED, earlier=()) == "b985a921c9b846e1a58f02a7a3377e3d"
    conversations = [EARLIER, EARLIER[::-1], EARLIER[:1], (EARLIER[0], Turn("user", "four"))]
    assert len({reply_key(**KEYED, earlier=earlier) for earlier in conversations} | {reply_key(**KEYED)}) == 5


def test_a_conversation_is_recorded_turn_by_turn_and_its_long_texts_in_texts(tmp_path):
    records = Records(tmp_path)
    answers = Answers(records)
    long = "x" * 300
    meter = RunMeter(RunBudget(), SpentBefore())
    answers.reply(MutationModel(), ask(earlier=(Turn("user", long), EARLIER[1])), meter)
    records.close()
    (call,) = map(json.loads, (tmp_path / "pending.jsonl").read_text().splitlines())
    asked, answered, message = call["messages"]
    assert (tmp_path / "texts" / asked["sha"]).read_text() == long
    assert answered == {"role": "assistant", "text": "four"} and message["text"] == "hello token-17"


def test_of_long_conversations_at_anthropic_the_earlier_turns_are_kept(serve):
    server = serve(first())
    wire = AnthropicWire("m", Server("anthropic/m", server.url, "ANTHROPIC_API_KEY", CANARY), caches_prompts=True)
    model = RemoteModel("anthropic/m", server.url, wire, PRICE, retries=QUICK)
    for message in ("one", "two"):
        model.reply(ask(message, earlier=(Turn("user", "x" * FEWEST_CHARS), EARLIER[1])))
    for request in server.requests:
        marks = ["cache_control" in m["content"][0] for m in request["messages"]]
        assert marks == [False, True, False]
    model.close()


def test_mutation_changes_the_program_of_the_message_or_else_of_the_latest_turn_that_has_one():
    def program(name: str) -> str:
        return f"```python\ndef {name}(x):\n    return x + 1\n```"

    earlier = (Turn("user", program("old")), Turn("assistant", program("newer")))
    assert "def newer" in MutationModel().reply(ask("Faster!", earlier=earlier)).text
    with_program = ask(program("mine"))
    assert MutationModel().reply(ask(program("mine"), earlier=earlier)) == MutationModel().reply(with_program)


def test_scripted_rules_look_at_the_message_alone():
    model = ScriptedModel("s", (Rule("two", ("matched",)), Rule("", ("else",))))
    assert model.reply(ask("three?", earlier=EARLIER)).text == "else"
