"""Claude, and every server that speaks Anthropic's Messages API, by the official client.

Owns: what is sent and what is read. Does not own: the client (client), retries and prices (remote).
"""

from __future__ import annotations

import contextlib
from typing import Any

from stop.model import Reply, Request
from stop.model.address import is_private, without_version
from stop.model.client import ANTHROPIC, Client
from stop.model.failures import Server, unreadable
from stop.model.prefix import Prefixes
from stop.model.provider import Provider
from stop.model.remote import RemoteModel, count, model_name, most_input_tokens, size, word
from stop.model.seed import seed_of

PROVIDER = Provider("anthropic", "ANTHROPIC_API_KEY", "https://api.anthropic.com", without_version)
STOPS = {"end_turn": "end", "stop_sequence": "end", "model_context_window_exceeded": "max_tokens"}


def open_anthropic(name: str, base_url: str = "") -> RemoteModel:
    """The model of that name. Raises UnknownModel if the key is missing, or the address is none."""

    def wire(server: Server, own: bool) -> AnthropicWire:
        return AnthropicWire(name, server, takes_temperature=not own, caches_prompts=own)

    return PROVIDER.open(name, base_url, wire)


class AnthropicWire:
    """The Messages API. takes_temperature: Anthropic's own server refuses one.

    caches_prompts: asks the provider to keep long prompts that come again.
    """

    def __init__(
        self, name: str, server: Server, *, takes_temperature: bool = True, caches_prompts: bool = False,
        timeout_seconds: float = 0.0,
    ) -> None:  # fmt: skip
        self.takes_temperature = takes_temperature
        self._name, self._server = name, server
        self._client = Client(ANTHROPIC, server, timeout_seconds)
        self._prefixes = Prefixes() if caches_prompts else None

    def send(self, request: Request) -> Reply:
        marking = self._prefixes.marking(request) if self._prefixes else contextlib.nullcontext(False)
        with marking as mark:
            return self._read(self._client.post("/v1/messages", self._body(request, mark=mark)), request)

    def stop(self) -> None:
        """What is in flight may be paid for: it is waited for."""

    def close(self) -> None:
        self._client.close()

    def _body(self, request: Request, *, mark: bool) -> dict[str, Any]:
        """mark: the provider is to keep the prompt, which ends where prefix says, or to find it."""
        parts: list[dict[str, Any]] = [{"type": "text", "text": turn.text} for turn in request.turns]
        if mark:
            parts[-2 if request.earlier else -1]["cache_control"] = {"type": "ephemeral"}
        messages = [{"role": turn.role, "content": [part]} for turn, part in zip(request.turns, parts, strict=True)]
        body: dict[str, Any] = {
            "model": self._name,
            "max_tokens": request.max_tokens,
            "messages": messages,
        }
        if request.system.strip():
            body["system"] = request.system
        if self.takes_temperature:
            body["temperature"] = request.temperature
        if is_private(self._server.base_url):
            body["seed"] = seed_of(request)
        return body

    def _read(self, message: Any, request: Request) -> Reply:
        try:
            text = "".join(part["text"] for part in message["content"] if part["type"] == "text")
            usage = message.get("usage") or {}
            read, written = (count(usage.get(f"cache_{n}_input_tokens")) for n in ("read", "creation"))
            return Reply(
                text,
                input_tokens=count(usage.get("input_tokens"), most_input_tokens(request)) + read + written,
                output_tokens=count(usage.get("output_tokens"), size(text)),
                stop_reason=word(message.get("stop_reason"), STOPS),
                cache_read_tokens=read,
                cache_write_tokens=written,
                returned_model=model_name(message.get("model")),
            )
        except (AttributeError, TypeError, LookupError) as error:
            raise unreadable(self._server, type(error).__name__) from None
