"""The loop inside a child: load the texts, answer calls, and tell the host what came of them.

Owns: the messages of the child, running generated code, its error texts, its random state.
Does not own: confinement (zygote, policy), limits (host), what the proxies look like (proxies).
It shares its process with generated code, which can rewrite all of it: the host believes nothing that it says.

Messages, one frame each.  To the child: [texts] once, then [entry, args, seed, mirrors, result_bytes] per call,
and ["value" | kind, value | message, mirrors] in reply to an ask.  From the child: ["loaded"],
["ok", payload], ["error", kind, detail], ["ask", handle, method, args].
"""

from __future__ import annotations

import builtins
import linecache
import os
import random
import re
import sys
import types
from contextlib import suppress
from typing import Any

from stop.sandbox import inline, proxies, wire
from stop.sandbox.inside import helpers

MODULE = "solution"
MOST_DETAIL = 2000
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


class Line:
    """The child's end of the stream: one outstanding ask at a time."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.result_bytes = 0
        self.mirrors: dict[str, dict[str, object]] = {}

    def receive(self) -> list[Any]:
        message = wire.unpack(wire.read_frame(self.fd))
        assert isinstance(message, list)
        return message

    def send(self, *parts: object) -> None:
        wire.write_frame(self.fd, wire.pack(parts))

    def ask(self, handle: str, method: str, args: list[object]) -> object:
        """What the host replies. Raises what the host says is to be raised."""
        try:
            packed = wire.pack(args)
            wire.unpack_arguments(packed)  # the host ends a program for what fails here: tell it instead
        except wire.WireError as why:
            raise TypeError(f"{handle}.{method or '__call__'}: {why}") from None
        if len(packed) > self.result_bytes:
            raise ValueError(f"a request of {len(packed)} bytes is larger than {self.result_bytes}")
        self.send("ask", handle, method, packed)
        kind, answer, mirrors = self.receive()
        for name, mirror in mirrors.items():
            self.mirrors[name].clear()
            self.mirrors[name].update(mirror)
        if kind == "value":
            return answer
        raise _exception_class(kind)(answer)


def _exception_class(kind: str) -> type[Exception]:
    found = helpers.BudgetExceeded if kind == "BudgetExceeded" else getattr(builtins, kind)
    assert issubclass(found, Exception)
    return found


def warm() -> None:
    """Touch, before the first fork, whatever each child would otherwise set up again."""
    inline.install()
    wire.unpack(wire.pack({"a": [1, 2.5, 1 << 70, 1j]}))
    wire.unpack_message(wire.pack(["ok", b""]))
    random.seed(0)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(0)
        square = numpy.ones((8, 8))
        wire.unpack(wire.pack(square @ square))
    try:
        exec(compile("raise ValueError('warm')", "warm.py", "exec"), {})
    except ValueError as error:
        describe(error, {"warm.py"})


def serve(fd: int) -> None:
    """Load, then answer calls until the host lets go."""
    line = Line(fd)
    (texts,) = line.receive()
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = sys.modules["__main__"] = module
    files = {filename for filename, _ in texts}
    try:
        for filename, source in texts:
            load(filename, source, module.__dict__)
        _flush()
        line.send("loaded")
    except BaseException as error:
        _report(line, error, files)
    uses_numpy = any("numpy" in source for _, source in texts)
    while True:
        try:
            message = line.receive()
        except EOFError:
            return
        _answer(line, module, message, files, uses_numpy)


def load(filename: str, source: str, namespace: dict[str, Any]) -> None:
    """Run one text as a module body. This is the project's one `exec` of generated code."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec", dont_inherit=True), namespace)


def _answer(line: Line, module: types.ModuleType, message: list[Any], files: set[str], uses_numpy: bool) -> None:
    entry, packed, seed, line.mirrors, line.result_bytes = message
    try:
        random.seed(seed)
        if uses_numpy and "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(seed & 0xFFFFFFFF)
        args = wire.unpack(packed)
        assert isinstance(args, list)

        def live(name: str, code: str) -> None:
            """Puts a definition into the module that runs; takes it out where there is no code."""
            if not code:
                module.__dict__.pop(name, None)
                return
            files.add(f"{name}.py")
            load(f"{name}.py", code, module.__dict__)

        args += [proxies.make(name, mirror, line.ask, live) for name, mirror in line.mirrors.items()]
        payload = _pack_result(_entry(module, entry)(*args), line.result_bytes)
        _flush()
        line.send("ok", payload)
    except BaseException as error:
        _report(line, error, files)


def _entry(module: types.ModuleType, entry: str) -> Any:
    if entry not in module.__dict__:
        raise NameError(f"the program defines no function {entry!r}")
    found = module.__dict__[entry]
    if not callable(found):
        raise TypeError(f"{entry!r} is a {type(found).__name__}, not a function")
    return found


def _pack_result(value: object, most_bytes: int) -> bytes:
    try:
        payload = wire.pack(value)
    except wire.WireError as why:
        raise TypeError(f"the returned value: {why}") from None
    if len(payload) > most_bytes:
        raise ValueError(f"the returned value has {len(payload)} bytes, more than {most_bytes}")
    return payload


def _report(line: Line, error: BaseException, files: set[str]) -> None:
    try:
        kind, detail = type(error).__name__[:80], describe(error, files)
        _flush()
        line.send("error", kind, detail)
    except BaseException:
        # a program that breaks its own error report has ended: the host sees a crash
        os._exit(2)


def describe(error: BaseException, files: set[str]) -> str:
    """Type, message and the last line of the program that was running; the same text on every run."""
    try:
        said = str(error)
    except BaseException:
        said = "(its message cannot be shown)"
    text = f"{type(error).__name__[:80]}: {said[:MOST_DETAIL]}" if said else type(error).__name__[:80]
    where = _where(error, files)
    text = ADDRESS.sub("0x...", text)[: MOST_DETAIL - len(where)] + where
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _where(error: BaseException, files: set[str]) -> str:
    filename, number = "", 0
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename in files:
            filename, number = step.tb_frame.f_code.co_filename, step.tb_lineno
        step = step.tb_next
    if not filename and isinstance(error, SyntaxError) and error.filename in files:
        return ""  # its own message names the file and the line
    if not filename:
        return ""
    source = linecache.getline(filename, number).strip()[:200]
    return f" ({filename}, line {number}: {source})"


def _flush() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            with suppress(OSError, ValueError):  # a program may close its own output
                stream.flush()
