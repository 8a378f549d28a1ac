"""dspy programs on our models: what is asked, with which draws, what comes back, what is refused and raised."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dspy
import pytest
from dspy import lm15
from dspy.utils import exceptions as errors

from models.conftest import SDKS
from models.fault_server import always, first
from stop.budget import RunBudgetSpent
from stop.model import ModelRefused, ModelUnavailable, Reply, Request, dspy_lm
from stop.model.engine import MOST_HISTORY
from stop.session import begin

ROOT = Path(__file__).resolve().parent.parent.parent
TRAINSET = [dspy.Example(question=f"{n} + {n}", answer=str(2 * n)).with_inputs("question") for n in range(4)]


def fields(**values: str) -> str:
    """A reply as dspy's ChatAdapter wants it."""
    return "\n\n".join(f"[[ ## {name} ## ]]\n{value}" for name, value in {**values, "completed": ""}.items())


def sums(request: Request) -> Reply:
    """Adds what the last turn asks it to add."""
    a, b = map(int, re.search(r"(\d+) \+ (\d+)", request.message).groups())
    return Reply(fields(reasoning="by counting", answer=str(a + b)), 7, 5, 0.25)


class Model:
    """Replies by a function; remembers what it was asked. warm: replies that are known, by request."""

    id = "openai/gpt-5.5"  # a name for which dspy.LM alone would refuse our defaults

    def __init__(self, answer: Callable[[Request], Reply] = sums, warm: dict[Request, Reply] | None = None) -> None:
        self.answer, self.warm, self.asked = answer, {} if warm is None else warm, []

    def reply(self, request: Request) -> Reply:
        if request not in self.warm:
            self.asked.append(request)
            self.warm[request] = self.answer(request)
        return self.warm[request]


def saying(text: str, **others: object) -> Model:
    return Model(lambda request: Reply(text, **others))


def failing(error: Exception) -> Model:
    def answer(request: Request) -> Reply:
        raise error

    return Model(answer)


@pytest.fixture(autouse=True)
def chat():
    with dspy.context(adapter=dspy.ChatAdapter()):
        yield


def draws(lm: dspy.LM, model: Model, *calls: dict[str, object]) -> list[str]:
    """Of the replies to one prompt, asked for in calls with these arguments."""
    before = len(model.asked)
    for arguments in calls:
        lm("hi", **arguments)
    return [request.draw for request in model.asked[before:]]


# -- programs ----------------------------------------------------------------------------------------------------------
def test_importing_the_seam_imports_no_dspy():
    code = "import sys, stop.model; print('dspy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_a_program_asks_our_model_once_for_each_answer():
    model = Model()
    lm = dspy_lm(model)
    with dspy.context(lm=lm):
        assert dspy.Predict("question -> answer")(question="1 + 1").answer == "2"
        assert dspy.ChainOfThought("question -> answer")(question="2 + 3").reasoning == "by counting"
    assert isinstance(lm, dspy.LM) and len(model.asked) == 2
    assert "question" in model.asked[0].system and "1 + 1" in model.asked[0].message and not model.asked[0].earlier


def test_demonstrations_are_earlier_turns():
    model = Model()
    program = dspy.Predict("question -> answer")
    program.demos = TRAINSET[:2]
    program(question="5 + 5", lm=dspy_lm(model))
    (request,) = model.asked
    assert [turn.role for turn in request.earlier] == ["user", "assistant"] * 2
    assert "1 + 1" in request.earlier[2].text and "1 + 1" not in request.message


def test_an_optimiser_runs_and_run_again_asks_nothing_that_is_known():
    def compiled(model: Model) -> dspy.Module:
        optimiser = dspy.BootstrapFewShot(lambda example, found, trace=None: example.answer == found.answer)
        with dspy.context(lm=dspy_lm(model)):
            program = optimiser.compile(dspy.ChainOfThought("question -> answer"), trainset=TRAINSET)
            assert program(question="8 + 8").answer == "16"
        return program

    cold = Model()
    program = compiled(cold)
    assert len(program.predictors()[0].demos) == 4 and len(cold.asked) == 5
    warm = Model(warm=cold.warm)
    compiled(warm)
    assert not warm.asked


