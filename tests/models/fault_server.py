"""A real HTTP server on loopback that answers like Anthropic's and OpenAI's APIs, and fails on demand.

    python tests/models/fault_server.py --latency 0.2         prints its address, serves until its input ends

A reply repeats the token of its prompt (`token-17`), so that a mix-up is seen. It counts what it served and billed, by
prompt; and what was lost on the way: answers that were made, and may be billed, but did not arrive whole.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import select
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RETRIED = {
    "429", "429 retry-after", "429 retry-after-ms", "500", "503", "529", "hang", "drop", "truncate", "malformed",
    "html", "other json",
}  # fmt: skip
ANSWERED = {"slow", "text/plain", "empty", "refusal", "max_tokens", "huge", "no usage"}
LOST = {"hang", "drop", "truncate", "malformed", "html", "other json"}
FINAL = {"400", "400 too long", "400 no credit", "401", "403", "404", "422", "429 no quota"}
FAULTS = tuple(sorted(RETRIED | ANSWERED - {"no usage"}))
MIXTURE = ("hang", *[fault for fault in FAULTS if fault != "hang"] * 4)  # one that hangs costs a whole time-out
HUGE_BYTES = 10_000_000
Plan = Callable[[str, int], str]  # (prompt's token, attempts before this one) -> a fault, or ""
Usage = Callable[[str, dict[str, Any]], tuple[int, int]]  # (prompt, body) -> (input, output) tokens


def first(*faults: str) -> Plan:
    """The first attempts at every prompt meet these faults, the next is answered."""
    return lambda token, before: faults[before] if before < len(faults) else ""


def always(fault: str) -> Plan:
    return lambda token, before: fault


def mixed(share: float, seed: int = 0, faults: Sequence[str] = MIXTURE) -> Plan:
    """Any fault with this probability, decided by seed, prompt and attempt: not by the order of arrival."""

    def plan(token: str, before: int) -> str:
        draw = random.Random(f"{seed} {token} {before}")
        return draw.choice(faults) if draw.random() < share else ""

    return plan


def small(prompt: str, body: dict[str, Any]) -> tuple[int, int]:
    """Few tokens, other ones for other prompts."""
    return len(prompt) // 4 + 7, 3 + len(_token(prompt)) % 5


class FaultServer:
    """A context manager. `url` is its address; the counters are exact once no request is in flight."""

    def __init__(
        self, plan: Plan = lambda token, before: "", *, latency: float = 0.0, pause: float = 0.01,
        answer: Callable[[str, str], str] = lambda token, prompt: f"answer to {token}", usage: Usage = small,
    ) -> None:  # fmt: skip
        """latency: of every answer, seconds. pause: what `retry-after` asks for, and how much later `slow` is."""
        self.plan, self.latency, self.pause, self.answer, self.usage = plan, latency, pause, answer, usage
        self.attempts: Counter[str] = Counter()
        self.billed: dict[str, list[tuple[int, int]]] = {}  # (input, output) tokens of every reply that went out whole
        self.lost: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        # bodies, with "path", "authorization", "fault", "usage"; "at" and "sent": when it came, and had its answer
        self.requests: list[dict[str, Any]] = []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> FaultServer:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def tokens(self) -> tuple[int, int]:
        """(input, output) of all that was billed."""
        all_ = [pair for pairs in self.billed.values() for pair in pairs]
        return sum(i for i, _ in all_), sum(o for _, o in all_)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    owner: FaultServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the game."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        owner = self.server.owner
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = _prompt(body)
        token = _token(prompt)
        with owner.lock:
            before = owner.attempts[token]
            owner.attempts[token] += 1
            fault = owner.plan(token, before)
            owner.faults[fault] += 1
            authorization = self.headers.get("authorization") or self.headers.get("x-api-key")
            asked = {**body, "path": self.path, "authorization": authorization, "fault": fault, "at": time.monotonic(),
                     "sent": None, "usage": owner.usage(prompt, body)}  # fmt: skip
            owner.requests.append(asked)
            if fault in LOST:
                owner.lost[token] += 1
        if owner.latency or fault == "slow":
            time.sleep(owner.latency + (owner.pause if fault == "slow" else 0))
        if fault in LOST:
            self._lose(fault)
        elif fault and fault not in ANSWERED:
            self._refuse(fault)
        else:
            self._answer(fault, token, prompt, asked["usage"])
        asked["sent"] = time.monotonic()

    # -- answers ----------------------------------------------------------------------------------------------------
    def _answer(self, fault: str, token: str, prompt: str, spent: tuple[int, int]) -> None:
        text = "" if fault in ("empty", "refusal") else self.server.owner.answer(token, prompt)
        if fault == "huge":
            text += " " + "x" * HUGE_BYTES
        with self.server.owner.lock:  # before it is sent: whoever has the reply may look
            self.server.owner.billed.setdefault(token, []).append(spent)
        reply = self._shape(fault, text, spent)
        self._send(200, json.dumps(reply), "text/plain" if fault == "text/plain" else "application/json")

    def _shape(self, fault: str, text: str, spent: tuple[int, int]) -> dict[str, Any]:
        if self.path.endswith("/messages"):
            stop = {"refusal": "refusal", "max_tokens": "max_tokens"}.get(fault, "end_turn")
            usage = {"input_tokens": spent[0], "output_tokens": spent[1]}
            content = [{"type": "text", "text": text}] if text else []
            shape = {"id": "msg_1", "type": "message", "role": "assistant", "model": "served", "content": content,
                     "stop_reason": stop, "stop_sequence": None}  # fmt: skip
            return shape if fault == "no usage" else {**shape, "usage": usage}
        stop = {"refusal": "content_filter", "max_tokens": "length"}.get(fault, "stop")
        usage = {"prompt_tokens": spent[0], "completion_tokens": spent[1], "total_tokens": sum(spent)}
        choice = {"index": 0, "message": {"role": "assistant", "content": text or None}, "finish_reason": stop}
        shape = {"id": "c1", "object": "chat.completion", "created": 1, "model": "served", "choices": [choice]}
        return shape if fault == "no usage" else {**shape, "usage": usage}

    # -- failures ---------------------------------------------------------------------------------------------------
    def _refuse(self, fault: str) -> None:
        status, _, why = fault.partition(" ")
        pause = self.server.owner.pause
        wait = {"retry-after": f"{pause:g}", "retry-after-ms": f"{pause * 1000:g}"}
        headers = {why: wait[why]} if why in wait else None
        says = {
            "too long": "prompt is too long: 9030 tokens > 8192 maximum",
            "no credit": "Your credit balance is too low",
            "no quota": "insufficient_quota: you exceeded your current quota",
        }.get(why, f"fault {fault}; you sent {self.headers.get('authorization')} {self.headers.get('x-api-key')}")
        error = {"type": "error", "error": {"type": "some_error", "message": says}}
        self._send(int(status), json.dumps(error), "application/json", headers)

    def _lose(self, fault: str) -> None:
        if fault == "hang":
            while not self.server.owner.stopping.is_set():
                if select.select([self.connection], [], [], 0.05)[0]:
                    break  # the client went away
            self.close_connection = True
        elif fault == "drop":
            self.close_connection = True
        elif fault == "truncate":
            self._head(200, 1000, "application/json")
            self.wfile.write(b'{"id": "msg_1", "type": "message", "content": [{"ty')
            self.close_connection = True
        elif fault == "malformed":
            self._send(200, '{"id": "msg_1", "content": [{"type": "text", "te', "application/json")
        elif fault == "html":
            self._send(200, "<html><body>504 Gateway Time-out</body></html>", "text/html")
        else:
            self._send(200, '{"hello": ["world"]}', "application/json")

    def _send(self, status: int, text: str, content_type: str, headers: dict[str, str] | None = None) -> None:
        data = text.encode()
        self._head(status, len(data), content_type, headers)
        self.wfile.write(data)

    def _head(self, status: int, length: int, content_type: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": content_type, "content-length": str(length), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()


def _prompt(body: dict[str, Any]) -> str:
    """All text of the request, either API's."""
    contents = [body.get("system") or "", *(m["content"] for m in body["messages"])]
    return "".join(c if isinstance(c, str) else "".join(part["text"] for part in c) for c in contents)


def _token(prompt: str) -> str:
    found = re.search(r"token-\w+", prompt)
    return found[0] if found else "token-none"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    with FaultServer(latency=parser.parse_args().latency) as server:
        print(server.url, flush=True)
        sys.stdin.read()  # until whoever started it goes away
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
