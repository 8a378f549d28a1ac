"""A server whose answers cost money, and whole commands that pay."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diskcache
from conftest import Said

from models.fault_server import ANSWERED, LOST, FaultServer
from stop.model.prices import Price

PRICE = Price(3.0, 15.0, 3.0, 3.0)
ROW = "any = { input = 3.0, output = 15.0 }"
TABLE = f'date = "2026-11-22"\n[openai]\n{ROW}\n[anthropic]\n{ROW}\n'  # what STOP_PRICES names wins at any address


def same_program(token: str, prompt: str) -> str:
    """The program of the prompt, with a comment that makes it another text."""
    found = re.search(r"```[^\n]*\n(.*?)```", prompt, re.DOTALL)
    return f"```python\n# seen\n{found[1] if found else 'x = 1'}```"


def dear(prompt: str, body: dict[str, Any]) -> tuple[int, int]:
    """Often as many tokens as can be: those of the prompt are bytes, those of the reply all that were allowed."""
    share = random.Random(f"{body.get('seed')} {len(prompt)}").choice([0.3, 0.9, 1.0])
    return len(prompt.encode()) + 64 * len(body["messages"]), int(
        share * (body.get("max_tokens") or body["max_completion_tokens"])
    )


def request_id(request: dict[str, Any]) -> str:
    """What tells a call from all others of a run: its prompt and its draw."""
    return json.dumps([request["messages"], request["seed"]])


def bill(requests: list[dict[str, Any]]) -> float:
    """USD for every answer that was made, whether it arrived or not."""
    made = [r for r in requests if r["fault"] in {"", *ANSWERED, *LOST}]
    return sum(PRICE.usd(*r["usage"]) for r in made)


def closing(said: Said) -> dict[str, str]:
    """The closing block."""
    return dict(line.split(": ", 1) for line in said.out.split("---\n")[1].splitlines())


def keys(folder: Path) -> list[str]:
    """Of the replies in a cache, as they lie there."""
    with diskcache.Cache(str(folder), disk=diskcache.JSONDisk) as cache:
        return list(cache)


def wait_until(true: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


class Shop:
    """A server whose answers cost money, and runs that pay: the table of STOP_PRICES says so."""

    def __init__(self, server: FaultServer, tiny: list[str], folder: Path) -> None:
        self.server, self._tiny, self.folder = server, tiny, folder

    def argv(self, out: str, *more: object) -> list[str]:
        model = ["--model", "openai/any", "--base-url", self.server.url, "--noise-repeats", "0"]
        return [*self._tiny, *model, "--out", str(self.folder / out), *map(str, more)]

    def start(self, out: str, *more: object) -> subprocess.Popen[str]:
        """The command, in a process of its own."""
        command = [sys.executable, "-m", "stop.run", *self.argv(out, *more)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, out: str, *more: object) -> Said:
        return ended(self.start(out, *more))


def ended(process: subprocess.Popen[str]) -> Said:
    out, err = process.communicate(timeout=60)
    return Said(process.returncode, out, err.splitlines())


def killed(process: subprocess.Popen[str]) -> float:
    """When."""
    process.kill()
    now = time.monotonic()
    process.communicate()
    return now
