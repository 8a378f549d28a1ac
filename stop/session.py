"""A run from its folder to its last record: everything live that a RunConfig must not hold.

Owns: opening, resuming and replaying a run folder, threads, sandbox, model. Does not own: arguments and what is printed
(run), the loop (improve).
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stop.budget import RunMeter
from stop.cache import Answers, SharedReplies
from stop.frames import Run, load
from stop.improve import Recursion
from stop.ledger import Comparing, Differs, Writing, read_run, write_run
from stop.lineage import ImproverRun, Version
from stop.meta import Bench
from stop.model import LanguageModel, Request, open_model
from stop.records import BadFolder, Record, Records, check_seal
from stop.sandbox import Sandbox
from stop.scaffold import Scaffold, read_scaffold
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
        if any(p.name != "run.json.part" for p in out.iterdir()):
            raise BadFolder(f"--out {out}: holds other files and no run.json. Give another --out, or an empty folder.")
        return None
    found = _read(out)
    _check_same(plan.record(model_id), found, out)
    return found


def _check_writable(folder: Path, out: Path) -> None:
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


class Session:
    """A live run: all of it with `run`, or piece by piece with `score_seed`, `step` and `look_at_test`.

    A context manager; `close` ends every process and seals the folder.
    """

    def __init__(self, plan: Plan, tell: Callable[[str], None], notify: Callable[[str], None]) -> None:
        model = open_model(plan.config.model)
        out = plan.means.out
        found = check_out(plan, model.id)
        self.plan = plan
        with ExitStack() as stack:
            # the sandbox first: a run that may not start must leave nothing behind
            self._sandbox = stack.enter_context(Sandbox(unsafe=plan.means.unsafe))
            if not plan.means.unsafe:
                self._sandbox.require()
            out.mkdir(parents=True, exist_ok=True)
            if found is None:  # first of all files: a folder without it is not taken for a run
                write_run(out, plan.record(model.id))
            records = Records(out)
            stack.callback(records.close)
            stack.callback(records.seal)
            write_run(out, {**read_run(out), "config": plan.config.record()})
            for notice in records.notices:
                tell(notice)
            self._answers = Answers(records, _shared(stack, plan.means.cache))
            ledger = Writing(records)
            meter = RunMeter(plan.config.budget_calls, ledger.open(self._answers))
            bench = _bench(stack, plan, model, self._sandbox, self._answers, meter, notify)
            stack.callback(self._answers.stop)
            self._recursion = Recursion(bench, ledger, functools.partial(_source, out), tell)
            self._stack = stack.pop_all()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def recorded(self) -> Run:
        """What the folder holds so far, as data frames."""
        return load(self.plan.means.out)

    def run(self) -> None:
        """All steps that are still to be taken, then the look at test."""
        self.improve()
        self._recursion.look_at_test()

    def improve(self) -> None:
        """The seed's score and all steps that are still to be taken."""
        self._recursion.run(self.plan.scaffold, self.plan.config.generations)

    def on_test(self, scaffold: Scaffold) -> list[ImproverRun]:
        """Improver runs of any scaffold on test, for comparisons; they become no part of the run's records."""
        return self._recursion.on_test(scaffold)

    def score_seed(self) -> Version:
        """Version 0, scored on val."""
        return self._recursion.score_seed(self.plan.scaffold)

    def step(self) -> Version:
        """One self-improvement step; the child, whatever came of it."""
        return self._recursion.step()

    def look_at_test(self) -> None:
        """Scores the seed and the current version on test, once; the look is counted in run.json."""
        self._recursion.look_at_test()

    def abort(self) -> None:
        """Ends every process of the run at once; may be called from a signal handler."""
        self._answers.stop()
        self._sandbox.abort()

    def close(self) -> None:
        self._stack.close()


def begin(*names: str, out: str | Path, workers: int = 2, **settings: Any) -> Session:
    """A session for notebooks: tasks or sets by name (default quick), RunConfig's settings by keyword.

    Raises UnknownTask, UnknownScaffold, UnknownModel, BadFolder, SandboxError with one clear line.
    """
    tasks = find_tasks(list(names) or ["quick"])
    config = RunConfig(tasks=tuple(t.name for t in tasks), **settings)
    plan = Plan(config, tasks, read_scaffold(config.scaffold), Means(Path(out), workers))
    return Session(plan, tell=lambda event: None, notify=lambda what: None)


def _source(out: Path, sha: str) -> str:
    """The text of a recorded version."""
    return (out / "sources" / f"{sha}.py").read_bytes().decode("utf-8", "surrogatepass")


def _shared(stack: ExitStack, folder: Path | None) -> SharedReplies | None:
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    shared = SharedReplies(folder)
    stack.callback(shared.close)
    return shared


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
        recursion = Recursion(bench, comparing, functools.partial(_source, out), tell)
        try:
            for done in range(steps + 1):
                recursion.run(scaffold, done)
                if any(look["done"] and look["unit"] == f"test after step {done}" for look in run["looks"]["test"]):
                    recursion.look_at_test()
            comparing.close()
        except (Differs, LookupError, FileNotFoundError) as error:
            problems.append(str(error))
    return problems
