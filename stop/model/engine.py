"""dspy programs on our models: the engine (dspy's word) behind a dspy.LM.

Owns: dspy's requests and our replies in each other's words; the draws of what a dspy program asks. Does not own:
budgets, caches and records, which are the model's own affair.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import dspy
from dspy import lm15
from dspy.utils.exceptions import LMUnexpectedError

from stop.draw import program_draw
from stop.model import LanguageModel, Reply, Request, Turn
from stop.model.remote import MOST_IN_FLIGHT
from stop.neutral import neutral

TAKEN = ("temperature", "max_tokens")  # of the settings of a request
MOST_HISTORY = 100  # calls that an LM remembers; dspy alone keeps 10,000 of them, three times
FINISHED = {"max_tokens": "length", "oversize": "length", "refusal": "content_filter"}
NO_ANSWER = {
    "too_long": (lm15.ContextLengthError, "the prompt does not fit into its context"),
    "bad_request": (lm15.InvalidRequestError, "the prompt was not taken"),
    "truncated": (lm15.ServerError, "its answer was cut off, however often it was tried"),
    "malformed": (lm15.ServerError, "its answer could not be read, however often it was tried"),
}
MOST_SHOWN_CHARS = 100
_rollout: contextvars.ContextVar[int | None] = contextvars.ContextVar("rollout", default=None)


class ProgramLM(dspy.LM):
    """A dspy.LM that asks one of our models. dspy's cache and retries are off: these are the model's.

    What the model raises comes out as it is. It remembers its last calls, and dspy's shared histories none of them.
    """

    def __init__(self, model: LanguageModel, *, seed: int, temperature: float, max_tokens: int) -> None:
        engine = Engine(model, seed, temperature, max_tokens)
        # no second slash: by what follows the last one dspy knows models whose settings it restricts
        name = f"stop/{model.id.replace('/', ':')}"
        super().__init__(
            name, temperature=temperature, max_tokens=max_tokens, cache=False, num_retries=0, engine=engine,
            async_engine=AsyncEngine(engine),
        )  # fmt: skip

    @property
    def failure(self) -> Exception | None:
        """The first that the model raised, here or in a copy; dspy's optimisers may have caught it and gone on."""
        failure: Exception | None = self.engine.failure
        return failure

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._asking(kwargs):
            return super().__call__(*args, **kwargs)

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        with self._asking(kwargs):
            return await super().acall(*args, **kwargs)

    def update_history(self, entry: dict[str, Any]) -> None:
        """Called by dspy for every call, unless its histories are off."""
        responses = entry["response"] if isinstance(entry["response"], tuple) else (entry["response"],)
        usd = sum(response.provider_data["usd"] for response in responses)
        self.history.append({**entry, "cost": usd or None})  # 0 may mean that the price is unknown
        del self.history[:-MOST_HISTORY]

    @contextmanager
    def _asking(self, kwargs: dict[str, Any]) -> Iterator[None]:
        """Tells the engine what dspy does not, and undoes the wrapping of what the model raised."""
        token = _rollout.set(kwargs.get("rollout_id", self.kwargs.get("rollout_id")))
        try:
            yield
            return
        except LMUnexpectedError as error:
            if not isinstance(error.__cause__, Exception):
                raise
            raised = error.__cause__
        finally:
            _rollout.reset(token)
        self.engine.failure = self.engine.failure or raised
        raise raised from raised.__cause__  # its own, not dspy's wrapping


class Engine:
    """One reply for each request, from any thread. Copies of an LM, or of a program that has one, share it."""

    def __init__(self, model: LanguageModel, seed: int, temperature: float, max_tokens: int) -> None:
        """temperature, max_tokens: where a request has none."""
        self.failure: Exception | None = None
        self._model, self._seed = model, seed
        self._temperature, self._max_tokens = temperature, max_tokens
        self._asked: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> Engine:
        return self

    def complete(self, request: Any) -> Any:
        """The lm15.Response to an lm15.Request. Raises what the model raises, and errors of lm15."""
        reply = self._model.reply(self._drawn(self._read(request)))
        if reply.stop_reason in NO_ANSWER:
            kind, why = NO_ANSWER[reply.stop_reason]
            raise kind(f"{self._model.id}: {why}.")
        return _response(reply, request.model)

    def stream(self, request: Any) -> Any:
        raise _refused("a streamed reply")

    def _read(self, request: Any) -> Request:
        """Not yet drawn. Raises lm15.UnsupportedFeatureError for what our requests have no place for."""
        config, unset = request.config, lm15.Config()
        for name in (field.name for field in fields(config)):
            if name not in TAKEN and (found := getattr(config, name)) != getattr(unset, name):
                raise _refused(f"{name} {found!r}")
        if request.tools:
            raise _refused(f"tools ({', '.join(tool.name for tool in request.tools)})")
        *earlier, last = [_turn(message) for message in request.messages]
        if last.role != "user":
            raise _refused("a conversation that ends with the assistant's turn")
        return Request(
            system=request.system if isinstance(request.system, str) else _text(request.system or (), "system"),
            message=last.text,
            temperature=self._temperature if config.temperature is None else config.temperature,
            max_tokens=config.max_tokens or self._max_tokens,
            draw="",
            earlier=tuple(earlier),
        )

    def _drawn(self, request: Request) -> Request:
        rollout = _rollout.get()
        same = hashlib.sha256(f"{request!r} {rollout}".encode()).digest()
        with self._lock:
            occurrence = self._asked[same]
            self._asked[same] += 1
        return replace(request, draw=program_draw(self._seed, rollout, occurrence), occurrence=occurrence)


class AsyncEngine:
    """The same for coroutines: each waits in a thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(MOST_IN_FLIGHT, thread_name_prefix="dspy")

    def __deepcopy__(self, memo: dict[int, Any]) -> AsyncEngine:
        return self

    async def complete(self, request: Any) -> Any:
        run = contextvars.copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self._threads, run, self._engine.complete, request)

    def stream(self, request: Any) -> Any:
        return self._engine.stream(request)


def _turn(message: Any) -> Turn:
    if message.role not in ("user", "assistant"):
        raise _refused(f"a turn of role {message.role!r}")
    return Turn(message.role, _text(message.parts, message.role))


def _text(parts: tuple[Any, ...], role: str) -> str:
    for part in parts:
        if part.type != "text":
            raise _refused(f"content of type {part.type!r} (role {role!r})")
    return "\n".join(part.text for part in parts)


def _refused(found: str) -> Exception:
    shown = neutral(found, most=MOST_SHOWN_CHARS)
    return lm15.UnsupportedFeatureError(f"dspy_lm takes text, temperature and max_tokens; it was given {shown}.")


def _response(reply: Reply, model: str) -> Any:
    usage = lm15.Usage(
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        cache_read_tokens=reply.cache_read_tokens,
        cache_write_tokens=reply.cache_write_tokens,
    )
    return lm15.Response(
        id=None,
        model=reply.returned_model or model,
        message=lm15.Message.assistant(reply.text),
        finish_reason=FINISHED.get(reply.stop_reason, "stop"),
        usage=usage,
        provider_data={"usd": reply.usd},
    )
