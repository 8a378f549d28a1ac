"""`python -m stop.run`: one command from a task set to a lineage.

Owns: what is printed, exit statuses, signals, the closing block. Does not own: options (arguments), the run (session).
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from stop.arguments import WITH_LIKE, WITH_REPLAY, WRONG_USAGE, run_parser, surplus, workers

if TYPE_CHECKING:
    from stop.plan import Means, Plan
    from stop.session import Session

UNSAFE = (
    "WARNING: --unsafe-no-sandbox: generated programs run as you, with your files, network and keys. "
    "Only for programs that you would run yourself."
)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = run_parser().checked(argv)
    if arguments.unsafe_no_sandbox and arguments.sandbox != "auto":
        return _wrong("--sandbox and --unsafe-no-sandbox exclude each other. Give one of them.", WRONG_USAGE)
    if arguments.cache and arguments.no_cache:
        return _wrong("--cache and --no-cache exclude each other. Give one of them.", WRONG_USAGE)
    if "" in (arguments.out, arguments.cache):
        return _wrong("--out and --cache take a folder, not an empty text. Is a variable unset?", WRONG_USAGE)
    if arguments.unsafe_no_sandbox:
        print(UNSAFE, file=sys.stderr)
    if arguments.like is not None and not arguments.control:
        return _wrong("--like goes with --control ARM: which control of that run?", WRONG_USAGE)
    from stop.chain import BadFolder
    from stop.controls import BadControl
    from stop.model import ModelError, UnknownModel
    from stop.records import CannotWrite
    from stop.sandbox import SandboxError
    from stop.scaffold import BadScaffold, UnknownScaffold
    from stop.task import BadTask, UnknownPreset, UnknownTask

    try:
        return _replay(arguments) if arguments.replay else _planned(arguments)
    except (BadFolder, BadTask, UnknownTask, UnknownPreset, BadScaffold, UnknownScaffold, UnknownModel) as error:
        return _wrong(error, WRONG_USAGE)
    except BadControl as error:
        return _wrong(error, WRONG_USAGE)
    except (SandboxError, CannotWrite, ModelError) as error:
        return _wrong(error, 1)
    except KeyboardInterrupt:
        return _wrong("interrupted; what was finished is saved.", 130)


def _wrong(error: Exception | str, status: int) -> int:
    from stop.neutral import neutral

    print(f"python -m stop.run: {neutral(str(error))}", file=sys.stderr)
    return status


def _planned(arguments: argparse.Namespace) -> int:
    from stop.controls import check_control
    from stop.model import open_model
    from stop.plan import check_budget, check_out

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
    from stop.plan import Plan, level
    from stop.scaffold import read_scaffold
    from stop.settings import BUDGETS, BY_OPTION, CONTROL_CALLS, CONTROL_STEPS, RunConfig, default_set
    from stop.task import as_found, find_tasks

    names = arguments.tasks or [default_set(arguments.preset)]
    tasks = find_tasks(names, arguments.preset)
    scaffold = read_scaffold(arguments.scaffold)
    settings: dict[str, Any] = {k: getattr(arguments, k) for k in (*BUDGETS, *BY_OPTION)}
    if arguments.no_canary:
        settings["canary"] = False
    if arguments.repeats:
        settings["test_repeats"] = 2 * arguments.repeats + 2  # as the defaults are: 3 and 8
    out = Path(arguments.out) if arguments.out else _default_out(names, arguments)
    config = RunConfig.by_preset(
        arguments.preset,
        tasks=as_found(tasks), model=arguments.model, base_url=arguments.base_url.rstrip("/"),
        scaffold=arguments.scaffold, policy=arguments.policy,
        seed=arguments.seed, sandbox=level(_asked_level(arguments), out),
        **{k: v for k, v in settings.items() if v is not None},
    )  # fmt: skip
    if arguments.control:
        steps = CONTROL_STEPS if arguments.generations is None else arguments.generations
        config = as_control(config, arguments.control, calls=CONTROL_CALLS, steps=steps)
    return Plan(config, tasks, scaffold, _means(arguments, out))


def _plan_like(arguments: argparse.Namespace) -> Plan:
    """The control of a recorded run. Creates nothing."""
    from stop.controls import BadControl
    from stop.like import default_out, find_run, like
    from stop.plan import level

    if given := surplus(arguments, WITH_LIKE):
        raise BadControl(f"--like takes the settings of RUN, and its calls; {given} cannot be given beside it.")
    run = find_run(arguments.like)
    out = Path(arguments.out) if arguments.out else default_out(run, arguments.control)
    plan = like(run, arguments.control, _means(arguments, out), level(_asked_level(arguments), out))
    usd, minutes = arguments.budget_usd or 0.0, arguments.budget_minutes or 0.0
    return replace(plan, config=replace(plan.config, budget_usd=usd, budget_minutes=minutes))


def _means(arguments: argparse.Namespace, out: Path) -> Means:
    from stop.plan import Means

    cache = Path(arguments.cache) if arguments.cache else None
    return Means(out, workers(arguments.workers), cache, arguments.no_cache)


def _asked_level(arguments: argparse.Namespace) -> str:
    return "none" if arguments.unsafe_no_sandbox else arguments.sandbox


def _default_out(names: Sequence[str], arguments: argparse.Namespace) -> Path:
    named = "+".join(Path(n).name for n in names), arguments.model, arguments.preset, f"s{arguments.seed}"
    parts = [part for part in (*named, arguments.control) if part]
    return Path("results") / "".join(c if c.isalnum() or c in "+-_." else "-" for c in "-".join(parts))


def _run(plan: Plan, resumed: bool) -> int:
    from stop.budget import RunBudgetSpent
    from stop.chain import BadFolder
    from stop.closing import block, ended, finished
    from stop.progress import Progress
    from stop.session import Session
    from stop.task import BadTask

    if resumed and finished(plan):
        from stop.frames import load

        print(block(plan.means.out, ended(load(plan.means.out))))
        return 0
    stopped = "done"
    with (
        Progress() as progress,
        _signals() as interrupted,
        Session(plan, progress.tell, progress.notify) as session,
    ):
        progress.tell(f"run {plan.means.out}: {_what(plan)}" + " (resumed)" * resumed)
        try:
            interrupted.watch(session)
            stopped = session.run()
        except (BadFolder, BadTask) as error:
            return _wrong(error, 1)  # what was finished is kept
        except RunBudgetSpent as spent:
            stopped = spent.what
            progress.tell(f"stopped: {spent}; the step in flight is abandoned, its replies are kept")
        except Exception:
            if not interrupted.happened:
                raise
    if interrupted.happened:
        print(f"interrupted; everything is saved. To go on: {_again()}", file=sys.stderr)
        return 130
    print(block(plan.means.out, stopped))
    return 0


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


def _again() -> str:
    return shlex.join(["python", "-m", "stop.run", *sys.argv[1:]])


def _replay(arguments: argparse.Namespace) -> int:
    from stop.neutral import neutral
    from stop.plan import Means
    from stop.progress import Progress
    from stop.replay import replay

    if not arguments.out:
        return _wrong("--replay needs --out, the folder of a recorded run.", WRONG_USAGE)
    if given := surplus(arguments, WITH_REPLAY):
        return _wrong(f"--replay takes its settings from run.json, not {given}.", WRONG_USAGE)
    means = Means(Path(arguments.out), workers(arguments.workers))
    with Progress() as progress:
        problems = replay(means, _asked_level(arguments), progress.tell, progress.notify)
    for problem in problems:
        print(f"differs: {neutral(problem)}", file=sys.stderr)
    print(f"replay of {means.out}: {'equal' if not problems else 'differs'}")
    return 1 if problems else 0


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the host multiplies no matrices
    from stop.show import piped

    raise SystemExit(piped(main))
