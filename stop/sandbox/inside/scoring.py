"""Runs behind a task's task.py, in the scorer's own process: keeps the hidden parts, decodes outputs, returns floats.

Owns: which instances a block has, what tells two makings of a block apart, one score for one output, and what the
task's explain() says of it. Does not own: what a score or a reason may be (the host checks).
"""

import hashlib
import time

import wire

_blocks: dict[tuple[str, int], tuple[list[dict], list[list]]] = {}  # the instances, and what is shown of each
DAY = 86_400
MOST_REASON_CHARS = 200


class _Fault(Exception):
    """What instances() made is not what a task must make."""


def scorer_inputs(split: str, block: int, n: int, seed: int) -> list | str:
    """[id, packed input, digest of the hidden part] of every instance, or a text that says what is wrong with them."""
    try:
        return _block(split, block, n, seed)[1]
    except _Fault as fault:
        return str(fault)


def scorer_again(split: str, block: int, n: int, seed: int) -> list | str:
    """The same twice, made anew each time and on another day: for comparison, in a process that does nothing else."""
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + DAY
    time.time_ns = lambda: now_ns() + DAY * 10**9
    try:
        return [[_shown(i, one) for i, one in enumerate(_made(split, block, n, seed))] for _ in range(2)]
    except _Fault as fault:
        return str(fault)


def scorer_scores(split: str, block: int, n: int, seed: int, outputs: list) -> list[float | str | list]:
    """outputs: [index, packed output]. Each: a score, [score, what is wrong], or a text: why there is no score."""
    made, shown = _block(split, block, n, seed)
    found = []
    for index, packed in outputs:
        found.append(_score(made[index], packed))
        if _shown(index, made[index]) != shown[index]:  # then the next output would face another exam
            del _blocks[split, block]
            raise _Fault(f"score(){' or explain()' if 'explain' in globals() else ''} changed instance {index}")
    return found


def _block(split: str, block: int, n: int, seed: int) -> tuple[list[dict], list[list]]:
    if (split, block) not in _blocks:
        made = _made(split, block, n, seed)
        _blocks[split, block] = made, [_shown(i, one) for i, one in enumerate(made)]
    return _blocks[split, block]


def _made(split: str, block: int, n: int, seed: int) -> list[dict]:
    made = instances(split, block, n, seed)  # type: ignore[name-defined]  # noqa: F821 - the task's
    if not isinstance(made, list):
        raise _Fault(f"instances() gives a {type(made).__name__}, not a list")
    if len(made) != n:
        raise _Fault(f"instances() gives {len(made)} instances, not {n}")
    return made


def _shown(index: int, one: object) -> list:
    if not isinstance(one, dict):
        raise _Fault(f"instance {index} is a {type(one).__name__}, not a dict")
    for key in ("id", "input", "hidden"):
        if key not in one:
            raise _Fault(f"instance {index} has no {key!r}; an instance holds id, input and hidden")
    if not isinstance(one["input"], list | tuple):
        raise _Fault(f"instance {index}: its input is a {type(one['input']).__name__}, not a list of arguments")
    try:
        packed = wire.pack(list(one["input"]))
    except wire.WireError as error:
        raise _Fault(f"instance {index}: its input is not plain data: {error}") from None
    return [str(one["id"]), packed, hashlib.sha256(_bytes(index, one["hidden"])).hexdigest()]


def _bytes(index: int, hidden: object) -> bytes:
    """What stands for a hidden part: it never crosses, so that it may be more than plain data, if it shows itself."""
    try:
        return wire.pack(hidden)
    except wire.WireError:
        text = repr(hidden)
    if " at 0x" in text:
        raise _Fault(f"instance {index}: its hidden part holds what cannot be compared ({text[:80]}); give plain data")
    return text.encode("utf-8", "backslashreplace")


def _score(instance: dict, packed: bytes) -> float | str | list:
    try:
        output = wire.unpack(packed)
    except wire.WireError as error:
        return f"not plain data: {error}"
    found = float(score(instance, output))  # type: ignore[name-defined]  # noqa: F821
    reason = _reason(instance, packed) if found < 1.0 else ""
    return [found, reason] if reason else found


def _reason(instance: dict, packed: bytes) -> str:
    """What the task's explain(), if it has one, says of an output; "" if it fails, which must cost nobody a score."""
    explain = globals().get("explain")
    try:
        said = explain(instance, wire.unpack(packed)) if explain else ""  # a fresh copy: score() may change its own
    except Exception:
        return ""
    return said[:MOST_REASON_CHARS] if type(said) is str else ""
