"""One improver run: a scaffold, confined, rewrites one text.

Owns: what the scaffold may ask of the host, its budgets, its draws. Does not own: what a text is worth (utility, meta),
which text is rewritten (improve).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stop.budget import BudgetExceeded, Meter
from stop.draw import Draw
from stop.lineage import Spent
from stop.model import Reply, Request
from stop.sandbox import Handle, Limits, Method, Ran, Refused, Sandbox, Status, Text, wire
from stop.scaffold import ENTRY

MAX_TEXT_BYTES = 200_000  # of one prompt, in UTF-8


@dataclass(frozen=True)
class Judged:
    """What a text is worth, and the feedback that an improver may reflect on."""

    score: float
    instances: list[dict[str, Any]]
    spent: Spent = Spent()


class UtilityHandle:
    """What a scaffold sees as `utility`: counts uses, cached or not, and refuses beyond the budget.

    feedback: whether a report says more than the score.
    """

    def __init__(
        self, text: str, budget: int, judge: Callable[[Sequence[str | None]], list[Judged]], *, feedback: bool = True
    ) -> None:
        self._text = text
        self._meter = Meter(budget, "utility")
        self._judge = judge
        self._feedback = feedback
        self.spent = Spent()
        self.methods: Mapping[str, Method] = {
            "": Method(lambda text: self._judged([text])[0].score, ("text",)),
            "map": Method(lambda texts: [j.score for j in self._judged(texts)], ("texts",)),
            "report": Method(self._report, ("text",)),
        }

    def mirror(self) -> dict[str, object]:
        return {"str": self._text, "budget": self._meter.budget, "uses": self._meter.uses}

    def _judged(self, texts: Sequence[str | None]) -> list[Judged]:
        if not texts:
            raise Refused("ValueError", "nothing to score")  # it would cost nothing, and so could be asked for ever
        _charge(self._meter, len(texts))
        judged = self._judge(texts)
        for one in judged:
            self.spent += one.spent
        return judged

    def _report(self, text: str | None) -> dict[str, object]:
        judged = self._judged([text])[0]
        return {"score": judged.score, "instances": judged.instances if self._feedback else []}


@dataclass
class ModelHandle:
    """What a scaffold sees as `language_model`: budget in prompts, each of at most so many replies."""

    ask: Callable[[Sequence[Request]], list[Reply]]  # all at once, answers in the order of the questions
    draw: Draw
    prompts: int
    responses: int
    max_tokens: int
    spent: Spent = Spent()
    _asked: Counter[tuple[str, str, float]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._meter = Meter(self.prompts, "language_model")
        self.methods: Mapping[str, Method] = {
            "prompt": Method(self._prompt, ("text", "text", "int", "number")),
            "batch_prompt": Method(self._batch_prompt, ("text", "texts", "number")),
        }

    def mirror(self) -> dict[str, object]:
        return {
            "budget": self._meter.budget,
            "times_used": self._meter.uses,
            "max_responses_per_call": self.responses,
        }

    def _prompt(self, expertise: str, message: str, n_responses: int, temperature: float) -> list[str]:
        self._check(n_responses, [expertise, message], temperature)
        _charge(self._meter, 1)
        return self._replies(self._requests(expertise, message, float(temperature), n_responses))

    def _batch_prompt(self, expertise: str, messages: list[str], temperature: float) -> list[str]:
        self._check(len(messages), [expertise, *messages], temperature)
        _charge(self._meter, 1)
        return self._replies([r for m in messages for r in self._requests(expertise, m, float(temperature), 1)])

    def _check(self, responses: int, texts: Sequence[str | None], temperature: float) -> None:
        if not 1 <= responses <= self.responses:
            raise Refused("ValueError", f"{responses} responses asked for; a call gives 1 to {self.responses}")
        if any(t is None or len(t.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES for t in texts):
            raise Refused("TypeError", f"a prompt is text of at most {MAX_TEXT_BYTES} bytes, not None")
        if not math.isfinite(temperature) or not 0 <= temperature <= 2:
            raise Refused("ValueError", f"temperature {temperature}; it lies in [0, 2]")

    def _requests(self, system: str, message: str, temperature: float, n: int) -> list[Request]:
        same = system, message, temperature
        occurrence = self._asked[same]
        self._asked[same] += 1
        draws = [self.draw.reply(occurrence=occurrence, index=index) for index in range(n)]
        # what a scripted model counts by follows from the draw's own parts: one draw, one reply
        return [
            Request(system, message, temperature, self.max_tokens, draw, occurrence + index)
            for index, draw in enumerate(draws)
        ]

    def _replies(self, requests: Sequence[Request]) -> list[str]:
        replies = self.ask(requests)
        for reply in replies:
            self.spent += Spent(1, reply.input_tokens, reply.output_tokens, reply.usd)
        return [reply.text for reply in replies]


def _charge(meter: Meter, uses: int) -> None:
    try:
        meter.charge(uses)
    except BudgetExceeded as error:
        raise Refused("BudgetExceeded", str(error)) from None


@dataclass(frozen=True)
class Handles:
    """What one improver run may use; made anew for each run, for budgets are its own."""

    utility: UtilityHandle
    model: ModelHandle

    @property
    def spent(self) -> Spent:
        return self.model.spent + self.utility.spent


@dataclass(frozen=True)
class Rewritten:
    """What an improver made of a text. status: "ok", or how it failed; cpu_seconds: of its own work, measured."""

    status: str
    text: str = ""
    detail: str = ""
    spent: Spent = Spent()
    cpu_seconds: float = 0.0


def rewrite(scaffold: str, target: str, handles: Handles, sandbox: Sandbox, limits: Limits) -> Rewritten:
    """Runs the scaffold once on the target, in a sandbox of its own. Never raises for what the scaffold does."""
    named: dict[str, Handle] = {"utility": handles.utility, "language_model": handles.model}
    with sandbox.start(Text("scaffold.py", scaffold), limits=limits) as child:
        ran = child.loaded
        if ran.status == "ok":
            seed = handles.model.draw.sandbox_seed()
            ran = child.call(ENTRY, wire.pack([target]), seed=seed, handles=named)
    status, text, detail = ran.status, "", ran.detail
    if status == "ok":
        status, text, detail = _returned(ran)
    return Rewritten(status, text, detail, handles.spent, ran.cpu_seconds)


def _returned(ran: Ran) -> tuple[Status, str, str]:
    try:
        text = ran.value()
    except wire.WireError as error:
        return "protocol", "", str(error)
    if isinstance(text, str) and text.strip():
        return "ok", text, ""
    found = "empty text" if isinstance(text, str) else type(text).__name__
    return "error", "", f"returned {found} instead of a program"
