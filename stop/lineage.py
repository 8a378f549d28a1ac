"""All versions of one run with their parents, and what was decided of each: append-only.

Owns: Version, Decision, ImproverRun, and their records. Does not own: files (records), who becomes a parent (choose).
"""

from __future__ import annotations

import copy
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from stop.chain import Record
from stop.markup import table

Status = Literal[
    "seed", "kept", "not_better", "indecisive", "failed", "canary_failed", "pending", "rejected", "rolled_back", "draft"
]
RUNNABLE = ("seed", "kept")
ARCHIVED = (*RUNNABLE, "not_better", "indecisive")  # judged, and neither withdrawn nor held back
MEASURED_BLOCK = 2_000_000  # val block on which versions are measured further: nothing else reaches it


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
        row = {**vars(self), "counts": dict(self.counts)}
        return row | vars(row.pop("spent"))


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

    def _repr_html_(self) -> str:
        """For notebooks. Its status is that of its birth: what was decided later is in `Run.standing`."""
        error = "" if self.stderr is None else f" ± {self.stderr:.4f}"
        shown = {
            "status": self.status,
            "parent": "none: the first version" if self.parent_id is None else f"{self.parent_id} ({self.parent})",
            "born": f"step {self.step}, generation {self.generation}",
            "score": f"{self.meta_utility:.4f}{error} (n={self.n})" if self.n else "no score",
            "calls": self.spent.llm_calls,
        }
        return table(f"version {self.id} ({self.sha})", shown | ({"detail": self.detail} if self.detail else {}))


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

    def __init__(
        self, versions: Sequence[Record] = (), decisions: Sequence[Record] = (), outcomes: Sequence[Record] = ()
    ) -> None:
        """outcomes: lines of outcomes.jsonl, of which the versions' own improver runs are taken."""
        self.versions = [Version.of(row) for row in versions]
        self.standing: dict[int, Status] = {}
        self._born_on: dict[int, int] = {}  # version -> the val block that it was first judged on
        self._own: dict[int, list[ImproverRun]] = {}
        self._repeats_measured: dict[int, int] = {}
        for row in decisions:
            self.standing[row["id"]] = row["verdict"]
            self._born_on.setdefault(row["id"], row["block"])
        self._take(outcomes)

    def append(self, version: Version, decisions: Sequence[Decision], outcomes: Sequence[Record] = ()) -> None:
        """decisions: on the version, the last one its standing; before it perhaps on earlier ones that fall with it.

        outcomes: what its unit puts into outcomes.jsonl.
        """
        if version.id != len(self.versions) or decisions[-1].id != version.id:
            raise ValueError(f"version {version.id} cannot follow {len(self.versions)} versions")
        self.versions.append(version)
        self.standing.update({decision.id: decision.verdict for decision in decisions})
        self._born_on[version.id] = next(decision.block for decision in decisions if decision.id == version.id)
        self._take(outcomes)

    def measured(self, outcomes: Sequence[Record]) -> Lineage:
        """This lineage with further improver runs of its versions; it is not changed itself."""
        found = copy.copy(self)
        found._own = {version: [*runs] for version, runs in self._own.items()}
        found._repeats_measured = dict(self._repeats_measured)
        found._take(outcomes)
        return found

    def _take(self, outcomes: Sequence[Record]) -> None:
        for row in outcomes:
            version, block = row["version"], row["block"]
            if row["split"] == "val" and block in (self._born_on.get(version), MEASURED_BLOCK):
                self._own.setdefault(version, []).append(ImproverRun.of(row))
                if block == MEASURED_BLOCK:
                    self._repeats_measured[version] = row["repeat"] + 1

    def own(self, version: int) -> Sequence[ImproverRun]:
        """A version's own improver runs: on the val block that it was first judged on, and where it was measured
        further. Not those in which it was compared with a child, on the child's block. Empty if it failed before."""
        return self._own.get(version, [])

    def repeats_measured(self, version: int) -> int:
        """How many repeats of all tasks it was measured further."""
        return self._repeats_measured.get(version, 0)

    def ran(self, version: int) -> bool:
        """Whether any of its own improver runs came to its end."""
        return any(run.status == "ok" for run in self.own(version))

    def under_incident(self, version: int) -> bool:
        """Whether what one of its own improver runs returned had an output that the scorer refused: an incident."""
        return any(run.counts.get("unscorable") for run in self.own(version))

    def children(self, version: int) -> list[Version]:
        """In order of birth, the failed ones too."""
        return [v for v in self.versions if v.parent_id == version]

    def runnable(self) -> list[Version]:
        """The seed and what was kept and still stands."""
        return [v for v in self.versions if self.standing.get(v.id) in RUNNABLE]

    def archive(self) -> list[Version]:
        """The seed and what ran, kept or not, unless it was withdrawn or held back, or is under an incident."""
        return [
            v for v in self.versions
            if v.id == 0 or self.standing.get(v.id) in ARCHIVED and self.ran(v.id) and not self.under_incident(v.id)
        ]  # fmt: skip

    def current(self) -> Version:
        """The champion, the last version that stands: each was kept against the one before it on a fresh block."""
        return self.runnable()[-1]
