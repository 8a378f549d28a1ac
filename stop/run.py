"""`python -m stop.run`: one command from a task set to a lineage.

Owns: what is printed, exit statuses, signals, the closing block. Does not own: options (arguments), the run (session).
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from stop.arguments import (
    AGENTS,
    WITH_LIKE,
    WITH_REPLAY,
    WRONG_USAGE,
    means_fault,
    mode_fault,
    run_parser,
    surplus,
    workers,
)

if TYPE_CHECKING:
    from stop.frames import Run
    from stop.plan import Means, Plan
    from stop.session import Session

COMMAND = "python -m stop.run"

UNSAFE = (
    "WARNING: --unsafe-no-sandbox: generated programs run as you, with your files, network and keys. "
    "Only for programs that you would run yourself."
)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = run_parser().checked(argv)
    return carried_out(COMMAND, arguments, lambda: _replay(arguments) if arguments.replay else _planned(arguments))


def carried_out(command: str, arguments: argparse.Namespace, work: Callable[[], int]) -> int:
    """The exit status of a command that opens a run; whatever may go wrong is one line that begins with its name."""
    if fault := means_fault(arguments):
        return wrong(command, fault, WRONG_USAGE)
    if arguments.unsafe_no_sandbox:
        print(UNSAFE, file=sys.stderr)
    from stop.chain import BadFolder
    from stop.choose import BadPolicy
    from stop.controls import BadControl
    from stop.model import ModelError, UnknownModel
    from stop.records import CannotWrite
    from stop.sandbox import SandboxError
    from stop.scaffold import BadScaffold, UnknownScaffold
    from stop.task import BadTask, UnknownPreset, UnknownTask

    try:
        return work()
    except (BadFolder, BadTask, UnknownTask, UnknownPreset, BadScaffold, UnknownScaffold, UnknownModel) as error:
        return wrong(command, error, WRONG_USAGE)
    except (BadControl, BadPolicy) as error:
        return wrong(command, error, WRONG_USAGE)
    except (SandboxError, CannotWrite, ModelError) as error:
        return wrong(command, error, 1)
    except KeyboardInterrupt:
        return wrong(command, "interrupted; what was finished is saved.", 130)


def wrong(command: str, error: Exception | str, status: int) -> int:
    """Says what went wrong, in one line; gives back the status."""
    from stop.neutral import neutral

    print(f"{command}: {neutral(str(error))}", file=sys.stderr)
    return status


def _planned(arguments: argparse.Namespace) -> int:
    from stop.controls import check_control
    from stop.model import open_model
    from stop.plan import check_budget, check_out

    if arguments.like is not None and not arguments.control:
        return wrong(COMMAND, "--like goes with --control ARM: which control of that run?", WRONG_USAGE)
    if fault := mode_fault(arguments):
        return wrong(COMMAND, fault, WRONG_USAGE)
    plan = _plan_like(arguments) if arguments.like is not None else _plan(arguments)
    check_control(plan.config, plan.scaffold)
    model = open_model(plan.config.model, plan.config.base_url)
    check_budget(plan.config, model)
    resumed = check_out(plan, model.id)
    if arguments.dry_run:
        from stop.forecast import forecast

        print(forecast(plan, model))
        return 0
    return _run(plan, resumed)


def _plan(arguments: argparse.Namespace) -> Plan:
    """The run that the arguments describe. Creates nothing."""
    from stop.controls import as_control
    from stop.godel import read_agent
    from stop.plan import Plan, level
    from stop.scaffold import read_scaffold
    from stop.settings import BUDGETS, BY_OPTION, CONTROL_CALLS, CONTROL_STEPS, GODEL, RunConfig, default_set
    from stop.task import as_found, find_tasks

    names = arguments.tasks or [default_set(arguments.preset)]
    tasks = find_tasks(names, arguments.preset)
    first = _first_version(arguments)
    scaffold = read_agent(first, tasks) if arguments.mode == "godel" else read_scaffold(first)
    settings: dict[str, Any] = {k: getattr(arguments, k) for k in (*BUDGETS, *BY_OPTION)}
    if arguments.no_canary:
        settings["canary"] = False
    if arguments.mode == "godel":
        given = {k: v for k, v in settings.items() if v is not None}
        settings = {**GODEL, "agent": arguments.agent or AGENTS[0], **given}
    elif arguments.repeats:
        settings["test_repeats"] = 2 * arguments.repeats + 2  # as the defaults are: 3 and 8
    out = Path(arguments.out) if arguments.out else _default_out(names, arguments)
    config = RunConfig.by_preset(
        arguments.preset,
        tasks=as_found(tasks), model=arguments.model, base_url=arguments.base_url.rstrip("/"),
        scaffold=first, policy=arguments.policy,
        seed=arguments.seed, sandbox=level(asked_level(arguments), out),
        **{k: v for k, v in settings.items() if v is not None},
    )  # fmt: skip
    if arguments.control:
        steps = CONTROL_STEPS if arguments.generations is None else arguments.generations
        config = as_control(config, arguments.control, calls=CONTROL_CALLS, steps=steps)
    return Plan(config, tasks, scaffold, means(out, arguments))


def _first_version(arguments: argparse.Namespace) -> str:
    """The scaffold's or agent's name."""
    return str(arguments.scaffold or ("godel" if arguments.mode == "godel" else "seed"))


def _plan_like(arguments: argparse.Namespace) -> Plan:
    """The control of a recorded run. Creates nothing."""
    from stop.controls import BadControl
    from stop.like import default_out, find_run, like
    from stop.plan import level

    if given := surplus(arguments, WITH_LIKE):
        raise BadControl(f"--like takes the settings of RUN, and its calls; {given} cannot be given beside it.")
    run = find_run(arguments.like)
    out = Path(arguments.out) if arguments.out else default_out(run, arguments.control)
    plan = like(run, arguments.control, means(out, arguments), level(asked_level(arguments), out))
    usd, minutes = arguments.budget_usd or 0.0, arguments.budget_minutes or 0.0
    return replace(plan, config=replace(plan.config, budget_usd=usd, budget_minutes=minutes))


def means(out: Path, arguments: argparse.Namespace) -> Means:
    """How the run is carried out."""
    from stop.plan import Means

    cache = Path(arguments.cache) if arguments.cache else None
    return Means(out, workers(arguments.workers), cache, arguments.no_cache, arguments.look_again)


def asked_level(arguments: argparse.Namespace) -> str:
    return "none" if arguments.unsafe_no_sandbox else arguments.sandbox


def _default_out(names: Sequence[str], arguments: argparse.Namespace) -> Path:
    return usual_out(
        names_of(names),
        arguments.model,
        arguments.preset,
        _kind(arguments),
        f"s{arguments.seed}",
        arguments.control or "",
    )


def _kind(arguments: argparse.Namespace) -> str:
    return f"godel-{arguments.agent or AGENTS[0]}" if arguments.mode == "godel" else ""


def names_of(tasks: Sequence[str]) -> str:
    """Tasks, sets or paths as a part of a folder's name."""
    return "+".join(Path(name).name for name in tasks)


