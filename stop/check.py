"""The contract of a task folder, checked one point after the other: for somebody who is writing a task.

Owns: what is checked, and what to do about each fault. Does not own: task folders (task), hostile outputs (hostile),
printing (tasks). tests/test_task_folders.py asks the same of every task of this repository, and more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stop.cache import Answers
from stop.draw import instance_seed
from stop.hostile import hostile_outputs
from stop.records import Records
from stop.sandbox import Limits, Ran, Sandbox, Text, wire
from stop.scorer import LIMITS
from stop.task import FILES, PLACEHOLDER, SPLITS, BadTask, Split, Task, check_preset, limits_sentence, read_task
from stop.tasks import NOT_SAID, meaning
from stop.utility import Alone, Utility

BLOCKS: tuple[tuple[Split, int], ...] = (
    ("train", 0), ("train", 1), ("val", 0), ("val", 1), ("val", 2), ("test", 0),
)  # fmt: skip
MOST_CPU_SECONDS_A_BLOCK = 5.0  # half of what the scorer may take


class Fault(Exception):
    """What is wrong, and the next step."""


@dataclass(frozen=True)
class Finding:
    """One point of the contract. ok: whether it is kept; said: what was seen, or what is wrong and the next step."""

    name: str
    ok: bool
    said: str


@dataclass(frozen=True)
class Bench:
    """A task and what it is tried with."""

    task: Task
    sandbox: Sandbox
    utility: Utility


def findings(path: Path, preset: str, sandbox: Sandbox) -> Iterator[Finding]:
    """Each point as it is checked; after one that all others need there is no other. Raises UnknownPreset."""
    try:
        task = read_task(path, preset)
    except BadTask as error:
        yield Finding("files", False, str(error))
        return
    check_preset(preset, [task])
    yield Finding("files", True, ", ".join(FILES))
    with tempfile.TemporaryDirectory() as folder:
        records = Records(Path(folder))
        bench = Bench(task, sandbox, Utility(task, sandbox, Answers(records), Alone()))
        try:
            for name, check in CHECKS.items():
                found = _finding(name, check, bench)
                yield found
                if not found.ok and name in NEEDED:
                    return
        finally:
            bench.utility.close()
            records.close()


def _finding(name: str, check: Callable[[Bench], str], bench: Bench) -> Finding:
    try:
        return Finding(name, True, check(bench))
    except (Fault, BadTask) as error:
        return Finding(name, False, str(error))


# -- words -------------------------------------------------------------------------------------------------------------
def _readme(bench: Bench) -> str:
    said = meaning(bench.task)
    if said == NOT_SAID:
        raise Fault("does not say what a full score is. Begin a paragraph of README.md with **1.0 means**.")
    return f"1.0 means {said}"


def _statement(bench: Bench) -> str:
    task = bench.task
    if task.entry not in task.statement:
        raise Fault(f"does not name {task.entry!r}, the function to be written. Say in statement.md what it gets.")
    if limits_sentence(task.cpu_seconds_per_instance, task.memory_mb, task.instances, task.independent) not in (
        task.statement
    ):
        raise Fault("does not state the limits. Write {limits} on a line of its own in statement.md.")
    if PLACEHOLDER.search(task.statement):
        raise Fault("holds braces after it was filled. Write {limits} and sizes of task.toml in braces alone.")
    return f"names {task.entry}; the limits are filled in from task.toml"


# -- instances ---------------------------------------------------------------------------------------------------------
def _instances(bench: Bench) -> str:
    """Every block is made in time; ids and inputs differ within and between blocks."""
    seen: dict[bytes, str] = {}
    slowest = 0.0
    for split, block in BLOCKS:
        inputs = bench.utility.scorer.inputs(split, block)
        slowest = max(slowest, _ran_apart(bench.task, bench.sandbox, split, block).cpu_seconds)
        for one in inputs:
            where = f"{split} block {block}"
            if one.packed in seen:
                raise Fault(
                    f"an input of {where} is in {seen[one.packed]} too. Seed the random numbers of each instance with "
                    "split, block, seed and index, and let there be more different instances."
                )
            seen[one.packed] = where
    if slowest > MOST_CPU_SECONDS_A_BLOCK:
        most = MOST_CPU_SECONDS_A_BLOCK
        raise Fault(f"a block takes {slowest:.1f} s of CPU time; {most:g} s are allowed. Make smaller instances.")
    return f"{len(seen)} different ones in {len(BLOCKS)} blocks of all splits; {slowest:.2f} s of CPU time at most"


def _deterministic(bench: Bench) -> str:
    for split in SPLITS:
        bench.utility.scorer.check(split, 0)
    return "the same in another process, with other random numbers, on another day"


def _reference(bench: Bench) -> str:
    """What 1.0 is worth is said by its method; a solution that is kept in hidden scores it."""
    hidden = [one["hidden"] for one in made(bench.task, bench.sandbox, "val", 0)]
    methods = [one.get("method", "") if isinstance(one, dict) else "" for one in hidden]
    if not all(type(method) is str and method for method in methods):
        raise Fault("hidden has no 'method': the words for how the best known value was found. Add them in task.py.")
    if bench.task.open != any("not proved" in method for method in methods):
        raise Fault(
            f"open = {str(bench.task.open).lower()}, but the method says {methods[0]!r}. Say 'not proved' if open."
        )
    solved = sum("solution" in one for one in hidden)
    if not solved:
        return methods[0]
    if solved < len(hidden):
        raise Fault(f"only {solved} of {len(hidden)} hidden parts have a 'solution'. Give all of them one, or none.")
    outputs = [(i, wire.pack(one["solution"])) for i, one in enumerate(hidden)]
    scores = [found.score for found in bench.utility.scorer.scores("val", 0, outputs)]
    if set(scores) != {1.0}:
        raise Fault(
            f"the solution in hidden scores {min(scores):.4f}, not 1.0. Mend score() or the solution in task.py."
        )
    return f"{methods[0]}; the solution in hidden scores 1.0"


def made(task: Task, sandbox: Sandbox, split: Split, block: int) -> list[dict]:
    """A block with its hidden parts, made apart from the scorer. Raises Fault if it is no plain data."""
    ran = _ran_apart(task, sandbox, split, block)
    found = ran.value() if ran.status == "ok" else None
    if not isinstance(found, list):
        raise Fault(f"the hidden parts cannot be looked at: {ran.status}, {ran.detail}. Keep plain data in them.")
    return found


def _ran_apart(task: Task, sandbox: Sandbox, split: Split, block: int) -> Ran:
    """What came of instances() in a process of its own."""
    texts = [Text(name, source) for name, source in task.scorer_texts]
    with sandbox.start(*texts, limits=LIMITS) as child:
        return child.call("instances", wire.pack([split, block, task.instances[split], task.seed]), seed=0)


# -- programs and outputs ----------------------------------------------------------------------------------------------
def _seed(bench: Bench) -> str:
    """It runs on every split with less than half of its limits, and leaves room."""
    task, told = bench.task, []
    for split in SPLITS:
        found = bench.utility.evaluate(task.seed_source, split, 0)
        failed = next((o for o in found.outcomes if o.status != "scored"), None)
        if failed:
            what = "score() in task.py, or what seed.py returns" if failed.status == "unscorable" else "seed.py"
            raise Fault(f"fails on {failed.instance_id}: {failed.status}, {failed.detail}. Mend {what}.")
        if not 0.0 < found.score < 1.0:
            raise Fault(
                f"scores {found.score:.4f} on {split}; it must lie between 0 and 1. Make seed.py stronger or weaker."
            )
        if found.near_limit:
            raise Fault(f"takes more than half of cpu_seconds_per_instance on {split}. Raise that limit in task.toml.")
        told.append(f"{found.score:.4f} on {split} ({1000 * found.cpu_seconds / len(found.outcomes):.1f} ms each)")
    return ", ".join(told)


def _hostile(bench: Bench) -> str:
    """Wrong outputs score 0, cost no other output its score, and are no incident."""
    scorer, outputs = bench.utility.scorer, hostile(bench)
    for packed, found in zip(outputs, scorer.scores("val", 0, [(0, packed) for packed in outputs]), strict=True):
        if found.incident:
            raise Fault(
                f"score() does not take {shown(packed)}: {found.problem}. Check types and sizes first; return 0.0."
            )
        if found.score:
            raise Fault(f"score() gives {found.score:.4f} for {shown(packed)}. Compare exact types: type(x) is int.")
    return f"{len(outputs)} wrong outputs score 0"


def _explained(bench: Bench) -> str:
    """Every output of a wrong type has a reason; of the right type, some may be merely bad."""
    if not any(line.startswith("def explain(") for line in bench.task.scorer_source.splitlines()):
        return "there is no explain() in task.py: the report gives no reasons (it need not)"
    right = type(seed_answer(bench))
    outputs = [packed for packed in hostile(bench) if type(unpacked(packed)) is not right]
    scored = bench.utility.scorer.scores("val", 0, [(0, packed) for packed in outputs])
    for packed, found in zip(outputs, scored, strict=True):
        if not found.reason and not found.problem:
            raise Fault(f"explain() says nothing of {shown(packed)}, or fails. Let it check what score() checks.")
    return f"every output of a wrong type has a reason; the first: {scored[0].reason}"


def _shown(bench: Bench) -> str:
    """The code that an improver is shown scores the seed's answer as the scorer does, which scores it so every time."""
    task = bench.task
    code = task.text.split("```python\n")[-1].split("```")[0]
    one, answer = made(task, bench.sandbox, "val", 0)[0], seed_answer(bench)
    with bench.sandbox.start(Text("shown.py", code), limits=LIMITS) as child:
        ran = child.call("score", wire.pack([one, answer]), seed=0)
    first, again = bench.utility.scorer.scores("val", 0, [(0, wire.pack(answer))] * 2)
    if first != again:
        raise Fault(
            f"one output scores {first.score:.4f}, then {again.score:.4f}. Let score() use its arguments alone."
        )
    if ran.status != "ok" or ran.value() != first.score:
        raise Fault(
            f"the code shown to improvers does not score alone: {ran.status}, {ran.detail}. Use plain functions."
        )
    return f"{len(code.splitlines())} lines of code, which score as the scorer does"


