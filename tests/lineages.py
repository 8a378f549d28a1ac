"""Runs made by hand, with all that analysis reads, from a line per version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pandas import DataFrame

from stop.scaffold import sha

VERSIONS = ["unit", "id", "sha", "parent_id", "step", "generation", "status", "llm_calls", "input_tokens",
            "output_tokens", "usd"]  # fmt: skip
OUTCOMES = ["unit", "version", "split", "block", "task", "repeat", "status", "solution", "utility", "seed_utility",
            "llm_calls"]  # fmt: skip
EVALUATIONS = ["unit", "sha", "task", "split", "block", "instance", "score", "cpu_seconds"]

Scores = Mapping[str, Sequence[float]] | Sequence[float]  # task -> one utility per repeat; or those of the task "t"


class Made:
    """A run by hand. Version k is judged on val block k, as in a real run."""

    def __init__(self, *, order: Sequence[int] | None = None) -> None:
        """order: how the rows of every frame are permuted, by this sequence of sort keys; None: as they came.

        A row keeps its index, the line in the file, wherever it stands.
        """
        self.settings: dict[str, Any] = {"config": {}}
        self.timing: list[dict[str, Any]] = []
        self.order = order
        self._rows: dict[str, list[dict[str, Any]]] = {
            "versions": [],
            "decisions": [],
            "outcomes": [],
            "evaluations": [],
        }
        self._texts: dict[str, str] = {}
        self._frames: dict[str, tuple[int, DataFrame]] = {}  # with how many rows they were made of

    def version(
        self,
        parent: int | None,
        verdict: str,
        scores: Scores = (),
        *,
        text: str = "",
        calls: int = 6,
        seed: float = 0.0,
    ) -> int:
        """Adds a version with its improver runs on its own block. text: its source, by default one of its own."""
        number = len(self._rows["versions"])
        source = text or f"x = {number}\n"
        self._texts[sha(source)] = source
        n = sum(map(len, _by_task(scores).values()))
        self._rows["versions"].append(
            {"unit": f"step {number}" if number else "seed", "id": number, "sha": sha(source), "parent_id": parent,
             "step": number, "generation": number, "status": verdict, "llm_calls": max(1, n) * calls,
             "input_tokens": 10 * n, "output_tokens": n, "usd": 0.5}
        )  # fmt: skip
        self.decide(number, verdict, step=number)
        self.score(number, "val", number, scores, calls=calls, seed=seed)
        return number

    def decide(self, version: int, verdict: str, step: int, *, block: int | None = None) -> None:
        """block: where it was looked at; by default the version's own."""
        where = version if block is None else block
        self._rows["decisions"].append({"id": version, "step": step, "block": where, "verdict": verdict})

    def score(
        self, version: int, split: str, block: int, scores: Scores, *, calls: int | Sequence[int] = 6,
        seed: float = 0.0, solutions: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Adds improver runs of a version. seed: the utility of the task's seed solution on that block."""
        for task, values in _by_task(scores).items():
            for repeat, utility in enumerate(values):
                asked = calls if isinstance(calls, int) else calls[repeat]
                text = solutions[repeat] if solutions else ""
                self._texts[sha(text)] = text
                self._rows["outcomes"].append(
                    {"unit": "", "version": version, "split": split, "block": block, "task": task, "repeat": repeat,
                     "status": "ok", "solution": sha(text), "utility": utility, "seed_utility": seed,
                     "llm_calls": asked}
                )  # fmt: skip

    def measure(
        self, text: str, split: str, block: int, *scores: float, task: str = "t", cpu: float | None = 1.0
    ) -> None:
        """Adds the evaluation of a solution on a block, a score an instance. text: canonical. cpu: of all together."""
        for instance, score in enumerate(scores):
            self._rows["evaluations"].append(
                {"unit": "", "sha": sha(text), "task": task, "split": split, "block": block, "instance": f"i{instance}",
                 "score": score, "cpu_seconds": cpu}
            )  # fmt: skip

    def source(self, sha: str) -> str:
        return self._texts[sha]

    def solution(self, sha: str) -> str | None:
        return self._texts.get(sha)

    @property
    def versions(self) -> DataFrame:
        return self._frame("versions", VERSIONS)

    @property
    def decisions(self) -> DataFrame:
        return self._frame("decisions", ["id", "step", "block", "verdict"])

    @property
    def outcomes(self) -> DataFrame:
        return self._frame("outcomes", OUTCOMES)

    @property
    def evaluations(self) -> DataFrame:
        return self._frame("evaluations", EVALUATIONS)

    def _frame(self, name: str, columns: list[str]) -> DataFrame:
        rows = self._rows[name]
        if name not in self._frames or self._frames[name][0] != len(rows):
            keys = [self.order[i % len(self.order)] if self.order else i for i in range(len(rows))]
            ordered = sorted(range(len(rows)), key=lambda i: (keys[i], -i))
            frame = DataFrame([rows[i] for i in ordered], index=ordered, columns=columns)
            self._frames[name] = len(rows), frame.astype({"parent_id": "Int64"}) if name == "versions" else frame
        return self._frames[name][1]


def _by_task(scores: Scores) -> dict[str, Sequence[float]]:
    return dict(scores) if isinstance(scores, Mapping) else {"t": scores} if scores else {}
