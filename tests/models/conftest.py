"""What the tests of models share: a fault server, and quick clients to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from models.fault_server import FaultServer, Plan
from models.shop import TABLE, Shop, dear, same_program
from stop.model import Request
from stop.model.anthropic import AnthropicWire
from stop.model.dspy import DspyWire
from stop.model.failures import Server
from stop.model.openai import OpenAIWire
from stop.model.prices import Price
from stop.model.remote import RemoteModel
from stop.model.retry import Retries

PRICE = Price(3.0, 15.0, 0.3, 3.75)
QUICK = Retries(base_seconds=0.01, most_seconds=0.05, most_retry_after_seconds=0.05)
CANARY = "sk-canary-Zk3vR7pQ"
SDKS = ("anthropic", "openai")


def ask(message: str = "hello token-17", **others: object) -> Request:
    return Request(**{"system": "", "message": message, "temperature": 0.7, "max_tokens": 64, "draw": "ab", **others})


def client(kind: str, url: str, *, timeout_seconds: float = 20.0, price: Price | None = PRICE) -> RemoteModel:
    """A model of that kind at that address, which does not wait long before it tries again."""
    v1 = f"{url}/v1"
    if kind == "anthropic":
        wire = AnthropicWire(
            "m", Server("anthropic/m", url, "ANTHROPIC_API_KEY", CANARY), timeout_seconds=timeout_seconds
        )
    elif kind == "openai":
        wire = OpenAIWire("m", Server("openai/m", v1, "OPENAI_API_KEY", CANARY), timeout_seconds=timeout_seconds)
    else:
        wire = DspyWire(kind.removeprefix("dspy/"), Server(kind, v1, "OPENAI_API_KEY"), timeout_seconds=timeout_seconds)
    return RemoteModel(f"{kind}/m", url, wire, price, retries=QUICK)


@pytest.fixture
def serve() -> Iterator[Callable[..., FaultServer]]:
    """Starts a fault server with a plan."""
    with ExitStack() as stack:
        yield lambda plan=lambda token, before: "", **how: stack.enter_context(FaultServer(plan, **how))


@pytest.fixture
def connect(serve: Callable[..., FaultServer]) -> Iterator[Callable[..., tuple[RemoteModel, FaultServer]]]:
    """(a model, its fault server) of a kind and a plan."""
    with ExitStack() as stack:

        def make(kind: str, plan: Plan, **how: object) -> tuple[RemoteModel, FaultServer]:
            server = serve(plan)
            model = client(kind, server.url, **how)
            stack.callback(model.close)
            return model, server

        yield make


@pytest.fixture
def shop(
    tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AbstractContextManager[Shop]]:
    """Opens a fault server that bills, for tiny runs of models with a price; replies are shared in tmp_path/shared."""
    (tmp_path / "prices.toml").write_text(TABLE)
    monkeypatch.setenv("STOP_PRICES", str(tmp_path / "prices.toml"))
    monkeypatch.setenv("STOP_CACHE_DIR", str(tmp_path / "shared"))

    @contextmanager
    def opened(*plan: Plan, **how: Any) -> Iterator[Shop]:
        with FaultServer(*plan, **{"answer": same_program, "usage": dear, **how}) as server:
            yield Shop(server, tiny, tmp_path)

    return opened