def test_threads_ask_at_once_and_every_reply_has_a_draw_of_its_own():
    model = Model()
    program = dspy.Predict("question -> answer")
    with dspy.context(lm=dspy_lm(model)):
        pairs = [(program, {"question": f"{n % 2} + 1"}) for n in range(40)]
        found = dspy.Parallel(num_threads=8, disable_progress_bar=True)(pairs)
    assert [one.answer for one in found] == ["1", "2"] * 20
    for message in {request.message for request in model.asked}:
        same = [request for request in model.asked if request.message == message]
        assert {request.occurrence for request in same} == set(range(20)) == set(range(len({r.draw for r in same})))


def test_coroutines_ask_at_once_and_with_the_same_draws():
    model, blocking = Model(), Model()

    async def ask_all() -> list[str]:
        lm, program = dspy_lm(model), dspy.Predict("question -> answer")
        found = await asyncio.gather(*(program.acall(question=f"{n} + 0", lm=lm) for n in range(30)))
        return [one.answer for one in found]

    assert asyncio.run(ask_all()) == [str(n) for n in range(30)]
    program, lm = dspy.Predict("question -> answer"), dspy_lm(blocking)
    for n in range(30):
        program(question=f"{n} + 0", lm=lm)
    assert set(model.asked) == set(blocking.asked)


# -- draws and settings ------------------------------------------------------------------------------------------------
def test_draws_tell_samples_of_one_request_apart_and_start_over_with_each_lm():
    model = Model(lambda request: Reply("x"))
    lm = dspy_lm(model)
    made = draws(lm, model, {}, {"n": 3}, {})
    assert len(set(made)) == 5 and [request.occurrence for request in model.asked] == [0, 1, 2, 3, 4]
    again = saying("x")
    assert draws(dspy_lm(again), again, {"n": 5}) == made


def test_seed_and_rollout_give_other_draws():
    model = saying("x")
    plain, seeded = dspy_lm(model), dspy_lm(model, seed=1)
    calls = {}, {"rollout_id": 0}, {"rollout_id": 7}
    made = draws(plain, model, *calls) + draws(seeded, model, *calls)
    assert len(set(made)) == 6
    other = saying("x")
    assert draws(dspy_lm(other).copy(rollout_id=7), other, {}) == made[2:3]


def test_copies_of_an_lm_go_on_counting():
    model = saying("x")
    lm = dspy_lm(model)
    made = [draws(one, model, {})[0] for one in (lm, lm.copy(), copy.deepcopy(lm))]
    assert len(set(made)) == 3


def test_the_best_of_several_rollouts_is_taken():
    model = Model(lambda request: Reply(fields(answer=request.draw)))
    best = dspy.BestOfN(dspy.Predict("question -> answer"), N=4, threshold=2.0,
                        reward_fn=lambda arguments, found: int(found.answer, 16) / 16**32)  # fmt: skip
    with dspy.context(lm=dspy_lm(model)):
        assert best(question="any").answer == max(request.draw for request in model.asked)
    assert len(model.asked) == 4


def test_settings_are_dspys_where_it_has_any():
    model = saying("x")
    lm = dspy_lm(model, max_tokens=50)
    lm("hi"), lm("hi", temperature=0.0, max_tokens=9), lm.copy(temperature=None, max_tokens=None)("hi")
    lm(lm15.Request(model=lm.model, messages=(lm15.Message.user("hi"),)))
    assert [(r.temperature, r.max_tokens) for r in model.asked] == [(1.0, 50), (0.0, 9), (1.0, 50), (1.0, 50)]


