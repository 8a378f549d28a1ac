"""The scorer: a task's own code in a process of its own, which alone holds the hidden parts of instances.

Owns: inputs of a block, one score for one output, rebuilding the process when it dies, seeing that a block is the same
whenever it is made. Does not own: running solutions (utility), limits of solutions (task).
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stop.neutral import neutral
from stop.sandbox import Child, Limits, Ran, Sandbox, Text, unless_lost, wire
from stop.task import BadTask, Split, Task

ADAPTER = Path(__file__).parent / "sandbox" / "inside" / "scoring.py"
LIMITS = Limits(cpu_seconds=10.0, memory_mb=1024, result_kb=16_384)
MOST_REASON_CHARS = 200


@dataclass(frozen=True)
class Input:
    """The public part of one instance, packed: what a solution is called with; and a digest of what is hidden."""

    instance_id: str
    packed: bytes
    hidden_sha: str

    def difference(self, other: Input) -> str:
        """The first part that is not the same in another making of it; "" if there is none."""
        pairs = ("id", self.instance_id, other.instance_id), ("input", self.packed, other.packed)
        return next((name for name, a, b in (*pairs, ("hidden", self.hidden_sha, other.hidden_sha)) if a != b), "")


@dataclass(frozen=True)
class Scored:
    """A score in [0, score_cap], or the problem why there is none. incident: the scorer itself misbehaved.

    reason: what the task's explain() finds wrong with an output that has a score below 1.0; "" where it says nothing.
    """

    score: float = 0.0
    problem: str = ""
    incident: bool = False
    reason: str = ""


class Scorer:
    """One task's scorer. Thread-safe; its process starts when it is first needed."""

    def __init__(self, task: Task, sandbox: Sandbox) -> None:
        self.task = task
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._inputs: dict[tuple[str, int], tuple[Input, ...]] = {}
        self._present: set[tuple[str, int]] = set()  # blocks that the process which runs now has made

    def inputs(self, split: Split, block: int) -> tuple[Input, ...]:
        """The block's instances without their hidden parts. Raises BadTask if task.py cannot make them."""
        with self._lock:
            if (split, block) not in self._inputs:
                unless_lost(lambda: self._make(split, block))
            return self._inputs[split, block]

    def check(self, split: Split, block: int) -> str:
        """Names what the block holds, 12 hex digits. Raises BadTask if another process makes another block."""
        made = self.inputs(split, block)
        with self._lock:
            self._drop()
            for again in unless_lost(lambda: self._made_again(split, block)):
                self._compare(split, block, made, again)
            self._drop()
        parts = [part for one in made for part in (one.instance_id.encode(), one.packed, one.hidden_sha.encode())]
        return hashlib.sha256(wire.pack(parts)).hexdigest()[:12]

    def scores(self, split: Split, block: int, outputs: Sequence[tuple[int, bytes]]) -> list[Scored]:
        """One result per (index, packed output), in order. What breaks the scorer costs only its own score."""
        if not outputs:
            return []
        with self._lock:
            ran = self._score(split, block, outputs)
            if ran.status == "ok":
                return [self._checked(found) for found in self._list(ran.value(), len(outputs))]
            return [self._alone(split, block, index, packed) for index, packed in outputs]

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _make(self, split: Split, block: int) -> None:
        """Has the present process make the block, which must be the one that another made before."""
        found = self._instances(split, block, self._plain("scorer_inputs", split, block, seed=0))
        self._compare(split, block, self._inputs.setdefault((split, block), found), found)
        self._present.add((split, block))

    def _made_again(self, split: Split, block: int) -> list[tuple[Input, ...]]:
        # with other random numbers: instances that follow from the state of `random` are not the task's own
        found = self._list(self._plain("scorer_again", split, block, seed=1), 2)
        return [self._instances(split, block, one) for one in found]

    def _plain(self, entry: str, split: Split, block: int, *, seed: int) -> object:
        """What the adapter says of a block. Raises BadTask if it says what is wrong with it."""
        ran = self._call(entry, split, block, seed=seed)
        found = ran.value() if ran.status == "ok" else f"{ran.status}, {ran.detail}"
        if isinstance(found, str):
            raise self._bad(f"task.py makes no {split} instances: {found}.")
        return found

    def _instances(self, split: Split, block: int, rows: object) -> tuple[Input, ...]:
        found = tuple(Input(*row) for row in self._list(rows, self.task.instances[split]))
        ids = [one.instance_id for one in found]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise self._bad(f"two instances of {split} block {block} have the id {twice[0]!r}.")
        return found

    def _compare(self, split: Split, block: int, before: Sequence[Input], now: Sequence[Input]) -> None:
        for index, (a, b) in enumerate(zip(before, now, strict=True)):
            if a != b:
                raise self._bad(
                    f"instance {index} of {split} block {block} differs between two calls of instances(), in its "
                    f"{a.difference(b)}: it must follow from split, block and seed alone."
                )

    def _bad(self, fault: str) -> BadTask:
        return BadTask(f"task {self.task.path}: {fault} Mend task.py; python -m stop.tasks {self.task.path} tries it.")

    def _score(self, split: Split, block: int, outputs: Sequence[tuple[int, bytes]]) -> Ran:
        def once() -> Ran:
            if (split, block) not in self._present:
                self._make(split, block)
            return self._call("scorer_scores", split, block, [[i, packed] for i, packed in outputs], seed=0)

        return unless_lost(once)

    def _alone(self, split: Split, block: int, index: int, packed: bytes) -> Scored:
        ran = self._score(split, block, [(index, packed)])
        if ran.status != "ok":
            return Scored(problem=f"the scorer failed: {ran.status}, {ran.detail}", incident=True)
        return self._checked(self._list(ran.value(), 1)[0])

    def _checked(self, found: object) -> Scored:
        if isinstance(found, str):
            return Scored(problem=found)
        found, said = found if isinstance(found, list) and len(found) == 2 else (found, "")
        reason = neutral(str(said)[:MOST_REASON_CHARS])[:MOST_REASON_CHARS]
        if not isinstance(found, float) or not math.isfinite(found) or not 0.0 <= found <= self.task.score_cap:
            return Scored(
                problem=f"the scorer gave {found!r}, not a number in [0, {self.task.score_cap:g}]", incident=True
            )
        if found > 1.0 and not self.task.open:
            return Scored(problem=f"score {found!r} is above the proved optimum 1.0", incident=True)
        return Scored(score=found, reason=reason)

    def _call(self, entry: str, split: str, block: int, *more: object, seed: int) -> Ran:
        """Raises SandboxError, and then the next call starts another process."""
        try:
            child = self._child = self._child or self._started()
            arguments = [split, block, self.task.instances[split], self.task.seed, *more]
            ran = child.call(entry, wire.pack(arguments), seed=seed)
        except BaseException:
            self._drop()
            raise
        if ran.status not in ("ok", "error") or child.loaded.status != "ok":
            self._drop()  # it is built again by the next call
        return ran

    def _started(self) -> Child:
        texts = [Text(name, source) for name, source in self.task.scorer_texts]
        adapter = Text("scoring.py", ADAPTER.read_text(encoding="utf-8"))
        return self._sandbox.start(*texts, adapter, limits=LIMITS)

    def _drop(self) -> None:
        self._present.clear()
        if self._child is not None:
            self._child.close()
            self._child = None

    def _list(self, found: object, length: int) -> list:
        """What the adapter returned. It is our own code, yet a task's code runs beside it: check all the same."""
        if not isinstance(found, list) or len(found) != length:
            shown = f"{len(found)} values" if isinstance(found, list) else type(found).__name__
            raise BadTask(f"task {self.task.path}: task.py made {shown} instead of {length} values.")
        return found
