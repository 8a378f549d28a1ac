"""A live run: folder, threads, sandbox and model together, which a RunConfig must not hold.

Owns: opening and closing them in the right order. Does not own: arguments and what is printed (run), whether a folder
may take a run (plan), the loop (improve).
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from stop.budget import RunBudgetSpent, RunMeter
from stop.cache import Answers, SharedReplies, usual_folder
from stop.chain import BadFolder, Record, read_run, read_source
from stop.controls import as_control, check_control
from stop.frames import Run, load
from stop.godel import loop, read_agent
from stop.improve import Arm
from stop.ledger import Writing
from stop.lineage import ImproverRun, Version
from stop.meta import TRAIN_BLOCK, Bench
from stop.model import LanguageModel, Reply, Request, open_model
from stop.model.remote import MOST_IN_FLIGHT, RemoteModel, costs_money
from stop.plan import Means, Plan, check_budget, check_out, check_same, level, other_packages
from stop.progress import in_notebook
from stop.records import CannotWrite, Records
from stop.sandbox import Sandbox, SandboxError, unless_lost
from stop.scaffold import read_scaffold
from stop.scorer import Scorer
from stop.settings import CONTROL_CALLS, CONTROL_STEPS, GODEL, RunConfig, default_set
from stop.task import Task, as_found, find_tasks
from stop.utility import Alone, Utility


class Session:
    """A live run: all of it with `run`, or piece by piece with `score_seed`, `step` and `look_at_test`.

    A context manager; `close` ends every process and seals the folder.
    """

    def __init__(self, plan: Plan, tell: Callable[[str], None], notify: Callable[[str], None]) -> None:
        model = open_model(plan.config.model, plan.config.base_url)
        check_budget(plan.config, model)
        check_control(plan.config, plan.scaffold)
        check_out(plan, model.id)
        self.plan = plan
        self._begun = False
        self._model = model
        with ExitStack() as stack:
            if isinstance(model, RemoteModel):
                stack.callback(model.close)  # last of all: until then threads may ask it
            # first what may fail without a trace: a run that may not start must leave nothing behind
            self._sandbox = _sandbox(stack, plan.config.sandbox)
            instances = {task.name: _checked_instances(task, self._sandbox) for task in plan.tasks}
            records = self._records(stack, model, instances)
            shared = _shared(stack, plan.means, model)
            self._answers = Answers(records, shared)
            ledger = Writing(records, plan.means.look_again)
            self._meter = RunMeter(plan.config.budget, ledger.open(self._answers), records.time)
            made = bench(stack, plan, model, self._sandbox, self._answers, self._meter, notify)
            self._recursion = loop(plan.config)(made, ledger, functools.partial(read_source, plan.means.out), tell)
            records.put_run(_of_this_sitting(read_run(plan.means.out), plan, model))
            for notice in self._notices(records, model, shared):
                tell(notice)
            self._begun = True
            self._stack = stack.pop_all()

    def _records(self, stack: ExitStack, model: LanguageModel, instances: dict[str, str]) -> Records:
        """The folder, made if need be and locked; under the lock it is looked at once more."""
        out, run = self.plan.means.out, self.plan.record(model.id)
        for name, digest in instances.items():
            run["tasks"][name]["instances_sha"] = digest
        if isinstance(model, RemoteModel):
            run["price"] = asdict(model.price) if model.price else None
        try:
            records = Records(out, {**run, "confinement": self._sandbox.record})
        except OSError as error:
            raise BadFolder(f"--out {out}: {error.strerror or error}. Give another --out.") from None
        stack.push(functools.partial(self._leave, records))
        check_same(self.plan, model.id)
        _check_instances(self.plan, instances)
        return records

    def _leave(self, records: Records, kind: object, error: BaseException | None, trace: object) -> None:
        """Seals the folder. Of a new run that could not start it leaves nothing; no second error hides the first."""
        if records.new and not self._begun:
            records.discard()
            return
        try:
            if self._begun or records.was_sealed:  # else it stays as it was, perhaps with a unit that has no end
                records.seal()
        except CannotWrite:
            if error is None:
                raise
        finally:
            records.close()

    def _notices(self, records: Records, model: LanguageModel, shared: SharedReplies | None) -> list[str]:
        others = other_packages(self.plan, model.id)
        found = [*records.notices, *([f"made with other versions: {others}; new results may differ"] if others else [])]
        if costs_money(model) and not self.plan.config.budget_usd:
            found.append("no --budget-usd is set; --dry-run prints what this can cost")
        return [*found, *([f"replies are kept in {shared.folder}"] if shared else [])]

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def recorded(self) -> Run:
        """What the folder holds so far, as data frames."""
        return load(self.plan.means.out)

    def run(self) -> str:
        """All steps that are still to be taken, then the look at test. What ended the steps: done, or search_calls."""
        ended = ""
        try:
            self.improve()
        except RunBudgetSpent as spent:
            if spent.what != "search_calls" or not self._recursion.begun:
                raise
            ended = spent.what
        ended = ended or self._recursion.stopped
        self._recursion.look_at_test(ended)
        return ended or "done"

    def improve(self) -> None:
        """The seed's score and all steps that are still to be taken."""
        self._recursion.run(self.plan.scaffold, self.plan.config.generations)

    def compare(self, arms: Sequence[Arm]) -> dict[str, list[ImproverRun]]:
        """Improver runs on test of scaffolds that are no versions, under the arms' names: one look, counted.

        Recorded, so that the same comparison again is answered from the records and is no look.
        Raises LookedBefore if test was seen before, unless the session was begun with look_again.
        """
        return self._recursion.compare(arms)

    def score_seed(self) -> Version:
        """Version 0, scored on val."""
        return self._recursion.score_seed(self.plan.scaffold)

    def step(self) -> Version:
        """One self-improvement step; the child, whatever came of it."""
        return self._recursion.step()

    def look_at_test(self) -> None:
        """Scores the seed and the current version on test, once; the look is counted in run.json.

        Raises LookedBefore as `compare` does.
        """
        self._recursion.look_at_test()

    @property
    def model(self) -> LanguageModel:
        """The run's model for programs of one's own: within the run's budgets, and answered once.

        What is asked is kept in the run folder (pending.jsonl), and becomes part of its records if a step asks it too.
        """
        return _Metered(self._model, self._answers, self._meter)

    @property
    def calls_in_flight(self) -> int:
        """Requests that were sent, may cost money, and are not answered yet."""
        return self._meter.in_flight

    def abort(self) -> None:
        """Ends every process of the run at once; may be called from a signal handler."""
        self._answers.stop()
        self._meter.stop()
        if isinstance(self._model, RemoteModel):
            self._model.stop()
        self._sandbox.abort()

    def close(self) -> None:
        self._stack.close()


