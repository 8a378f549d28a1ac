"""A run from its folder to its last record: everything live that a RunConfig must not hold.

Owns: opening, resuming and replaying a run folder, threads, sandbox, model. Does not own: arguments and what is printed
(run), the loop (improve).
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stop.budget import RunMeter
from stop.cache import Answers, SharedReplies
from stop.improve import Recursion
from stop.ledger import Comparing, Differs, Ledger, Writing, read_run
from stop.meta import Bench
from stop.model import LanguageModel, Request, open_model
from stop.records import BadFolder, Record, Records, check_seal, write_whole
from stop.sandbox import Sandbox
from stop.scaffold import Scaffold
from stop.settings import MAY_CHANGE, RunConfig
from stop.task import Task, find_tasks
from stop.utility import Alone, Utility

FORMAT = 1
PACKAGES = ("numpy", "msgpack", "scipy", "stop")
AXES = {  # the five axes of recursive self-improvement on which a run is placed
    "target": "the scaffold's own source; the model is fixed",
    "timing": "between improver runs, one version after the other",
    "mechanism": "the current version prompts the model to rewrite its own source and keeps the best by train",
    "context": "its own source and a description of the meta-utility; no history",
    "evidence": "mean of paired improver runs on a fresh val block; test only after the last step",
}


@dataclass(frozen=True)
class Means:
    """How a run is carried out: may differ at every resume, and changes no record."""

    out: Path
    workers: int
    cache: Path | None = None  # a folder for replies shared between runs
    unsafe: bool = False


@dataclass(frozen=True)
class Plan:
    """A checked run, before anything is created."""

    config: RunConfig
    tasks: Sequence[Task]
    scaffold: Scaffold
    means: Means

    def record(self, model_id: str) -> Record:
        """run.json of a new run."""
        return {
            "format": FORMAT,
            "config": self.config.record(),
            "model": model_id,
            "scaffold": self.scaffold.sha,
            "tasks": {t.name: {"sha": t.sha, "scorer_sha": t.scorer_sha} for t in self.tasks},
            "python": platform.python_version(),
            "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
            "axes": AXES,
            "looks": {"val": [], "test": []},
        }


def check_out(plan: Plan, model_id: str) -> Record | None:
    """run.json of the run that --out holds, None if there is none yet. Raises BadFolder if it cannot be used."""
    out = plan.means.out
    if not out.exists():
        parent = next(p for p in out.absolute().parents if p.exists())
        if not parent.is_dir():
            raise BadFolder(f"--out {out}: {parent} is not a folder. Give another --out.")
        _check_writable(parent, out)
        return None
    if not out.is_dir():
        raise BadFolder(f"--out {out}: is a file, not a folder. Give another --out.")
    _check_writable(out, out)
    if not (out / "run.json").is_file():
        if any(out.iterdir()):
            raise BadFolder(f"--out {out}: holds other files and no run.json. Give another --out, or an empty folder.")
        return None
    found = _read(out)
    _check_same(plan.record(model_id), found, out)
    return found


def _check_writable(folder: Path, out: Path) -> None:
    import os

    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadFolder(f"--out {out}: {folder} is not writable. Give another --out.")


def _read(out: Path) -> Record:
    try:
        return read_run(out)
    except FileNotFoundError:
        raise BadFolder(f"{out}: no run.json there. Give the folder of a run.") from None
    except ValueError as error:
        raise BadFolder(f"{out}/run.json: {error}. Start another run with --out.") from None


def _check_same(wanted: Record, found: Record, out: Path) -> None:
    """Refuses what would change the meaning of the records that are there, naming it."""
    pairs = [(f"config {k}", v, found["config"].get(k)) for k, v in wanted["config"].items() if k not in MAY_CHANGE]
    pairs += [(k, wanted[k], found.get(k)) for k in ("format", "model", "scaffold")]
    pairs += [(f"task {n}", t["sha"], found["tasks"].get(n, {}).get("sha")) for n, t in wanted["tasks"].items()]
    for name, now, then in pairs:
        if now != then:
            raise BadFolder(f"--out {out}: was made with {name} {then!r}, now it is {now!r}. Give another --out.")
    if wanted["config"]["generations"] < found["config"]["generations"]:
        raise BadFolder(
            f"--out {out}: has {found['config']['generations']} generations, now {wanted['config']['generations']} are "
            "asked for. More may be, fewer not."
        )


@contextmanager
def opened(plan: Plan, tell: Callable[[str], None], notify: Callable[[str], None]) -> Iterator[Session]:
    """A run folder opened for going on; everything is ended on the way out, and the folder sealed."""
    model = open_model(plan.config.model)
    out = plan.means.out
    found = check_out(plan, model.id)
    with ExitStack() as stack:
        # the sandbox first: a run that may not start must leave nothing behind
        sandbox = stack.enter_context(Sandbox(unsafe=plan.means.unsafe))
        if not plan.means.unsafe:
            sandbox.require()
        out.mkdir(parents=True, exist_ok=True)
        records = Records(out)
        stack.callback(records.close)
        stack.callback(records.seal)
        run = found or plan.record(model.id)
        run["config"] = plan.config.record()
        write_whole(out / "run.json", json.dumps(run, indent=1).encode())
        for notice in records.notices:
            tell(notice)
        shared = _shared(plan.means.cache)
        answers = Answers(records, shared)
        ledger = Writing(records)
        meter = RunMeter(plan.config.budget_calls, ledger.open(answers))
        bench = _bench(stack, plan, model, sandbox, answers, meter, notify)
        stack.callback(answers.stop)
        yield Session(plan, bench, ledger, tell)


class Session:
    """A live run: `start`, `step`, `finish`, or all of them with `run`."""

    def __init__(self, plan: Plan, bench: Bench, ledger: Ledger, tell: Callable[[str], None]) -> None:
        self.plan = plan
        self.bench = bench
        self.ledger = ledger
        self.recursion = Recursion(bench, ledger, self._source, tell)

    def run(self) -> None:
        """All steps that are still to be taken, then the look at test."""
        self.recursion.run(self.plan.scaffold, self.plan.config.generations)
        self.recursion.look_at_test()

    def abort(self) -> None:
        """Ends every process of the run at once; may be called from a signal handler."""
        self.bench.answers.stop()
        self.bench.sandbox.abort()

    def _source(self, sha: str) -> str:
        return (self.plan.means.out / "sources" / f"{sha}.py").read_bytes().decode("utf-8", "surrogatepass")


def _shared(folder: Path | None) -> SharedReplies | None:
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    return SharedReplies(folder)


def _bench(
    stack: ExitStack, plan: Plan, model: LanguageModel, sandbox: Sandbox, answers: Answers, meter: RunMeter,
    notify: Callable[[str], None],
) -> Bench:  # fmt: skip
    alone = Alone()
    utilities = [Utility(task, sandbox, answers, alone) for task in plan.tasks]
    pools = [ThreadPoolExecutor(plan.means.workers, thread_name_prefix=name) for name in ("runner", "measurer")]
    for pool in pools:
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
    for utility in utilities:
        stack.callback(utility.close)
    return Bench(
        plan.config, utilities, model, sandbox, answers, meter, pools[0], pools[1], threading.Lock(), notify
    )  # fmt: skip


class _NoModel:
    """Stands where the model stood: a replay asks nobody."""

    free = True

    def __init__(self, id: str) -> None:
        self.id = id

    def reply(self, request: Request) -> Any:
        raise AssertionError(f"a replay asked the model {self.id} for draw {request.draw}")


def replay(out: Path, means: Means, tell: Callable[[str], None], notify: Callable[[str], None]) -> list[str]:
    """Runs a recorded run again, answered from its records alone. What does not hold or differs; [] if nothing.

    Calls no model, measures no solution, writes nothing.
    """
    run = _read(out)
    config = RunConfig.of(run["config"])
    _, breaks = check_seal(out)
    problems = [str(b) for b in breaks]
    comparing = Comparing(out)
    answers = Answers(None)
    comparing.open(answers)
    tasks = find_tasks([*config.tasks])
    for task in tasks:
        if run["tasks"][task.name]["sha"] != task.sha:
            problems.append(f"task {task.name}: its files are not those of the run")
    source = out / "sources" / f"{run['scaffold']}.py"
    if not source.is_file():
        return [*problems, f"sources/{run['scaffold']}.py is missing: the seed scaffold of the run"]
    scaffold = Scaffold.checked(source.read_bytes().decode("utf-8", "surrogatepass"))
    steps = max(len(comparing.rows["lineage.jsonl"]), len(comparing.rows["decisions.jsonl"])) - 1
    plan = Plan(replace(config, generations=steps), tasks, scaffold, replace(means, out=out))
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(unsafe=means.unsafe))
        model = _NoModel(run["model"])
        bench = _bench(stack, plan, model, sandbox, answers, RunMeter(0, 0), notify)
        session = Session(plan, bench, comparing, tell)
        try:
            for done in range(steps + 1):
                session.recursion.run(scaffold, done)
                if any(look["done"] and look["unit"] == f"test after step {done}" for look in comparing.looked("test")):
                    session.recursion.look_at_test()
            comparing.close()
        except (Differs, LookupError, FileNotFoundError) as error:
            problems.append(str(error))
    return problems

