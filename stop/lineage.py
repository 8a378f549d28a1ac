"""All versions of one run with their parents, and what was decided of each: append-only.

Owns: Version, Decision, ImproverRun, and their records. Does not own: files (records), who becomes a parent (choose).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from stop.chain import Record

Status = Literal[
    "seed", "kept", "not_better", "indecisive", "failed", "canary_failed", "pending", "rejected", "rolled_back", "draft"
]
RUNNABLE = ("seed", "kept")


@dataclass(frozen=True)
class Spent:
    """Calls, tokens and dollars, nominal: as if nothing had been cached."""

    llm_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.llm_calls + other.llm_calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            round(self.usd + other.usd, 9),
        )

    @classmethod
    def of(cls, row: Record) -> Spent:
        """What a record says was spent."""
        return cls(row["llm_calls"], row["input_tokens"], row["output_tokens"], row["usd"])


@dataclass(frozen=True)
class ImproverRun:
    """One call of an improver on one task and repeat: the unit of evidence. A failure counts as 0.0."""

    task: str
    repeat: int
    status: str  # "ok", or how the improver failed
    solution: str = ""  # sha of the text that it returned
    utility: float = 0.0  # of that text on the block, in [0, score_cap]
    seed_utility: float = 0.0  # of the task's seed solution on the same block
    counts: dict[str, int] = field(default_factory=dict)  # instances by status
    detail: str = ""
    spent: Spent = Spent()

    def record(self, *, version: int, split: str, block: int, unit: str) -> Record:
        """What outcomes.jsonl holds of it."""
        return {"unit": unit, "version": version, "split": split, "block": block, **self._row()}

    def compared(self, *, arm: str, scaffold: str, block: int, unit: str) -> Record:
        """What outcomes.jsonl holds of a run on test of an improver that is no version; scaffold: its sha."""
        who = {"version": None, "arm": arm, "scaffold": scaffold}
        return {"unit": unit, **who, "split": "test", "block": block, **self._row()}

    @classmethod
    def of(cls, row: Record) -> ImproverRun:
        """The run that a record describes."""
        names = ("task", "repeat", "status", "solution", "utility", "seed_utility", "counts", "detail")
        return cls(**{name: row[name] for name in names}, spent=Spent.of(row))

    def _row(self) -> Record:
        row = asdict(self)
        return row | row.pop("spent")


@dataclass(frozen=True)
class Score:
    """Meta-utility: the mean over improver runs, stratified by task. n: improver runs."""

    mean: float
    stderr: float | None  # None where a task has fewer than two runs
    n: int

    @classmethod
    def of(cls, runs: Sequence[ImproverRun]) -> Score:
        """Mean of the tasks' means; standard error from the spread inside each task."""
        if not runs:
            return cls(0.0, None, 0)
        by_task: dict[str, list[float]] = {}
        for run in runs:
            by_task.setdefault(run.task, []).append(run.utility)
        mean = statistics.fmean(statistics.fmean(v) for v in by_task.values())
        if min(len(v) for v in by_task.values()) < 2:
            return cls(mean, None, len(runs))
        variance = sum(statistics.variance(v) / len(v) for v in by_task.values()) / len(by_task) ** 2
        return cls(mean, math.sqrt(variance), len(runs))


@dataclass(frozen=True)
class Version:
    """One scaffold as born in a run. `parent` is the parent's sha; the seed has none."""

    id: int
    sha: str
    parent: str
    parent_id: int | None
    step: int
    generation: int  # depth from the seed
    status: Status
    meta_utility: float  # on its val block; 0.0 if it failed
    stderr: float | None
    n: int
    spent: Spent
    detail: str = ""

    def record(self, unit: str) -> Record:
        row = asdict(self)
        spent, detail = row.pop("spent"), row.pop("detail")
        return {"unit": unit, **row, **spent, "detail": detail}

    @classmethod
    def of(cls, row: Record) -> Version:
        spent = Spent.of(row)
        names = ("id", "sha", "parent", "parent_id", "step", "generation", "status", "meta_utility", "stderr", "n")
        return cls(**{n: row[n] for n in names}, spent=spent, detail=row["detail"])


@dataclass(frozen=True)
class Decision:
    """What was decided of one version, and why. A version's standing is its last decision."""

    id: int
    step: int
    rule: str
    evidence: Record
    n: int
    level: float | None
    block: int
    verdict: Status
    who: str
    why: str

    def record(self, unit: str) -> Record:
        return {"unit": unit, **asdict(self)}


class Lineage:
    """The versions of a run in order of birth, each with its standing."""

    def __init__(self, versions: Sequence[Record] = (), decisions: Sequence[Record] = ()) -> None:
        self.versions = [Version.of(row) for row in versions]
        self.standing: dict[int, Status] = {}
        for row in decisions:
            self.standing[row["id"]] = row["verdict"]

    def append(self, version: Version, decisions: Sequence[Decision]) -> None:
        """decisions: on the version, the last one its standing; before it perhaps on earlier ones that fall with it."""
        if version.id != len(self.versions) or decisions[-1].id != version.id:
            raise ValueError(f"version {version.id} cannot follow {len(self.versions)} versions")
        self.versions.append(version)
        self.standing.update({decision.id: decision.verdict for decision in decisions})

    def runnable(self) -> list[Version]:
        """Versions that may be parents: the seed and what was kept and still stands."""
        return [v for v in self.versions if self.standing.get(v.id) in RUNNABLE]

    def current(self) -> Version:
        """The last version that stands: each was kept against the one before it on a fresh block."""
        return self.runnable()[-1]
