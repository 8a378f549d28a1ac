"""The seam to a language model: one request in, one reply out.

Owns: what a request and a reply are, and which kinds of model exist. Does not own: budgets (budget), what is asked
(scaffolds), where replies are kept (cache).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Request:
    """One reply asked of a model. `draw` (hex text) tells this sample from the next one of the same request."""

    system: str
    message: str
    temperature: float
    max_tokens: int
    draw: str
    occurrence: int = 0  # how often this request was made before in this sandbox, plus the index of the reply


@dataclass(frozen=True)
class Reply:
    """What a model answered. tokens: as the provider counts them; 0 for models that have none. usd: nominal price."""

    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    stop_reason: str = "end"


class LanguageModel(Protocol):
    """A model is fixed for a run. `id` goes into every reply key."""

    id: str

    def reply(self, request: Request) -> Reply: ...


class UnknownModel(LookupError):
    """No such model, or one that cannot be used here; the text names the next step."""


KINDS = {
    "mutation": "no language model: random changes of the program's syntax tree, the control that claims must beat",
    "mutation:no-OPERATOR": "the same with one of its operators switched off",
    "scripted:FILE": "replies read from a JSON file: for tests and lessons",
}


def open_model(spec: str) -> LanguageModel:
    """The model that `spec` names. Raises UnknownModel. Imports the kind's module only when it is used."""
    kind, _, rest = spec.partition(":")
    if kind == "mutation":
        return _mutation(spec, rest)
    if kind == "scripted" and rest:
        from stop.model.scripted import ScriptedModel

        return ScriptedModel.read(rest)
    raise _unknown(spec)


def _mutation(spec: str, rest: str) -> LanguageModel:
    from stop.model.mutation import MutationModel
    from stop.model.operators import OPERATORS

    without = rest.removeprefix("no-")
    if spec == "mutation" or (rest.startswith("no-") and without in OPERATORS):
        return MutationModel(without)
    if rest.startswith("no-"):
        raise UnknownModel(f"no model {spec!r}: the operators are {', '.join(OPERATORS)}.")
    raise _unknown(spec)


def _unknown(spec: str) -> UnknownModel:
    near = difflib.get_close_matches(spec, KINDS, n=1)
    return UnknownModel(f"no model {spec!r}. {f'Nearest: {near[0]}. ' if near else ''}Found: {', '.join(KINDS)}.")