# -- what comes back ---------------------------------------------------------------------------------------------------
def test_usage_and_cost_are_dspys_to_sum_up():
    lm = dspy_lm(Model())
    with dspy.track_usage() as tracked, dspy.context(lm=lm):
        dspy.Predict("question -> answer", n=2)(question="1 + 1")
    (usage,) = tracked.get_total_tokens().values()
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (14, 10, 24)
    assert lm.history[-1]["cost"] == 0.5


def test_a_price_that_may_be_unknown_is_no_cost():
    lm = dspy_lm(saying("x"))
    lm("hi")
    assert lm.history[-1]["cost"] is None


@pytest.mark.parametrize(
    ("stop_reason", "finish"),
    [("end", "stop"), ("empty", "stop"), ("pause_turn", "stop"), ("max_tokens", "length"), ("oversize", "length"),
     ("refusal", "content_filter")],
)  # fmt: skip
def test_why_a_reply_ended_is_said_in_dspys_words(monkeypatch, stop_reason, finish):
    warned = []  # what dspy says to its logger, whatever other tests have done to the logging of this process
    monkeypatch.setattr(logging.getLogger("dspy.clients.lm"), "warning", lambda text, *_: warned.append(text))
    lm = dspy_lm(saying("some text", stop_reason=stop_reason))
    response = lm(lm15.Request(model=lm.model, messages=(lm15.Message.user("hi"),)))
    assert (response.text, response.finish_reason) == ("some text", finish)
    assert ["was truncated" in text for text in warned] == [True] * (finish == "length")


@pytest.mark.parametrize(
    ("stop_reason", "error"),
    [("too_long", errors.ContextWindowExceededError), ("bad_request", errors.LMInvalidRequestError),
     ("truncated", errors.LMServerError), ("malformed", errors.LMServerError)],
)  # fmt: skip
def test_no_answer_is_the_error_that_dspy_has_for_it_and_not_asked_again(stop_reason, error):
    model = saying("", stop_reason=stop_reason)
    with pytest.raises(error, match="openai/gpt-5.5: "):
        dspy.Predict("question -> answer")(question="any", lm=dspy_lm(model))
    assert len(model.asked) == 1


def test_an_lm_remembers_its_last_calls_alone():
    lm = dspy_lm(saying("x"))
    for n in range(MOST_HISTORY + 5):
        lm(f"message {n}")
    assert [len(lm.history), lm.history[0]["prompt"]] == [MOST_HISTORY, "message 5"]


# -- errors ------------------------------------------------------------------------------------------------------------
ERRORS = (ModelRefused("no key"), ModelUnavailable("gone"), RunBudgetSpent("budget_calls", "3 of 3 calls used"))


@pytest.mark.parametrize("error", ERRORS)
def test_what_the_model_raises_reaches_the_caller_as_itself_and_is_not_asked_for_again(error):
    model = failing(error)
    lm, program = dspy_lm(model), dspy.ChainOfThought("question -> answer")
    with dspy.context(lm=lm):
        with pytest.raises(type(error)) as blocking:
            program(question="any")
        with pytest.raises(type(error)) as awaited:
            asyncio.run(program.acall(question="any"))
    assert blocking.value is awaited.value is lm.failure is error
    assert len(model.asked) == 2


def test_an_error_that_an_optimiser_swallows_is_not_lost():
    spent = RunBudgetSpent("budget_calls", "0 of 0 calls used")
    lm, program = dspy_lm(failing(spent)), dspy.Predict("question -> answer")
    assert lm.failure is None
    with dspy.context(lm=lm):
        dspy.BootstrapFewShot().compile(program, trainset=TRAINSET)
        assert lm.failure is spent
        with pytest.raises(RunBudgetSpent):
            dspy.BootstrapFewShot(max_errors=1).compile(program, trainset=TRAINSET)


