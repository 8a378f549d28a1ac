"""The official clients of Anthropic and OpenAI, which are built alike.

Owns: making one when it is first used, for all threads; its settings; keys from the environment; one attempt, with
what its failure means. Does not own: what is sent and read (anthropic, openai).
"""

from __future__ import annotations

import importlib
import json
import os
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

from stop.model import UnknownModel
from stop.model.address import is_loopback, is_private
from stop.model.failures import Server, of_connection, of_status, said, unreadable

NO_KEY = "none"  # what a server without keys is sent
CONNECT_SECONDS = 10.0
API_TIMEOUT_SECONDS = 600.0  # of one attempt
PRIVATE_TIMEOUT_SECONDS = 3600.0  # a server of one's own may be slow, and have a queue


def read_key(variable: str) -> str:
    """The key in the environment; "" if there is none. Raises UnknownModel for what cannot be one, not showing it."""
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UnknownModel(f"{variable} holds something that is no key: a space, or letters that no key has.")
    return key


def usual_timeout_seconds(base_url: str) -> float:
    """How long one attempt at such a server may take."""
    return PRIVATE_TIMEOUT_SECONDS if is_private(base_url) else API_TIMEOUT_SECONDS


@dataclass(frozen=True)
class Sdk:
    """A client's module and class, and the HTTP library that it is built on."""

    module: str
    name: str
    http: str


ANTHROPIC = Sdk("anthropic", "Anthropic", "httpx2")
OPENAI = Sdk("openai", "OpenAI", "httpx")


class Client:
    """As many official clients as there are requests at once, each with its own retries off and one connection.

    (The clients may be shared by threads, but then every request looks through all connections of all.)
    Raises nothing of the clients' own.
    """

    def __init__(self, sdk: Sdk, server: Server, timeout_seconds: float = 0.0) -> None:
        """timeout_seconds: of one attempt; 0: as is usual for such a server."""
        self._sdk, self._server = sdk, server
        self._timeout_seconds = timeout_seconds or usual_timeout_seconds(server.base_url)
        self._idle: deque[Any] = deque()  # the one used last comes first: its connection is alive
        self._all: list[Any] = []
        self._tls: Any = None
        self._lock = threading.Lock()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON that is answered. Raises Fault, Unfit, ModelRefused.

        This is the clients' own call for endpoints without a method of their own: the methods look through the types
        of all that is sent and answered, a third of the CPU time of a call, and read nothing that is needed here.
        """
        sdk, http = importlib.import_module(self._sdk.module), importlib.import_module(self._sdk.http)
        server, client = self._server, self._taken(sdk, http)
        try:
            return json.loads(client.post(path, body=body, cast_to=http.Response).content)
        except sdk.APIStatusError as error:
            failure = of_status(server, error.status_code, said(error.body), error.response.headers)
        except sdk.APIConnectionError as error:
            failure = of_connection(server, error, timed_out=isinstance(error, sdk.APITimeoutError))
        except (sdk.APIError, ValueError, RecursionError) as error:
            failure = unreadable(server, type(error).__name__)
        finally:
            self._idle.append(client)
        raise failure  # outside the handlers: the client's error, which holds the request, is not chained

    def close(self) -> None:
        with self._lock:
            for client in self._all:
                client.close()

    def _taken(self, sdk: Any, http: Any) -> Any:
        try:
            return self._idle.pop()
        except IndexError:
            pass
        with self._lock:
            self._all.append(self._made(sdk, http))
            return self._all[-1]

    def _made(self, sdk: Any, http: Any) -> Any:
        if self._tls is None:
            self._tls = http.create_ssl_context()  # takes 50 ms, so all clients share one
        timeout = sdk.Timeout(self._timeout_seconds, connect=CONNECT_SECONDS)
        # no proxy stands between this machine and itself
        trust_env = not is_loopback(self._server.base_url)
        return getattr(sdk, self._sdk.name)(
            api_key=self._server.key or NO_KEY,
            base_url=self._server.base_url,
            max_retries=0,
            timeout=timeout,
            http_client=sdk.DefaultHttpxClient(timeout=timeout, verify=self._tls, trust_env=trust_env),
        )
