"""What makes one sample of the same request differ from the next.

Owns: the draw of a reply and the seed of a sandbox. Does not own: reply keys (cache), who asks (rewrite, engine).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass
from typing import Literal

Purpose = Literal["propose", "train", "val", "canary", "noise", "test"]


@dataclass(frozen=True)
class Draw:
    """One sandbox's source of samples. It never contains the candidate that is scored: parent and child face the same
    draws. `step` is 0 unless the purpose is to propose."""

    run_seed: int
    purpose: Purpose
    block: int = 0
    task: str = ""
    repeat: int = 0
    step: int = 0

    def __post_init__(self) -> None:
        if self.step and self.purpose != "propose":
            raise ValueError(f"a draw for {self.purpose} must not depend on the step (found step {self.step})")

    def reply(self, *, occurrence: int, index: int) -> str:
        """32 hex digits. occurrence: how often this very request was made before in this sandbox; index: its."""
        return _digest("reply", *astuple(self), occurrence, index)[:32]

    def sandbox_seed(self) -> int:
        """Seeds `random` and numpy in the sandbox; 32 bits."""
        return int(_digest("sandbox", *astuple(self))[:8], 16)


def program_draw(seed: int, rollout: int | None, occurrence: int) -> str:
    """The draw of a reply that a dspy program asks for. 32 hex digits.

    rollout: by which the program itself tells samples apart, if it does; occurrence: how often this very request was
    made before with it, each of several replies to one request counted.
    """
    return _digest("program", seed, rollout, occurrence)[:32]


def drawn_index(what: str, run_seed: int, *of: int, among: int) -> int:
    """A choice of the host's own, uniform over 0 .. among - 1. of: the step, and what else tells one from the next."""
    return int(_digest(what, run_seed, *of), 16) % among


def drawn_share(what: str, run_seed: int, *of: int) -> float:
    """A number of the host's own, uniform over [0, 1). of: as of drawn_index."""
    return int(_digest(what, run_seed, *of)[:13], 16) / 16**13


def instance_seed(task: str, split: str, block: int, index: int) -> int:
    """The seed under which every solution faces instance `index`: the same exam for everyone. 32 bits."""
    return int(_digest("instance", task, split, block, index)[:8], 16)


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