def usual_out(*parts: str) -> Path:
    """Where a run goes if nothing is said; parts that are empty are left out."""
    named = "-".join(part for part in parts if part)
    return Path("results") / "".join(c if c.isalnum() or c in "+-_." else "-" for c in named)


def _run(plan: Plan, resumed: bool) -> int:
    from stop.closing import block, ended, finished
    from stop.frames import load

    if resumed and finished(plan):
        run = load(plan.means.out)
        print(block(run, ended(run)))
        return 0
    what = f"run {plan.means.out}: {_what(plan)}" + " (resumed)" * resumed
    found = in_session(COMMAND, plan, what, lambda session: session.run())
    if found.stopped:
        run = load(plan.means.out)
        _report(run)
        print(block(run, found.stopped))
    return found.status


def _report(run: Run) -> None:
    """Writes report.html. The records are whole without it: whatever is in its way is told, and fails nothing."""
    from stop.report import NAME, write

    try:
        write([run], run.path / NAME)
    except Exception as error:  # noqa: BLE001
        wrong(COMMAND, f"no {NAME} was written: {error}. All else is saved; try python -m stop.report {run.path}.", 0)


@dataclass(frozen=True)
class Ended:
    """What a session came to: exit status; done, or the budget that ended it; nothing if something went wrong."""

    status: int
    stopped: str = ""


