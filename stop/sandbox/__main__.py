"""python -m stop.sandbox: run one program confined and print what came of it as one JSON object.

Owns: the arguments, making a value safe to print.  Does not own: running (sandbox).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from stop.arguments import SANDBOX, WRONG_USAGE, Parser, choice
from stop.sandbox import Limits, Probe, Ran, Sandbox, SandboxError, Text, levels, wire

UNSAFE_WARNING = "warning: the program runs without a sandbox and may do whatever you may do"
EXACT_INT = 1 << 53


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.checked(argv)
    if options.unsafe_no_sandbox:
        print(UNSAFE_WARNING, file=sys.stderr)
    try:
        if options.self_test:
            return _self_test(_level(options))
        text, args = _program(options)
        limits = Limits(cpu_seconds=options.cpu_seconds, memory_mb=options.memory_mb)
        with Sandbox.of(_level(options)) as sandbox, sandbox.start(text, limits=limits) as child:
            ran = child.call(options.entry, args, seed=options.seed) if child.loaded.status == "ok" else child.loaded
    except (ValueError, SandboxError) as why:
        print(f"{parser.prog}: {why}", file=sys.stderr)
        return WRONG_USAGE if isinstance(why, ValueError) else 1
    shown = outcome(ran)
    print(json.dumps(shown))
    return 0 if shown["status"] == "ok" else 1


def _parser() -> Parser:
    parser = Parser(
        prog="python -m stop.sandbox",
        allow_abbrev=False,
        description="Run one program confined and print what came of it as one JSON object.",
        epilog="Exit status: 0 it returned a value (or every probe was blocked), 1 it failed (or a probe gets out) or "
        "there is no sandbox, 2 wrong usage.",
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="the program, a Python file")
    parser.add_argument("--entry", metavar="NAME", help="the function to call")
    parser.add_argument("--input", metavar="JSON", default="[]", help="positional arguments, a JSON list (default [])")
    parser.add_argument("--cpu-seconds", type=float, default=5.0, metavar="X", help="seconds of CPU time (default 5)")
    parser.add_argument("--memory-mb", type=int, default=256, metavar="N", help="megabytes of memory (default 256)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of random and numpy (default 0)")
    what = "how it is confined: landlock, strict, bwrap, or auto, the first that works here (default auto)"
    parser.add_argument("--sandbox", default="auto", type=choice("sandbox level", SANDBOX), metavar="LEVEL", help=what)
    parser.add_argument("--unsafe-no-sandbox", action="store_true", help="run it in a plain process, unconfined")
    parser.add_argument("--self-test", action="store_true", help="try to get out, from inside, and print how that went")
    return parser


def _program(options: argparse.Namespace) -> tuple[Text, bytes]:
    """The text and the packed arguments. Raises ValueError for wrong usage."""
    if not options.file or not options.entry:
        raise ValueError("needs FILE and --entry NAME (or --self-test)")
    if not (options.cpu_seconds > 0 and math.isfinite(options.cpu_seconds)) or options.memory_mb < 1:
        raise ValueError("--cpu-seconds and --memory-mb are to be more than 0")
    path = Path(options.file)
    try:
        source = path.read_text(encoding="utf-8")
    except OSError as why:
        raise ValueError(f"cannot read {options.file}: {why.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{options.file} is not UTF-8 text") from None
    try:
        args = json.loads(options.input)
    except ValueError as why:
        raise ValueError(f"--input is not JSON: {why}") from None
    if not isinstance(args, list):
        raise ValueError(f"--input is to be a JSON list of positional arguments, got {type(args).__name__}")
    try:
        return Text(path.name, source), wire.pack(args)
    except wire.WireError as why:
        raise ValueError(f"--input: {why}") from None


def outcome(ran: Ran) -> dict[str, object]:
    """An outcome as JSON-safe data; a value that is not plain data is a protocol failure."""
    status, value, detail = str(ran.status), None, ran.detail
    if ran.status == "ok":
        try:
            value = json_safe(ran.value())
        except wire.WireError as why:
            status, detail = "protocol", str(why)
    return {
        "status": status,
        "value": value,
        "kind": ran.kind,
        "detail": detail,
        "cpu_seconds": round(ran.cpu_seconds, 6),
        "output": ran.output,
    }


def json_safe(value: object) -> object:
    """Arrays as nested lists; numbers that JSON lacks, large integers and bytes as text."""
    if hasattr(value, "tolist"):
        return json_safe(value.tolist())
    if isinstance(value, dict):
        return {_key(key): json_safe(one) for key, one in value.items()}
    if isinstance(value, list):
        return [json_safe(one) for one in value]
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and abs(value) >= EXACT_INT:
        return hex(value) if value.bit_length() > 10000 else str(value)
    if isinstance(value, bytes | complex):
        return repr(value)
    return value


def _key(key: object) -> str:
    return str(json_safe(key)) if not isinstance(key, bytes) else repr(key)


def _level(options: argparse.Namespace) -> str:
    return "none" if options.unsafe_no_sandbox else options.sandbox


def _self_test(level: str) -> int:
    for name, why_not in levels().items():
        print(f"level {name}: {why_not or 'works here'}")
    with Sandbox.of(level) as sandbox:
        probes = sandbox.self_test()
    print(f"probes at level {sandbox.level}:")
    print(f"{'probe':<18}{'verdict':<12}found")
    for one in probes:
        print(f"{one.name:<18}{_verdict(one):<12}{one.found}")
    return 0 if all(one.blocked or one.known_leak for one in probes) else 1


def _verdict(one: Probe) -> str:
    if one.blocked:
        return "blocked"
    return "known leak" if one.known_leak else "GETS OUT"


if __name__ == "__main__":
    raise SystemExit(main())
