"""What a generated program holds in place of a host object: the published STOP interface, call by call.

Owns: the names, defaults and argument conversions that programs see.
Does not own: budgets and answers (the host; what is read here are mirrors), the stream (shim).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

Ask = Callable[[str, str, list[object]], Any]
Live = Callable[[str, str], None]


class Mirrored:
    """Reads the host's plain attributes and refuses to write them."""

    __slots__ = ("_ask", "_mirror")
    _ask: Ask
    _mirror: dict[str, object]

    def __init__(self, mirror: dict[str, object], ask: Ask) -> None:
        object.__setattr__(self, "_mirror", mirror)
        object.__setattr__(self, "_ask", ask)

    def __copy__(self) -> Mirrored:
        return self

    def __deepcopy__(self, memo: object) -> Mirrored:
        return self

    def __getattr__(self, name: str) -> object:
        if name not in Mirrored.__slots__ and name in self._mirror:
            return self._mirror[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name!r} cannot be written: budgets are kept by the host")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{name!r} cannot be deleted: budgets are kept by the host")


class Utility(Mirrored):
    """What a solution is worth, asked of the host."""

    __slots__ = ()

    def __call__(self, solution: str | None) -> float:
        return self._ask("utility", "", [_text(solution)])

    def map(self, solutions: Iterable[str | None]) -> list[float]:
        texts = _texts(solutions, "solutions")
        return self._ask("utility", "map", [texts]) if texts else []

    def report(self, solution: str | None) -> dict[str, object]:
        return self._ask("utility", "report", [_text(solution)])


class LanguageModel(Mirrored):
    """The fixed language model, asked through the host."""

    __slots__ = ()

    def prompt(
        self, expertise: str | None, message: str | None, n_responses: int = 1, temperature: float = 0.7
    ) -> list[str]:
        args = [_text(expertise), _text(message), operator.index(n_responses), float(temperature)]
        return self._ask("language_model", "prompt", args)

    def batch_prompt(
        self, expertise: str | None, message_batch: Iterable[str | None], temperature: float = 0.7
    ) -> list[str]:
        args = [_text(expertise), _texts(message_batch, "message_batch"), float(temperature)]
        return self._ask("language_model", "batch_prompt", args)


class Itself(Mirrored):
    """A Gödel agent's own module: the text is the host's, and what is changed there takes effect here at once."""

    __slots__ = ("_live",)
    _live: Live

    def __init__(self, mirror: dict[str, object], ask: Ask, live: Live) -> None:
        super().__init__(mirror, ask)
        object.__setattr__(self, "_live", live)

    def look(self) -> str:
        """What the agent is, what it has used, what it defines."""
        return self._ask("itself", "look", [])

    def read(self, name: str = "") -> str:
        """The text of a definition; of the whole module without a name."""
        return self._ask("itself", "read", [_text(name)])

    def change(self, how: str, name: str, code: str = "") -> str:
        """how: modify, add or delete. Raises ValueError for a change that is not made."""
        code = self._ask("itself", "change", [_text(how), _text(name), _text(code)])
        try:
            self._live(name, code)
        except Exception:
            self._live(name, self._ask("itself", "undo", []))
            raise
        return f"{how} {name}: done"

    def run(self, code: str) -> str:
        """What a program prints that runs beside a copy of the module, and how it ends."""
        return self._ask("itself", "run", [_text(code)])

    def evaluate(self) -> dict[str, object]:
        """Train utility of the module as it is; the host then decides, on val, whether it is kept."""
        return self._ask("itself", "evaluate", [])

    def stop(self) -> str:
        """Take no further turn."""
        return self._ask("itself", "stop", [])


PROXIES: dict[str, Callable[[dict[str, object], Ask, Live], Mirrored]] = {
    "utility": lambda mirror, ask, live: Utility(mirror, ask),
    "language_model": lambda mirror, ask, live: LanguageModel(mirror, ask),
    "itself": Itself,
}


def make(name: str, mirror: dict[str, object], ask: Ask, live: Live) -> Mirrored:
    """The proxy of the handle that the host calls `name`; mirror stays shared with the stream, which refreshes it.

    live: puts a definition into the running program, or takes it out.
    """
    return PROXIES[name](mirror, ask, live)


def _text(value: object) -> object:
    # subclasses of str, as numpy makes them, are text too; what is not text is refused by the host
    return str(value) if isinstance(value, str) else value


def _texts(values: Iterable[object], name: str) -> list[object]:
    if isinstance(values, str):
        raise TypeError(f"{name} is a list of texts, not one text")
    return [_text(value) for value in values]
