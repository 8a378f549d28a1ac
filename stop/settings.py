"""A run's settings: one frozen dataclass, written to run.json. Nothing changes it and it holds no live object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from stop.arguments import AGENTS, LEAST_SHARE
from stop.budget import RunBudget

DEFAULT_SET = "quick"
# of a run with an agent: turns between two evaluations are prompts; programs are scored, which takes one run each
GODEL = {
    "accept": "better", "generations": 30, "repeats": 1, "test_repeats": 1, "noise_repeats": 0, "canary": False,
    "prompts_per_improver_run": 12,
}  # fmt: skip
OF_AGENTS = {  # what no run with an agent can have otherwise
    "policy": "chain", "accept": "better", "repeats": 1, "test_repeats": 1, "noise_repeats": 0, "canary": False,
    "control": "",
}  # fmt: skip
CONTROL_CALLS = 8000  # of a control that is like no run: search_calls, about what the default run asks for
CONTROL_STEPS = 1000  # the most steps of a control, which takes as many as its calls allow
BUDGETS = ("budget_calls", "budget_usd", "budget_minutes")  # of a RunConfig: may be changed on resume
BY_OPTION = (  # beside them, what an option of the same name sets, where it is given
    "accept", "level", "smallest_difference", "most_repeats", "noise_repeats", "generations", "repeats",
)  # fmt: skip


@dataclass(frozen=True)
class Preset:
    """Settings that belong together: which tasks, unless others are named, and what differs from a run's defaults."""

    tasks: str
    settings: Mapping[str, Any]


# microsoft/stop config.py and language_model.py; test is looked at with as many improver runs as val
STOP_PAPER = {
    "accept": "always", "generations": 6, "repeats": 5, "test_repeats": 5, "prompts_per_improver_run": 4,
    "responses_per_prompt": 6, "utility_calls_per_improver_run": 25, "max_tokens": 1024,
}  # fmt: skip
# a small model on the machine at hand answers some ten requests a minute: an hour, not a night
LOCAL = {
    "repeats": 3, "test_repeats": 3, "prompts_per_improver_run": 2, "responses_per_prompt": 4,
    "utility_calls_per_improver_run": 16, "max_tokens": 600, "noise_repeats": 3,
}  # fmt: skip
# what runs did before there were these settings: a run.json without one means this, not today's default
BEFORE = {"noise_repeats": 0, "canary": False}
PRESETS = {"stop-paper": Preset("paper", STOP_PAPER), "local": Preset(DEFAULT_SET, LOCAL)}


def default_set(preset: str = "") -> str:
    """The tasks of a run that names none."""
    return PRESETS[preset].tasks if preset in PRESETS else DEFAULT_SET


def watched(config: Mapping[str, Any]) -> bool:
    """Whether what the rule keeps still has to pass the canary: not where STOP's own rule decides."""
    return bool(config.get("canary")) and config.get("accept") != "always"


@dataclass(frozen=True)
class RunConfig:
    """Everything that can change a record. How many workers, where the cache is: see `Means`."""

    tasks: tuple[str, ...]
    preset: str = ""  # whose settings and sizes of tasks hold where no other is given
    model: str = "mutation"
    scaffold: str = "seed"
    policy: str = "chain"
    accept: str = "better"
    seed: int = 0
    generations: int = 3  # steps: attempts at a next version
    repeats: int = 3  # improver runs per task, on train and on val
    test_repeats: int = 8  # improver runs per task when test is looked at
    level: float = 0.05  # of all decisions of a run by the rule `paired` together; from LEAST_SHARE to below 1
    smallest_difference: float = 0.02  # of meta-utilities that is of interest, likewise: paired, canary, noise floor
    most_repeats: int = 24  # improver runs per task and side that a decision by `paired` may take
    noise_repeats: int = 8  # improver runs per task of the seed on fresh draws, for the noise floor; 0: none
    canary: bool = True  # whether a child that the rule keeps is compared once more on a fresh block; not by `always`
    budget_calls: int = 0  # fresh model calls of the whole run; 0: no limit, here and for the next two
    budget_usd: float = 0.0
    budget_minutes: float = 0.0  # of all sittings together
    prompts_per_improver_run: int = 4  # this and the next are the numbers of STOP's config (microsoft/stop config.py)
    responses_per_prompt: int = 6
    utility_calls_per_improver_run: int = 48  # STOP allows 25; twice the replies lets an improver compare what it holds
    max_tokens: int = 4096  # of one reply
    scaffold_cpu_seconds: float = 1.0  # of one improver run's own work
    scaffold_memory_mb: int = 256
    sandbox: str = "landlock"
    base_url: str = ""  # of the model's server; "": the provider's own
    control: str = ""  # an arm of controls.ARMS; "": the recursion itself
    search_calls: int = 0  # the most that the seed's score and all steps may ask for, known answers too; 0: no limit
    agent: str = ""  # a Gödel agent in place of the recursion: one of arguments.AGENTS; "": none
    improved: str = ""  # of a transfer: the sha of the improver that is tried beside the scaffold; "": of no transfer

    def __post_init__(self) -> None:
        """Raises ValueError for a setting that no run can have."""
        for name in ("level", "smallest_difference"):
            if not LEAST_SHARE <= getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)!r}: give a number from {LEAST_SHARE:g} to below 1")
        if self.most_repeats < 1:
            raise ValueError(f"most_repeats {self.most_repeats!r}: give 1 or more")
        if self.agent:
            self._check_agent()
        if self.noise_repeats == 1 or self.noise_repeats < 0:
            raise ValueError(f"noise_repeats {self.noise_repeats!r}: give 0, or 2 or more: one run shows no spread")

    def _check_agent(self) -> None:
        if self.agent not in AGENTS:
            raise ValueError(f"agent {self.agent!r}: give {' or '.join(AGENTS)}")
        for name, only in OF_AGENTS.items():
            if getattr(self, name) != only:
                raise ValueError(
                    f"{name} {getattr(self, name)!r} does not go with an agent, which goes on from its last kept "
                    f"version and is scored once on each val block: leave it at {only!r}"
                )

    def record(self) -> dict[str, Any]:
        return {**asdict(self), "tasks": list(self.tasks)}

    @classmethod
    def by_preset(cls, preset: str, **settings: Any) -> RunConfig:
        """The settings of a preset, with those that are given in their place."""
        known = PRESETS[preset].settings if preset in PRESETS else {}
        return cls(**{**known, **settings, "preset": preset})

    @classmethod
    def of(cls, record: dict[str, Any]) -> RunConfig:
        return cls(**{**BEFORE, **record, "tasks": tuple(record["tasks"])})

    @property
    def budget(self) -> RunBudget:
        """What the whole run may spend."""
        return RunBudget(self.budget_calls, self.budget_usd, self.budget_minutes)

    @property
    def feedback(self) -> bool:
        """Whether improvers are told more than the score."""
        return self.control != "no-history"

    @property
    def calls_per_improver_run(self) -> int:
        """The most replies that one improver run may ask for."""
        return self.prompts_per_improver_run * self.responses_per_prompt