TOOL = {"type": "function", "function": {"name": "search", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    ("arguments", "found"),
    [({"tools": [TOOL]}, r"tools \(search\)"), ({"response_format": {"type": "json_object"}}, "response_format"),
     ({"stop": ["x"]}, "stop"), ({"top_p": 0.5}, "top_p"), ({"logprobs": True}, "logprobs")],
)  # fmt: skip
def test_settings_that_our_models_do_not_take_are_refused_by_name(arguments, found):
    model = saying("x")
    with pytest.raises(errors.LMUnsupportedFeatureError, match=rf"^[^\n]+ it was given {found}[^\n]*$"):
        dspy_lm(model)("hi", **arguments)
    assert not model.asked


def test_content_that_is_no_text_is_refused_by_name():
    model, image = saying("x"), dspy.Image("https://example.org/a.png")
    with pytest.raises(errors.LMUnsupportedFeatureError, match=r"given content of type 'image' \(role 'user'\)"):
        dspy.Predict("picture: dspy.Image -> answer")(picture=image, lm=dspy_lm(model))
    assert not model.asked


@pytest.mark.parametrize(
    ("message", "found"),
    [(lm15.Message.assistant("so"), "ends with the assistant"), (lm15.Message.developer("do"), "role 'developer'")],
)
def test_a_conversation_of_another_shape_is_refused(message, found):
    lm = dspy_lm(saying("x"))
    with pytest.raises(errors.LMUnsupportedFeatureError, match=found):
        lm(lm15.Request(model=lm.model, messages=(lm15.Message.user("hi"), message)))


def test_streams_are_refused():
    async def last() -> None:
        program = dspy.streamify(dspy.Predict("question -> answer"))
        with dspy.context(lm=dspy_lm(saying("x"))):
            async for _ in program(question="any"):
                pass

    with pytest.raises(errors.LMUnsupportedFeatureError, match="given a streamed reply"):
        asyncio.run(last())


# -- servers -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [*SDKS, "dspy/openai/m"])
def test_a_program_with_demonstrations_asks_a_server_in_turns(connect, kind):
    model, server = connect(kind, first("500"))
    server.answer = lambda token, prompt: fields(answer=f"answer to {token}")
    program = dspy.Predict("question -> answer")
    program.demos = TRAINSET[:2]
    lm = dspy_lm(model)
    assert program(question="token-17", lm=lm).answer == "answer to token-17"
    messages = server.requests[-1]["messages"]
    assert [m["role"] for m in messages if m["role"] != "system"] == ["user", "assistant"] * 2 + ["user"]
    assert server.attempts["token-17"] == 2 and lm.history[-1]["cost"] > 0


def test_a_refusal_of_the_server_is_the_callers(connect):
    model, server = connect("openai", always("401"))
    with pytest.raises(ModelRefused, match="OPENAI_API_KEY"):
        dspy.Predict("question -> answer")(question="token-17", lm=dspy_lm(model))
    assert server.attempts["token-17"] == 1


def test_the_example_of_the_readme_runs(serve):
    section = (ROOT / "README.md").read_text().split("## dspy programs")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    server = serve(first(), answer=lambda token, prompt: fields(reasoning="known", answer="42"))
    code = re.sub(r'"http://[^"]+"', repr(server.url), code)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout == "42\n", ran.stderr
    assert len(server.requests) == 1


def test_a_program_on_a_sessions_model_is_charged_to_the_run_and_kept_in_its_folder(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps([fields(answer="6")]))
    settings = {"model": f"scripted:{script}", "generations": 0, "budget_calls": 2}

    def ask_twice(question: str) -> int:
        with begin("maxcut", out=tmp_path / "run", **settings) as session, dspy.context(lm=dspy_lm(session.model)):
            sums = dspy.Predict("question -> answer")
            assert [sums(question=text).answer for text in ("2 * 3", question)] == ["6", "6"]
        return sum(row["kind"] == "call" for row in map(json.loads, (tmp_path / "run" / "pending.jsonl").open()))

    assert ask_twice("1 * 6") == 2
    assert ask_twice("1 * 6") == 2  # known by now
    with pytest.raises(RunBudgetSpent):
        ask_twice("3 * 2")
