"""What the host does when a confined program asks it for something.

Owns: checking an ask against its schema, calling the method, phrasing the reply, telling what changed in a mirror.
Does not own: the stream and its limits (child), what a method does or costs (the handle).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from stop.sandbox import wire
from stop.sandbox.contract import Handle, Method, Refused, SandboxError

PROXIED = frozenset({"utility", "language_model", "itself"})


@dataclass(frozen=True)
class Ask:
    """One request, decoded but not yet believed."""

    handle: str
    method: str
    args: list[object]


def read_ask(parts: list[object]) -> Ask:
    """The ask in a child's message. Raises wire.WireError when the message is malformed."""
    if [type(part) for part in parts] != [str, str, str, bytes]:
        raise wire.WireError("an ask that is not a handle, a method and packed arguments")
    _, handle, method, packed = parts
    assert isinstance(handle, str) and isinstance(method, str) and isinstance(packed, bytes)
    return Ask(handle, method, wire.unpack_arguments(packed))


@dataclass
class Answers:
    """The handles of one call, and what their program has been told of them."""

    handles: Mapping[str, Handle]
    host_works: Callable[[], AbstractContextManager[None]] = nullcontext  # entered while a method runs
    refusals: int = 0
    _told: dict[str, dict[str, object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = set(self.handles) - PROXIED
        if unknown:
            raise SandboxError(f"no proxy for a handle {min(unknown)!r} (there are: {', '.join(sorted(PROXIED))})")

    def changed_mirrors(self) -> dict[str, dict[str, object]]:
        """The mirrors that the program does not have yet."""
        mirrors = {name: handle.mirror() for name, handle in self.handles.items()}
        changed = {name: mirror for name, mirror in mirrors.items() if self._told.get(name) != mirror}
        self._told.update({name: dict(mirror) for name, mirror in changed.items()})
        return changed

    def reply(self, ask: Ask) -> bytes:
        """The message that answers an ask. An exception of the method other than Refused passes through."""
        try:
            method = self._method(ask)
            problem = _mismatch(method.params, ask.args)
            if problem:
                raise Refused("TypeError", f"{ask.handle}.{ask.method or '__call__'}: {problem}")
            with self.host_works():
                value = method.call(*ask.args)
        except Refused as refused:
            self.refusals += 1
            return wire.pack([refused.kind, refused.message, self.changed_mirrors()])
        try:
            return wire.pack(["value", value, self.changed_mirrors()])
        except wire.WireError as why:
            name = f"{ask.handle}.{ask.method or '__call__'}"
            raise SandboxError(f"the host's {name} returned what cannot cross to a program: {why}") from None

    def _method(self, ask: Ask) -> Method:
        handle = self.handles.get(ask.handle)
        if handle is None or ask.method not in handle.methods:
            raise Refused("TypeError", f"the host has no {ask.handle[:40]!r}.{ask.method[:40]!r}")
        return handle.methods[ask.method]


def _mismatch(params: tuple[str, ...], args: list[object]) -> str:
    """What is wrong with the arguments, or ""."""
    if len(params) != len(args):
        return f"takes {len(params)} arguments, got {len(args)}"
    for number, (param, arg) in enumerate(zip(params, args, strict=True), start=1):
        if not _fits(param, arg):
            return f"argument {number} is to be {_WORDS[param]}, got {_shown(arg)}"
    return ""


_WORDS = {
    "text": "a text or None",
    "texts": f"a list of at most {wire.MOST_TEXTS} texts",
    "int": "an integer",
    "number": "a finite number",
}


def _fits(param: str, arg: object) -> bool:
    if param == "text":
        return arg is None or (isinstance(arg, str) and _is_unicode(arg))
    if param == "texts":
        return isinstance(arg, list) and len(arg) <= wire.MOST_TEXTS and all(_fits("text", one) for one in arg)
    if isinstance(arg, bool):
        return False
    if param == "int":
        return isinstance(arg, int) and abs(arg) < wire.EXACT_INT
    if param == "number":
        return isinstance(arg, int | float) and abs(arg) < wire.EXACT_INT and math.isfinite(arg)
    raise SandboxError(f"a method's params name the unknown schema {param!r} (there are: {', '.join(_WORDS)})")


def _is_unicode(text: str) -> bool:
    """Whether the text can be written anywhere: lone surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(arg: object) -> str:
    if isinstance(arg, list):
        return f"a list of {len(arg)}"
    if isinstance(arg, str):
        return "a text with lone surrogates"
    return f"a value of type {type(arg).__name__}"
