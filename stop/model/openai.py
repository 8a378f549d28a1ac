"""OpenAI, and every server that speaks its Chat Completions API, by the official client.

Owns: what is sent and what is read. Does not own: the client (client), retries and prices (remote).
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from stop.model import Reply, Request
from stop.model.address import is_private, with_version
from stop.model.client import OPENAI, Client
from stop.model.failures import Server, unreadable
from stop.model.provider import Provider
from stop.model.remote import RemoteModel, count, model_name, most_input_tokens, size, word
from stop.model.seed import seed_of

OWN_URL = "https://api.openai.com/v1"
PROVIDER = Provider("openai", "OPENAI_API_KEY", OWN_URL, with_version)
STOPS = {"stop": "end", "length": "max_tokens", "content_filter": "refusal"}
_TAKES_TEMPERATURE = re.compile(r"(ft:)?(gpt-3\.5|gpt-4|chatgpt-4)")  # of OpenAI's own; those that reason do not


def open_openai(name: str, base_url: str = "") -> RemoteModel:
    """The model of that name. Raises UnknownModel if the key is missing, or the address is none."""

    def wire(server: Server, own: bool) -> OpenAIWire:
        return OpenAIWire(name, server, takes_temperature=not own or takes_temperature(name))

    return PROVIDER.open(name, base_url, wire)


def takes_temperature(name: str) -> bool:
    """Whether OpenAI's own model of that name takes one."""
    return bool(_TAKES_TEMPERATURE.match(name))


class Poster(Protocol):
    """What a wire sends by: the official client, or that of a server in this process."""

    def post(self, path: str, body: dict[str, Any]) -> Any: ...

    def close(self) -> None: ...


class OpenAIWire:
    """The Chat Completions API. takes_temperature: those of OpenAI's own models that reason refuse one."""

    def __init__(
        self, name: str, server: Server, *, takes_temperature: bool = True, timeout_seconds: float = 0.0,
        client: Poster | None = None,
    ) -> None:  # fmt: skip
        self.takes_temperature = takes_temperature
        self._name, self._server = name, server
        self._client = client or Client(OPENAI, server, timeout_seconds)

    def send(self, request: Request) -> Reply:
        return self._read(self._client.post("/chat/completions", self._body(request)), request)

    def stop(self) -> None:
        """What is in flight may be paid for: it is waited for."""

    def close(self) -> None:
        self._client.close()

    def _body(self, request: Request) -> dict[str, Any]:
        system = [{"role": "system", "content": request.system}] if request.system.strip() else []
        # OpenAI's own models take the new name only, most other servers the old one only
        limit = "max_completion_tokens" if self._server.base_url == OWN_URL else "max_tokens"
        body: dict[str, Any] = {
            "model": self._name,
            "messages": [*system, *({"role": turn.role, "content": turn.text} for turn in request.turns)],
            limit: request.max_tokens,
        }
        if self.takes_temperature:
            body["temperature"] = request.temperature
        if is_private(self._server.base_url):
            body["seed"] = seed_of(request)
        return body

    def _read(self, completion: Any, request: Request) -> Reply:
        try:
            choice = completion["choices"][0]
            text = choice["message"].get("content") or ""
            usage = completion.get("usage") or {}
            cached = count((usage.get("prompt_tokens_details") or {}).get("cached_tokens"))
            refused = choice["message"].get("refusal")
            return Reply(
                text,
                input_tokens=count(usage.get("prompt_tokens"), most_input_tokens(request)),
                output_tokens=count(usage.get("completion_tokens"), size(text)),
                stop_reason="refusal" if refused else word(choice.get("finish_reason"), STOPS),
                cache_read_tokens=cached,
                returned_model=model_name(completion.get("model")),
            )
        except (AttributeError, TypeError, LookupError) as error:
            raise unreadable(self._server, type(error).__name__) from None