class _Metered:
    """A model whose replies are charged to a run and kept in its folder."""

    def __init__(self, model: LanguageModel, answers: Answers, meter: RunMeter) -> None:
        self.id, self.base_url = model.id, getattr(model, "base_url", "")
        self._model, self._answers, self._meter = model, answers, meter

    def reply(self, request: Request) -> Reply:
        """Raises RunBudgetSpent, ModelRefused, ModelUnavailable."""
        return self._answers.reply(self._model, request, self._meter, of_unit=False)


def begin(
    *names: str, out: str | Path, workers: int = 2, preset: str = "", cache: str | Path | None = None,
    no_cache: bool = False, look_again: bool = False, quiet: bool = False, **settings: Any,
) -> Session:  # fmt: skip
    """A session for notebooks: tasks or sets by name (default: the preset's or quick), RunConfig's settings by keyword.

    cache, no_cache: where replies are shared with other runs, as with --cache and --no-cache. look_again: test may be
    looked at although it was before, as with --look-again. control: as with --control, with the same calls by default.
    agent: closed or free, for what --mode godel does. The folder is that of a run: the command line goes on from it,
    and a session from what the command line left. In a notebook each cell at work says how far it is, unless quiet.
    Raises UnknownTask, UnknownPreset, BadTask, UnknownScaffold, UnknownModel, BadControl, BadPolicy, BadFolder,
    CannotWrite, SandboxError: one clear line.
    """
    tasks = find_tasks(list(names) or [default_set(preset)], preset)
    settings["sandbox"] = level(settings.get("sandbox", "auto"), Path(out))
    if settings.get("agent"):
        settings = {**GODEL, "scaffold": "godel", **settings}
    config = RunConfig.by_preset(preset, tasks=as_found(tasks), **settings)
    if config.control:
        calls, steps = config.search_calls or CONTROL_CALLS, settings.get("generations", CONTROL_STEPS)
        config = as_control(config, config.control, calls=calls, steps=steps)
    means = Means(Path(out), workers, Path(cache) if cache else None, no_cache, look_again)
    scaffold = read_agent(config.scaffold, tasks) if config.agent else read_scaffold(config.scaffold)
    plan = Plan(config, tasks, scaffold, means)
    shown = None if quiet else in_notebook()
    if shown is None:
        return Session(plan, tell=lambda event: None, notify=lambda what: None)
    return Session(plan, shown.tell, shown.notify)