def in_session(command: str, plan: Plan, what: str, work: Callable[[Session], str]) -> Ended:
    """Does the work in a live run. What was finished is kept whatever happens, and all but errors of ours is told."""
    from stop.budget import RunBudgetSpent
    from stop.chain import BadFolder
    from stop.ledger import LookedBefore
    from stop.progress import Progress
    from stop.session import Session
    from stop.task import BadTask

    stopped = "done"
    with (
        Progress() as progress,
        _signals() as interrupted,
        Session(plan, progress.tell, progress.notify) as session,
    ):
        progress.tell(what)
        try:
            interrupted.watch(session)
            stopped = work(session)
        except (BadFolder, BadTask) as error:
            return Ended(wrong(command, error, WRONG_USAGE if isinstance(error, LookedBefore) else 1))
        except RunBudgetSpent as spent:
            stopped = spent.what
            progress.tell(f"stopped: {spent}; the step in flight is abandoned, its replies are kept")
        except Exception:
            if not interrupted.happened:
                raise
    if interrupted.happened:
        print(f"interrupted; everything is saved. To go on: {_again(command)}", file=sys.stderr)
        return Ended(130)
    return Ended(0, stopped)


def _what(plan: Plan) -> str:
    c = plan.config
    steps = f"at most {c.search_calls} calls, control {c.control}" if c.control else f"{c.generations} steps"
    return f"{len(plan.tasks)} tasks, {steps}"


class _signals:
    """Ctrl-C and SIGTERM end every process of the run at once; what was finished is kept.

    Replies that are paid for are waited for; a second signal gives them up, as a kill would.
    """

    def __init__(self) -> None:
        self.happened = False
        self._session: Session | None = None

    def __enter__(self) -> _signals:
        self._before = {s: signal.signal(s, self._handle) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> bool:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        return self.happened

    def watch(self, session: Session) -> None:
        self._session = session

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.happened:
            os.write(2, b"gave up the replies in flight; all else is saved.\n")
            os._exit(130)
        self.happened = True
        if self._session is not None:
            self._session.abort()
            if waiting := self._session.calls_in_flight:
                os.write(2, b"waiting for %d replies that may be paid for; once more to give them up.\n" % waiting)
        raise KeyboardInterrupt


def _again(command: str) -> str:
    return shlex.join([*command.split(), *sys.argv[1:]])


def _replay(arguments: argparse.Namespace) -> int:
    from stop.neutral import neutral
    from stop.progress import Progress
    from stop.replay import replay

    if not arguments.out:
        return wrong(COMMAND, "--replay needs --out, the folder of a recorded run.", WRONG_USAGE)
    if given := surplus(arguments, WITH_REPLAY):
        return wrong(COMMAND, f"--replay takes its settings from run.json, not {given}.", WRONG_USAGE)
    out = Path(arguments.out)
    with Progress() as progress:
        problems = replay(means(out, arguments), asked_level(arguments), progress.tell, progress.notify)
    for problem in problems:
        print(f"differs: {neutral(problem)}", file=sys.stderr)
    print(f"replay of {out}: {'equal' if not problems else 'differs'}")
    return 1 if problems else 0


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the host multiplies no matrices
    from stop.show import piped

    raise SystemExit(piped(main))
