"""Any provider that dspy.LM reaches.

Owns: what is sent and what is read, what dspy's errors mean. Does not own: retries and prices (remote); dspy's own
cache, retries and history are off.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from typing import Any

from stop.model import ModelRefused, Reply, Request
from stop.model.address import checked, is_private, with_version
from stop.model.client import usual_timeout_seconds
from stop.model.failures import Server, Unfit, of_status, unreadable
from stop.model.openai import STOPS, takes_temperature
from stop.model.prices import price_elsewhere, price_of
from stop.model.remote import RemoteModel, count, model_name, most_input_tokens, size, word
from stop.model.retry import Fault

_UNREACHABLE = re.compile(r"refused|resolve|resolution|not known|unreachable", re.I)
_SECRETS = ("_KEY", "_TOKEN", "_SECRET")  # how the variables are called that hold what must not be shown


def open_dspy(name: str, base_url: str = "") -> RemoteModel:
    """`name`: PROVIDER/NAME as dspy says it. The provider's key is looked for by dspy, with the first request."""
    key_name = f"{name.partition('/')[0].upper()}_API_KEY"
    base_url = checked(base_url, has_key=bool(os.environ.get(key_name)))
    url = with_version(base_url)
    price = price_elsewhere(name, private=is_private(url)) if url else price_of(name)
    return RemoteModel(f"dspy/{name}", base_url, DspyWire(name, Server(f"dspy/{name}", url, key_name)), price)


class DspyWire:
    """One dspy.LM for all threads."""

    def __init__(self, name: str, server: Server, *, timeout_seconds: float = 0.0) -> None:
        provider, _, model = name.partition("/")
        refuses = provider == "anthropic" or (provider == "openai" and not takes_temperature(model))
        self.takes_temperature = bool(server.base_url) or not refuses
        self._name, self._server = name, server
        self._timeout_seconds = timeout_seconds or usual_timeout_seconds(server.base_url)
        self._made: Any = None
        self._lock = threading.Lock()

    def send(self, request: Request) -> Reply:
        lm = self._lm()
        import dspy
        from dspy.utils.exceptions import DSPyError

        try:
            with dspy.context(disable_history=True, track_usage=False):
                return self._read(lm(request=self._request(request)), request)
        except DSPyError as error:
            failure = self._failure(error)
        except ImportError as error:
            failure = ModelRefused(f"{self._server.at}: dspy lacks a package for it: {self._server.clean(error)}")
        except (AttributeError, TypeError, ValueError, RecursionError) as error:
            failure = unreadable(self._server, type(error).__name__)
        raise failure  # outside the handlers: dspy's error is not chained

    def stop(self) -> None:
        """What is in flight may be paid for: it is waited for."""

    def close(self) -> None:
        """dspy.LM has nothing to close."""

    def _request(self, request: Request) -> Any:
        from dspy.lm15 import Config, Message
        from dspy.lm15 import Request as Asked

        config = Config(
            max_tokens=request.max_tokens, temperature=request.temperature if self.takes_temperature else None
        )
        say = {"user": Message.user, "assistant": Message.assistant}
        messages = tuple(say[turn.role](turn.text) for turn in request.turns)
        return Asked(model=self._name, system=request.system.strip() and request.system or None, messages=messages,
                     config=config)  # fmt: skip

    def _read(self, response: Any, request: Request) -> Reply:
        text, usage = response.text or "", response.usage
        read, written = count(usage.cache_read_tokens), count(usage.cache_write_tokens)
        excluded = read + written if self._name.startswith("anthropic/") else 0  # there the input is told without
        return Reply(
            text,
            input_tokens=count(usage.input_tokens, most_input_tokens(request)) + excluded,
            output_tokens=count(usage.output_tokens, size(text)),
            stop_reason=word(response.finish_reason, STOPS),
            cache_read_tokens=read,
            cache_write_tokens=written,
            returned_model=model_name(response.model),
        )

    def _failure(self, error: Any) -> Exception:
        """By the HTTP status if there was one, else by the class of the error."""
        from dspy.utils import exceptions as e

        server = self._server
        text = server.clean(_without_secrets(str(error).partition(" To fix:")[0].partition("\n")[0]))
        if isinstance(error, e.ContextWindowExceededError):
            return Unfit(text, too_long=True)
        if isinstance(error.status, int) and error.status >= 400:
            headers = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
            return of_status(server, error.status, text, headers)
        if isinstance(error, e.LMAuthError | e.LMConfigurationError | e.LMUnsupportedModelError | e.LMBillingError):
            return ModelRefused(f"{server.at}: {text}. Check {server.key_name} and --model.")
        if isinstance(error, e.LMRateLimitError):
            return Fault("rate", text, retry_after_seconds=error.retry_after)
        if isinstance(error, e.LMTimeoutError):
            return Fault("timeout", text, lost=True)
        if isinstance(error, e.LMTransportError) and _UNREACHABLE.search(text):
            return Fault("unreachable", text)
        if isinstance(error, e.LMTransportError | e.LMServerError):
            return Fault("connection", text, lost=True)
        if isinstance(error, e.LMUnsupportedFeatureError | e.LMInvalidRequestError):
            return Unfit(text, too_long=False)
        return unreadable(server, text)

    def _lm(self) -> Any:
        with self._lock:
            if self._made is None:
                # else a litellm that is called for fetches a price list from the network
                os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
                import dspy

                logging.getLogger("dspy.clients.lm").setLevel(logging.ERROR)  # its warnings stand in the stop reason
                where = {"api_base": self._server.base_url} if self._server.base_url else {}
                if where and not os.environ.get(self._server.key_name):
                    where["api_key"] = "none"  # what a server without keys is sent
                self._made = dspy.LM(self._name, cache=False, num_retries=0, timeout=self._timeout_seconds, **where)
            return self._made


def _without_secrets(text: str) -> str:
    """dspy may have used any key of the environment."""
    for name, value in os.environ.items():
        if name.upper().endswith(_SECRETS) and len(value) >= 8:
            text = text.replace(value, "***")
    return text