def _sandbox(stack: ExitStack, level: str) -> Sandbox:
    """A sandbox that holds, as far as its own probes can tell. Raises SandboxError."""
    try:
        sandbox = stack.enter_context(unless_lost(lambda: Sandbox.of(level)))
        if sandbox.level != "none":
            unless_lost(sandbox.require)
    except OSError as error:  # no process or no temporary file to be had
        raise SandboxError(f"the sandbox cannot be set up: {error}. Put that right, or set TMPDIR.") from None
    return sandbox


def _checked_instances(task: Task, sandbox: Sandbox) -> str:
    """Names what the task's first block holds. Raises BadTask if it cannot be made, or not twice."""
    with contextlib.closing(Scorer(task, sandbox)) as scorer:
        return scorer.check("train", TRAIN_BLOCK)


def _of_this_sitting(run: Record, plan: Plan, model: LanguageModel) -> Record:
    """run.json with what may change at a resume. What was paid at an unknown price leaves the whole unknown."""
    run = {**run, "config": plan.config.record()}
    if isinstance(model, RemoteModel):
        price = asdict(model.price) if model.price else None
        run["price"] = price if run.get("price", {}) is not None else None
    return run


def _check_instances(plan: Plan, instances: dict[str, str]) -> None:
    """Whether tasks make today what they made when the run was begun: their files alone do not tell."""
    out = plan.means.out
    for name, task in read_run(out)["tasks"].items():
        if task.get("instances_sha", instances[name]) != instances[name]:
            raise BadFolder(
                f"--out {out}: task {name} does not make the instances of the run any more: its task.py is not "
                "deterministic, or another version of a package makes others. Give another --out."
            )


def _shared(stack: ExitStack, means: Means, model: LanguageModel) -> SharedReplies | None:
    folder = means.cache or (usual_folder() if costs_money(model) else None)
    if folder is None or means.no_cache:
        return None
    shared = SharedReplies(folder)
    stack.callback(shared.close)
    return shared


def bench(
    stack: ExitStack, plan: Plan, model: LanguageModel, sandbox: Sandbox, answers: Answers, meter: RunMeter,
    notify: Callable[[str], None],
) -> Bench:  # fmt: skip
    """Scorers and threads; on the way out the threads end first, so that no paid reply in flight is lost."""
    alone = Alone()
    utilities = [Utility(task, sandbox, answers, alone) for task in plan.tasks]
    threads = {"runner": plan.means.workers, "measurer": plan.means.workers}
    if isinstance(model, RemoteModel):
        # no more than may be sent at once: what waits for its turn is not begun, for budgets and for Ctrl-C
        threads["caller"] = min(MOST_IN_FLIGHT, model.limiter.most)
    pools = {name: ThreadPoolExecutor(most, thread_name_prefix=name) for name, most in threads.items()}
    for utility in utilities:
        stack.callback(utility.close)
    for pool in pools.values():
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
    return Bench(
        plan.config, utilities, model, sandbox, answers, meter, pools["runner"], pools["measurer"],
        pools.get("caller"), threading.Lock(), notify,
    )  # fmt: skip
