"""Utility: what one solution scores on one block of one task (STOP's u).

Owns: outcomes of instances, running a solution on a block, never measuring the same twice. Does not own: scores
(scorer), improvers (meta), how records are kept (lineage).
"""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from stop.cache import Answers, evaluation_key
from stop.chain import Record
from stop.draw import instance_seed
from stop.markup import table
from stop.sandbox import Child, Limits, Ran, Sandbox, Text, unless_lost
from stop.scaffold import canonical, digest, sha
from stop.scorer import Scorer
from stop.task import Split, Task

Status = Literal["scored", "error", "timeout", "crash", "flood", "protocol", "unscorable", "unparsable", "not_run"]
NOT_RUN = "not run: the program was stopped on an earlier instance"


@dataclass(frozen=True)
class Outcome:
    """What one solution did on one instance. A failure is an outcome with a reason; its score is 0.0.

    detail: how it failed; of a scored output what the task's explain() found wrong with it.
    """

    instance_id: str
    status: Status
    score: float = 0.0
    detail: str = ""

    def _repr_html_(self) -> str:
        """For notebooks."""
        shown: dict[str, object] = {"status": self.status, "score": f"{self.score:.4f}"}
        return table(f"instance {self.instance_id}", shown | ({"detail": self.detail} if self.detail else {}))


@dataclass(frozen=True)
class Evaluation:
    """One solution on one block of one task. cpu_seconds is measured and therefore no part of what is compared."""

    task: str
    sha: str  # of the canonical text, which is what ran
    split: Split
    block: int
    outcomes: tuple[Outcome, ...]
    incidents: tuple[str, ...] = ()
    cpu_seconds: float = field(default=0.0, compare=False)
    near_limit: bool = field(default=False, compare=False)  # an instance took more than half of its CPU time

    @property
    def score(self) -> float:
        """The mean over the block's instances, in [0, score_cap]."""
        return sum(o.score for o in self.outcomes) / len(self.outcomes)

    @property
    def record(self) -> Record:
        """What evaluations.jsonl holds of it. Measured time goes to timing.jsonl: equal runs have equal records."""
        found: Record = {"task": self.task, "sha": self.sha, "split": self.split, "block": self.block}
        found["instances"] = [
            {"id": o.instance_id, "status": o.status, "score": o.score} | ({"detail": o.detail} if o.detail else {})
            for o in self.outcomes
        ]
        measured = {"cpu_seconds": self.cpu_seconds, "near_limit": self.near_limit}
        return found | {"incidents": list(self.incidents)} | measured

    @classmethod
    def of(cls, record: Record) -> Evaluation:
        """The evaluation that a record describes."""
        outcomes = tuple(Outcome(o["id"], o["status"], o["score"], o.get("detail", "")) for o in record["instances"])
        what = record["task"], record["sha"], record["split"], record["block"]
        measured = record.get("cpu_seconds", 0.0), record.get("near_limit", False)
        return cls(*what, outcomes, tuple(record.get("incidents", ())), *measured)

    @property
    def feedback(self) -> list[dict[str, Any]]:
        """What an improver may reflect on: per instance how it went. No measured time, which would differ each run."""
        return [{"status": o.status, "score": o.score, "detail": o.detail} for o in self.outcomes]

    @property
    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(o.status for o in self.outcomes).items()))


