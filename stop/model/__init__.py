"""The seam to a language model: one request in, one reply out.

Owns: what a request and a reply are, and which kinds of model exist. Does not own: budgets (budget), what is asked
(scaffolds), where replies are kept (cache).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol


class Turn(NamedTuple):
    """What was said before the message, and by whom."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True)
class Request:
    """One reply asked of a model. `draw` (hex text) tells this sample from the next one of the same request."""

    system: str
    message: str
    temperature: float
    max_tokens: int
    draw: str
    occurrence: int = 0  # how often this request was made before in this sandbox, plus the index of the reply
    earlier: tuple[Turn, ...] = ()  # the conversation before the message, oldest first

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The conversation: the earlier turns, then the message."""
        return *self.earlier, Turn("user", self.message)


@dataclass(frozen=True)
class Reply:
    """What a model answered.

    tokens: as the provider counts them, or one per byte (the most it can be) where it does not say; 0 for models that
    have none. input_tokens includes those read from and written to the provider's prompt cache. usd: nominal price;
    0.0 if the model's price is unknown. stop_reason: "end"; "max_tokens", "refusal", "empty", "oversize" for answers
    that are not what was hoped for; "truncated", "malformed" for bodies that stayed unreadable; "too_long",
    "bad_request" for prompts that were not taken; anything else as the provider says it.
    """

    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    stop_reason: str = "end"
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    returned_model: str = ""  # what the server says answered


class LanguageModel(Protocol):
    """A model is fixed for a run. `id` goes into every reply key. `reply` blocks and may be called from any thread.

    A model behind a server has more: see `remote.RemoteModel`.
    """

    id: str

    def reply(self, request: Request) -> Reply: ...


class UnknownModel(LookupError):
    """No such model, or one that cannot be used here; the text names the next step."""


class ModelError(Exception):
    """A model gave no reply. The text is one line and holds no key."""


class ModelRefused(ModelError):
    """The server will not answer as things are set up: the key, the model's name, the address. Not tried again."""


class ModelUnavailable(ModelError):
    """The server could not be had, however often it was tried, or the model was stopped meanwhile."""


KINDS = {
    "mutation": "no language model: random changes of the program's syntax tree, the control that claims must beat",
    "mutation:no-OPERATOR": "the same with one of its operators switched off",
    "scripted:FILE": "replies read from a JSON file: for tests and lessons",
    "claude-NAME": "Claude; needs ANTHROPIC_API_KEY",
    "anthropic/NAME": "the same; with --base-url a server with that API: llama.cpp, Ollama, LM Studio, vLLM",
    "openai/NAME": "OpenAI; needs OPENAI_API_KEY; with --base-url any server with its Chat Completions API",
    "dspy/PROVIDER/NAME": "any provider that dspy.LM reaches, with that provider's key",
    "gguf:FILE": "a local model file, served inside this process; needs the extra local",
}
_REMOTE = ("claude-", "anthropic/", "openai/", "dspy/")


def open_model(spec: str, base_url: str = "") -> LanguageModel:
    """The model that `spec` names. Raises UnknownModel. Imports the kind's module only when it is used.

    Opens no connection: a client is made, or a local server started, by the first request.
    """
    if spec.startswith(_REMOTE):
        return _remote(spec, base_url)
    if base_url:
        raise UnknownModel(f"--base-url is for models with a server ({', '.join(_REMOTE)}...), not for {spec!r}.")
    kind, _, rest = spec.partition(":")
    if kind == "gguf" and rest:
        from stop.model.gguf import open_gguf

        return open_gguf(rest)
    if kind == "mutation":
        return _mutation(spec, rest)
    if kind == "scripted" and rest:
        from stop.model.scripted import ScriptedModel

        return ScriptedModel.read(rest)
    raise _unknown(spec)


def dspy_lm(model: LanguageModel, *, seed: int = 0, temperature: float = 1.0, max_tokens: int = 4096) -> Any:
    """A dspy.LM that asks `model`, so that a dspy program has its budget, cache and records.

    seed: other samples of the same requests. temperature, max_tokens: where dspy gives none; 1.0 is what providers
    take then. What the model raises comes out as it is, but dspy's optimisers catch errors and go on: `failure` of the
    LM is the first. The same program run again, in one thread, asks the same requests with the same draws.
    """
    from stop.model.engine import ProgramLM

    return ProgramLM(model, seed=seed, temperature=temperature, max_tokens=max_tokens)


def _remote(spec: str, base_url: str) -> LanguageModel:
    kind, _, name = spec.partition("/") if "/" in spec else ("anthropic", "/", spec)
    if not name or (kind == "dspy" and not all(name.partition("/"))):
        raise _unknown(spec)
    if kind == "anthropic":
        from stop.model.anthropic import open_anthropic

        return open_anthropic(name, base_url)
    if kind == "openai":
        from stop.model.openai import open_openai

        return open_openai(name, base_url)
    from stop.model.dspy import open_dspy

    return open_dspy(name, base_url)


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
