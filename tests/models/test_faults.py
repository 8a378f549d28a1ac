"""Each fault alone, against a real server, by both official clients and by dspy."""

from __future__ import annotations

import socket

import pytest

from models.conftest import SDKS, ask, client
from models.fault_server import ANSWERED, FINAL, LOST, RETRIED, always, first
from stop.model import ModelRefused, ModelUnavailable, Reply

KINDS = (*SDKS, "dspy/openai/m")
STOPS = {"empty": "empty", "refusal": "refusal", "max_tokens": "max_tokens", "huge": "oversize"}


def hang(fault: str) -> dict[str, float]:
    return {"timeout_seconds": 0.5} if fault == "hang" else {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", sorted(RETRIED))
def test_a_passing_fault_is_tried_again_and_answered(connect, kind, fault):
    if fault == "other json" and kind.startswith("dspy"):
        pytest.skip("dspy reads any JSON object as an empty answer")
    model, server = connect(kind, first(fault, fault), **hang(fault))
    reply = model.reply(ask())
    assert (reply.text, reply.stop_reason) == ("answer to token-17", "end")
    assert server.attempts["token-17"] == 3


@pytest.mark.parametrize("kind", SDKS)
@pytest.mark.parametrize("fault", sorted(RETRIED))
def test_a_lasting_fault_is_given_up_after_so_many_attempts_with_one_line(connect, kind, fault):
    model, server = connect(kind, always(fault), **hang(fault))
    with pytest.raises((ModelUnavailable, ModelRefused)) as error:
        model.reply(ask())
    assert "\n" not in str(error.value) and "m" in str(error.value)
    assert server.attempts["token-17"] == model.retries.attempts


@pytest.mark.parametrize("kind", SDKS)
@pytest.mark.parametrize("fault", ["truncate", "malformed", "html", "other json"])
def test_a_body_that_stays_unreadable_becomes_a_reply_that_says_so(connect, kind, fault):
    model, _ = connect(kind, lambda token, before: fault if token == "token-2" else "")
    assert model.reply(ask("token-1")).stop_reason == "end"
    reply = model.reply(ask("token-2"))
    assert (reply.text, reply.stop_reason) == ("", "truncated" if fault == "truncate" else "malformed")


@pytest.mark.parametrize("kind", SDKS)
@pytest.mark.parametrize("fault", ["400", "malformed"])
def test_a_server_that_gives_no_answer_of_use_any_more_ends_the_run(connect, kind, fault):
    model, _ = connect(kind, lambda token, before: fault if token != "token-0" else "")
    model.reply(ask("token-0"))
    with pytest.raises(ModelRefused, match="no answer of use"):
        for number in range(1, 20):
            assert not model.reply(ask(f"token-{number}")).text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", sorted(ANSWERED))
def test_an_odd_answer_is_an_answer_and_its_stop_reason_says_what_it_is(connect, kind, fault):
    model, server = connect(kind, always(fault))
    reply = model.reply(ask())
    assert reply.stop_reason == STOPS.get(fault, "end")
    assert reply.text.startswith("answer to token-17") or fault in ("empty", "refusal")
    assert server.attempts["token-17"] == 1


@pytest.mark.parametrize("kind", SDKS)
def test_without_usage_the_tokens_are_the_most_that_they_can_be(connect, kind):
    model, server = connect(kind, always("no usage"))
    reply = model.reply(ask())
    assert reply.input_tokens >= server.tokens[0] and reply.output_tokens >= server.tokens[1]
    assert reply.usd > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", sorted(FINAL - {"400 too long"}))
def test_what_another_attempt_cannot_mend_is_refused_at_once_with_one_line(connect, kind, fault):
    model, server = connect(kind, always(fault))
    with pytest.raises(ModelRefused) as error:
        model.reply(ask())
    assert server.attempts["token-17"] == 1
    text = str(error.value)
    assert "\n" not in text
    assert {"401": "_API_KEY", "403": "_API_KEY", "404": "--model"}.get(fault, "") in text
    assert "cannot pay" in text or fault not in ("400 no credit", "429 no quota")


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_that_is_too_long_is_a_reply_and_no_error(connect, kind):
    model, server = connect(kind, always("400 too long"))
    assert model.reply(ask()) == Reply("", stop_reason="too_long")
    assert server.attempts["token-17"] == 1


@pytest.mark.parametrize("kind", SDKS)
def test_one_request_that_is_not_taken_among_others_is_a_reply(connect, kind):
    model, _ = connect(kind, lambda token, before: "400" if token == "token-2" else "")
    replies = [model.reply(ask(f"token-{n}")) for n in (1, 2, 3)]
    assert [r.stop_reason for r in replies] == ["end", "bad_request", "end"]


@pytest.mark.parametrize("kind", SDKS)
def test_an_empty_message_is_not_even_sent(connect, kind):
    model, server = connect(kind, first())
    assert model.reply(ask(" \n")).stop_reason == "bad_request"
    assert not server.attempts


@pytest.mark.parametrize("kind", SDKS)
def test_text_that_has_no_utf8_is_sent_escaped(connect, kind):
    model, server = connect(kind, first())
    assert model.reply(ask("lone \udc80 token-1")).text == "answer to token-1"
    assert "lone \\udc80 token-1" in str(server.requests[0]["messages"]).replace("\\\\", "\\")


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_listening_is_said_in_one_line(kind):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        model = client(kind, f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ModelUnavailable, match=r"^[^\n]+Is the server running\? Check --base-url\.$"):
            model.reply(ask())


@pytest.mark.parametrize("kind", SDKS)
@pytest.mark.parametrize("fault", sorted(LOST))
def test_every_attempt_that_may_have_been_billed_without_a_reply_is_told(connect, kind, fault):
    model, server = connect(kind, first(fault, "429", fault), **hang(fault))
    told = []
    model.reply(ask(), lambda: told.append("lost"))
    assert len(told) == 2 == server.lost["token-17"]


def test_whoever_is_told_of_a_lost_attempt_may_forbid_the_next(connect):
    class Spent(Exception):
        pass

    def forbid():
        raise Spent

    model, server = connect("openai", always("drop"))
    with pytest.raises(Spent):
        model.reply(ask(), forbid)
    assert server.attempts["token-17"] == 1


@pytest.mark.parametrize("tokens", [10**400, 10**15, -5, True], ids=["1e400", "1e15", "-5", "true"])
def test_a_number_of_tokens_that_no_reply_has_is_not_believed(connect, tokens):
    for kind in SDKS:
        model, server = connect(kind, lambda token, before: "")
        server.usage = lambda prompt, body: (tokens, tokens)
        reply = model.reply(ask())
        assert (reply.input_tokens, reply.output_tokens) == (len(ask().message) + 64, len(reply.text))
        assert 0 < reply.usd <= model.worst_case(ask())[1]


# -- what is sent ----------------------------------------------------------------------------------------------------
def test_a_server_of_ones_own_is_sent_temperature_and_a_seed_by_draw(connect):
    for kind in SDKS:
        model, server = connect(kind, first())
        for draw in ("aa", "bb", "aa"):
            model.reply(ask(draw=draw, temperature=0.3))
        seeds = [r["seed"] for r in server.requests]
        assert [r["temperature"] for r in server.requests] == [0.3] * 3
        assert seeds[0] == seeds[2] != seeds[1] and model.takes_temperature


def test_the_system_text_is_sent_as_such_and_an_empty_one_not_at_all(connect):
    for kind in SDKS:
        model, server = connect(kind, first())
        model.reply(ask(system="be brief"))
        model.reply(ask(system=""))
        sent = [r.get("system") or next((m["content"] for m in r["messages"] if m["role"] == "system"), None)
                for r in server.requests]  # fmt: skip
        assert sent == ["be brief", None]