class Alone:
    """Many may measure at once, or one alone: a time-out is believed only if it happens again without our own load."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._measuring = 0
        self._waiting = 0
        self._alone = False

    def beside(self, work: Callable[[], Evaluation]) -> Evaluation:
        with self._condition:
            self._condition.wait_for(lambda: not self._alone and not self._waiting)
            self._measuring += 1
        try:
            return work()
        finally:
            with self._condition:
                self._measuring -= 1
                self._condition.notify_all()

    def alone(self, work: Callable[[], list[Ran]]) -> list[Ran]:
        """Call it while measuring: gives up the own place, waits until nobody measures, then runs `work`."""
        with self._condition:
            self._measuring -= 1
            self._waiting += 1
            self._condition.notify_all()
            self._condition.wait_for(lambda: not self._alone and not self._measuring)
            self._waiting -= 1
            self._alone = True
        try:
            return work()
        finally:
            with self._condition:
                self._alone = False
                self._measuring += 1
                self._condition.notify_all()


class Utility:
    """Scores solutions of one task. Thread-safe. Equal canonical texts are measured once, and recorded before use."""

    def __init__(self, task: Task, sandbox: Sandbox, answers: Answers, alone: Alone) -> None:
        self.task = task
        self._sandbox = sandbox
        self._answers = answers
        self._alone = alone
        self.scorer = Scorer(task, sandbox)

    def evaluate(self, solution: str | None, split: Split, block: int) -> Evaluation:
        """The outcome of every instance of the block; never raises for anything that the solution does."""
        text, problem = _runnable(solution)
        key = evaluation_key(
            source_sha=digest(text), task=self.task.name, task_sha=self.task.sha, split=split, block=block
        )
        what = f"solution {sha(text)} on {self.task.name} {split} block {block}"
        measure = functools.partial(self._measure, text, problem, split, block)
        return Evaluation.of(self._answers.evaluation(key, what, measure, text))

    def close(self) -> None:
        self.scorer.close()

    def _measure(self, text: str, problem: str, split: Split, block: int) -> Record:
        if problem:
            ids = [i.instance_id for i in self.scorer.inputs(split, block)]
            outcomes = tuple(Outcome(i, "unparsable", detail=problem) for i in ids)
            return Evaluation(self.task.name, sha(text), split, block, outcomes).record
        return self._alone.beside(lambda: unless_lost(lambda: self._run(text, split, block))).record

    def _run(self, text: str, split: Split, block: int) -> Evaluation:
        inputs = self.scorer.inputs(split, block)
        rans = self._call_on_all(text, split, block)
        outputs = [(i, ran.payload) for i, ran in enumerate(rans) if ran is not None and ran.status == "ok"]
        scored = dict(zip([i for i, _ in outputs], self.scorer.scores(split, block, outputs), strict=True))
        outcomes, incidents = [], []
        for i, ran in enumerate(rans):
            name = inputs[i].instance_id
            if ran is None:
                outcomes.append(Outcome(name, "not_run", detail=NOT_RUN))
            elif i not in scored:
                outcomes.append(Outcome(name, ran.status, detail=ran.detail))  # type: ignore[arg-type]
            elif scored[i].problem:
                outcomes.append(Outcome(name, "unscorable", detail=scored[i].problem))
                incidents += [f"{name}: {scored[i].problem}"] if scored[i].incident else []
            else:
                outcomes.append(Outcome(name, "scored", scored[i].score, scored[i].reason))
        cpu = [ran.cpu_seconds for ran in rans if ran is not None]
        near = any(
            ran.cpu_seconds > self.task.cpu_seconds_per_instance / 2
            for ran in rans
            if ran is not None and ran.status != "timeout"
        )
        found = tuple(outcomes), tuple(incidents), sum(cpu), near
        return Evaluation(self.task.name, sha(text), split, block, *found)

    def _call_on_all(self, text: str, split: Split, block: int) -> list[Ran | None]:
        """How each instance went; None: not run. One child for all of them, or one for each (Task.independent)."""
        instances = range(len(self.scorer.inputs(split, block)))
        groups = [range(i, i + 1) for i in instances] if self.task.independent else [instances]
        return [ran for group in groups for ran in self._confirmed(text, split, block, group)]

    def _confirmed(self, text: str, split: Split, block: int, instances: range) -> list[Ran | None]:
        """A time-out is believed if it happens again, alone, from the start."""
        rans = self._calls(text, split, block, instances)
        if rans[-1].status == "timeout":
            rans = self._alone.alone(functools.partial(self._calls, text, split, block, instances))
        return [*rans, *[None] * (len(instances) - len(rans))]

    def _calls(self, text: str, split: Split, block: int, instances: range) -> list[Ran]:
        """One child, called on the instances in order, until it is through or has died."""
        n = len(instances)
        with self._start(text) as child:
            if child.loaded.status == "timeout":
                return [child.loaded]
            if child.loaded.status != "ok":
                return [child.loaded] * n  # it never got as far as an instance
            rans: list[Ran] = []
            while len(rans) < n and (not rans or rans[-1].status in ("ok", "error")):
                rans.append(self._call(child, split, block, instances[len(rans)]))
        return rans

    def _start(self, text: str) -> Child:
        limits = Limits(cpu_seconds=self.task.cpu_seconds_per_instance, memory_mb=self.task.memory_mb)
        return self._sandbox.start(Text("solution.py", text), limits=limits)

    def _call(self, child: Child, split: Split, block: int, index: int) -> Ran:
        packed = self.scorer.inputs(split, block)[index].packed
        return child.call(self.task.entry, packed, seed=instance_seed(self.task.name, split, block, index))


def _runnable(solution: str | None) -> tuple[str, str]:
    """The canonical text, or the text as it is and the reason why it cannot run."""
    if solution is None or not solution.strip():
        return "", "no program: the text is empty"
    try:
        return canonical(solution), ""
    except SyntaxError as error:
        return solution, f"does not parse: {error.msg}"
