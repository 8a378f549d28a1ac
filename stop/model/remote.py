"""A model behind a server.

Owns: what such models have in common: retries, how many requests at once, prices, stopping. Does not own: the wire
(anthropic, openai, dspy, gguf), run budgets (budget).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from stop.model import LanguageModel, ModelRefused, ModelUnavailable, Reply, Request
from stop.model.failures import Unfit
from stop.model.limiter import Limiter, Stopped
from stop.model.prices import FREE, Price
from stop.model.retry import Fault, Retries, with_retries

MOST_IN_FLIGHT = 64
MOST_REPLY_CHARS = 1_000_000
MOST_TOKENS = 1_000_000_000  # of one call; whoever says more is not believed
MOST_IN_VAIN = 8  # requests in a row that get no answer of use: one may be the prompt's fault, many are the set-up's
TEMPLATE_TOKENS = 64  # what a server adds to each turn, at most


class Wire(Protocol):
    """Speaks to a server: one attempt per `send`, from any thread.

    `send` raises Fault for what may go well another time, Unfit for a prompt that is not taken, ModelRefused.
    """

    takes_temperature: bool

    def send(self, request: Request) -> Reply: ...

    def stop(self) -> None:
        """What is in flight may be given up, if it costs nothing. Takes no lock: a signal handler may call it."""

    def close(self) -> None: ...


@dataclass
class RemoteModel:
    """A model behind a server. price: None if it is unknown."""

    id: str
    base_url: str  # as it was given: part of the reply key; "" for the provider's own
    wire: Wire = field(repr=False)
    price: Price | None
    limiter: Limiter = field(default_factory=lambda: Limiter(MOST_IN_FLIGHT), repr=False)
    retries: Retries = field(default_factory=Retries)
    _stopped: bool = field(default=False, repr=False)
    _reached: bool = field(default=False, repr=False)  # something is there
    _in_vain: int = field(default=MOST_IN_VAIN, repr=False)  # requests since the last reply; none came yet
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def takes_temperature(self) -> bool:
        """Whether the temperature of a request is sent. Where not, replies differ all the same."""
        return self.wire.takes_temperature

    def worst_case(self, request: Request) -> tuple[int, float | None]:
        """(tokens, USD) that one attempt may cost at the most; None if the price is unknown. A token is >= 1 byte."""
        tokens = most_input_tokens(request)
        usd = None if self.price is None else self.price.most_usd(tokens, request.max_tokens)
        return tokens + request.max_tokens, usd

    def reply(self, request: Request, on_lost: Callable[[], None] = lambda: None) -> Reply:
        """The reply, after as many attempts as it takes. Raises ModelRefused, ModelUnavailable.

        on_lost: told of every attempt that may be billed and gave no reply; if it raises, there is no other attempt.
        """
        asked = _sendable(request)
        if not asked.message.strip():
            return Reply("", stop_reason="bad_request")  # no API takes it
        try:
            reply = with_retries(
                lambda: self._attempt(asked, on_lost),
                self.retries,
                stopped=lambda: self._stopped,
                reached=lambda: self._reached,
            )
        except Fault as fault:
            last = fault
        else:
            return self._priced(reply)
        if last.kind in ("truncated", "malformed"):
            return self._nothing(last.kind, str(last))
        where = f"{self.id} at {self.base_url}" if self.base_url else self.id
        hint = " Is the server running? Check --base-url." if last.kind == "unreachable" and self.base_url else ""
        raise ModelUnavailable(f"{where} could not be had: {last}.{hint}")

    def stop(self) -> None:
        """From now on nothing is sent and no wait is long; replies in flight, which may be paid for, still come.

        Takes no lock: a signal handler may call it.
        """
        self._stopped = True
        self.wire.stop()

    def close(self) -> None:
        """Stops, and closes connections, or the server that this process started."""
        self.stop()
        self.wire.close()

    def _attempt(self, request: Request, on_lost: Callable[[], None]) -> Reply:
        try:
            with self.limiter.slot(lambda: self._stopped) as slot:
                try:
                    reply = self.wire.send(request)
                except Fault as fault:
                    if fault.kind in ("rate", "overloaded"):
                        slot.limited()
                    self._reached |= fault.kind != "unreachable"
                    raise
                slot.answered()
        except Stopped:
            raise ModelUnavailable(f"{self.id}: stopped while a request was waiting") from None
        except Fault as fault:
            if fault.lost:
                on_lost()
            raise
        except Unfit as error:
            unfit = error
        else:
            self._reached, self._in_vain = True, 0
            return reply
        return Reply("", stop_reason="too_long") if unfit.too_long else self._nothing("bad_request", str(unfit))

    def _nothing(self, stop_reason: str, why: str) -> Reply:
        """No answer of use: the prompt's fault or bad luck if others were answered, else the set-up's."""
        with self._lock:
            self._in_vain += 1
            too_many = self._in_vain > MOST_IN_VAIN
        if too_many:
            raise ModelRefused(f"{self.id} gives no answer of use ({why}). Check --model and --base-url.")
        return Reply("", stop_reason=stop_reason)

    def _priced(self, reply: Reply) -> Reply:
        text, stop_reason = reply.text, reply.stop_reason
        if len(text) > MOST_REPLY_CHARS:
            text, stop_reason = text[:MOST_REPLY_CHARS], "oversize"
        elif not text.strip() and stop_reason == "end":
            stop_reason = "empty"
        usd = 0.0
        if self.price is not None:
            cached = {"cache_read": reply.cache_read_tokens, "cache_write": reply.cache_write_tokens}
            usd = self.price.usd(reply.input_tokens, reply.output_tokens, **cached)
        return replace(reply, text=text, stop_reason=stop_reason, usd=usd)


def costs_money(model: LanguageModel) -> bool:
    """Whether its replies do, or may: a price that is unknown is not 0."""
    return isinstance(model, RemoteModel) and model.price != FREE


def most_input_tokens(request: Request) -> int:
    """The most tokens that the prompt can be, for tokenizers whose tokens are at least a byte."""
    return size(request.system) + sum(size(turn.text) + TEMPLATE_TOKENS for turn in request.turns)


def size(text: str) -> int:
    """Bytes of a text: the most tokens that it can be."""
    return len(text.encode("utf-8", "replace"))


def count(tokens: object, otherwise: int = 0) -> int:
    """A number of tokens, of a server that is not trusted to send one."""
    if not isinstance(tokens, int) or isinstance(tokens, bool):
        return otherwise
    return tokens if 0 <= tokens <= MOST_TOKENS else otherwise


def model_name(found: object) -> str:
    """What a server says answered: of a path, which local servers tell, the file's name alone."""
    name = found if isinstance(found, str) else ""
    is_path = name.startswith(("/", "~", "\\")) or name[1:3] in (":\\", ":/")
    return (re.split(r"[/\\]", name)[-1] if is_path else name)[:100]


def word(reason: object, ours: Mapping[str, str]) -> str:
    """A stop reason in our words if there is one, of a server that is not trusted to send any."""
    found = reason[:40] if isinstance(reason, str) and reason else "unknown"
    return ours.get(found, found)


def _sendable(request: Request) -> Request:
    """Lone surrogates have no UTF-8: they are sent as their escapes."""
    earlier = tuple(turn._replace(text=_escaped(turn.text)) for turn in request.earlier)
    return replace(request, system=_escaped(request.system), message=_escaped(request.message), earlier=earlier)


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