def seed_answer(bench: Bench) -> object:
    """What the seed answers to the first instance of val. Raises Fault if it fails there."""
    task = bench.task
    packed, seed = bench.utility.scorer.inputs("val", 0)[0].packed, instance_seed(task.name, "val", 0, 0)
    limits = Limits(task.cpu_seconds_per_instance, task.memory_mb)
    with bench.sandbox.start(Text("seed.py", task.seed_source), limits=limits) as child:
        ran = child.call(task.entry, packed, seed=seed)
    if ran.status != "ok":
        raise Fault(f"seed.py fails: {ran.status}, {ran.detail}. Mend it.")
    return ran.value()


def hostile(bench: Bench) -> list[bytes]:
    """Wrong outputs for the first instance of val."""
    arguments = wire.unpack(bench.utility.scorer.inputs("val", 0)[0].packed)
    assert isinstance(arguments, list)
    return hostile_outputs(arguments, seed_answer(bench))


def unpacked(packed: bytes) -> object:
    """The output, or the error that says why it is none."""
    try:
        return wire.unpack(packed)
    except wire.WireError as error:
        return error


def shown(packed: bytes) -> str:
    """An output as a line names it."""
    return repr(unpacked(packed))[:60]


CHECKS: dict[str, Callable[[Bench], str]] = {
    "readme": _readme, "statement": _statement, "instances": _instances, "deterministic": _deterministic,
    "reference": _reference, "seed": _seed, "hostile": _hostile, "explain": _explained, "shown": _shown,
}  # fmt: skip
NEEDED = ("instances", "seed")  # by those behind them
