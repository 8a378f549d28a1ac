"""A key goes to its server and nowhere else: not into files, output, or the view of a generated program."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib

import pytest
from dspy.utils.exceptions import LMTransportError

from models.conftest import CANARY, ask
from models.fault_server import mixed
from stop.model import open_model
from stop.model.dspy import DspyWire
from stop.model.failures import MOST_DETAIL_CHARS, Server
from stop.sandbox import Limits, Sandbox, Text, levels, wire

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GROQ_API_KEY")
HERE = [level for level, why_not in levels().items() if not why_not]

SPY = '''
import gc, os, sys

def _tried(look):
    try:
        return str(look())
    except BaseException as error:
        return type(error).__name__

def _read(path):
    with open(path, "rb") as file:
        return repr(file.read(1 << 20))

def _frames():
    frame = sys._getframe()
    while frame is not None:
        yield repr(frame.f_locals), repr(frame.f_globals)
        frame = frame.f_back

def _texts():
    """Every text that an object here holds."""
    for one in gc.get_objects():
        for held in (one, *_tried_all(lambda: gc.get_referents(one))):
            if isinstance(held, (str, bytes, bytearray)):
                yield repr(held)

def _tried_all(look):
    try:
        return look()
    except BaseException:
        return []

def see(*given):
    looks = [lambda: dict(os.environ), lambda: dict(os.environb), lambda: list(sys.modules), lambda: sys.argv]
    looks += [lambda: list(_frames()), lambda: repr(given)]
    for process in ["self", os.getpid(), os.getppid(), 1]:
        for name in ["environ", "cmdline", "maps", "auxv"]:
            looks.append(lambda process=process, name=name: _read(f"/proc/{process}/{name}"))
    for fd in range(64):
        looks.append(lambda fd=fd: (os.fstat(fd), os.pread(fd, 1 << 16, 0)))
    seen = [_tried(look) for look in looks]
    found = [text for text in _tried_all(lambda: list(_texts())) if "sk-can" in text]
    return [len(sys.modules), "".join(seen)[:400_000] + "".join(found)[:100_000]]
'''


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.setenv(name, CANARY)


@pytest.mark.parametrize("kind", ["anthropic", "openai", "dspy/openai"])
def test_no_file_of_a_run_no_shared_reply_and_no_output_holds_a_key(shop, stop_run, monkeypatch, tmp_path, kind):
    monkeypatch.setattr("stop.model.retry.wait_seconds", lambda *a: 0.01)
    with shop(mixed(0.2, faults=["500", "529", "malformed", "drop", "400"])) as here:
        said = stop_run(*here.argv("run", "--model", f"{kind}/any"))
        here.server.plan = lambda token, before: "403"
        refused = stop_run(*here.argv("other", "--model", f"{kind}/any", "--no-cache"))
        assert (said.status, refused.status) == (0, 1), said
        assert {r["authorization"].endswith(CANARY) for r in here.server.requests} == {True}
    import diskcache

    with diskcache.Cache(str(tmp_path / "shared")) as cache:
        rows = cache._sql("SELECT key, value FROM Cache").fetchall()
    assert rows and all(CANARY.encode() not in zlib.decompress(part) for row in rows for part in row)
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or CANARY.encode() not in file.read_bytes(), file
    assert CANARY not in str(said) + str(refused)


def test_the_spy_finds_a_key_where_nothing_is_hidden():
    ran = subprocess.run([sys.executable, "-c", SPY + "\nprint(see())"], capture_output=True, text=True, check=True)
    assert CANARY in ran.stdout


@pytest.mark.parametrize("level", HERE)
def test_a_generated_program_sees_no_key_at_any_level(serve, level):
    """With all that a run has by then: the key in the environment and in a client, a zygote, a program run before."""
    with serve() as server, Sandbox.of(level) as box:
        model = open_model("openai/any", server.url)
        model.reply(ask())
        for program in (SPY, SPY):
            with box.start(Text("program.py", program), limits=Limits(5.0, memory_mb=512)) as child:
                ran = child.call("see", wire.pack(["def algorithm(): pass", 3]), seed=0)
            assert ran.status == "ok", ran
            modules, seen = ran.value()
            assert modules > 50 and "def algorithm(): pass" in seen and CANARY not in seen
            assert CANARY not in str(ran)
        model.close()
    assert os.environ["OPENAI_API_KEY"] == CANARY and server.requests[0]["authorization"].endswith(CANARY)


def test_a_key_that_lies_where_an_error_text_is_cut_is_not_shown_in_part():
    wire = DspyWire("openai/m", Server("dspy/openai/m", "http://127.0.0.1:1/v1", "OPENAI_API_KEY"))
    for before in range(MOST_DETAIL_CHARS - len(CANARY), MOST_DETAIL_CHARS):
        shown = str(wire._failure(LMTransportError("x" * before + CANARY)))
        assert CANARY[:4] not in shown and shown.startswith("x" * (MOST_DETAIL_CHARS - len(CANARY)))
