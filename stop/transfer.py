"""`python -m stop.transfer`: an improved improver, as it is, on tasks that its run never saw.

Owns: which improver and which tasks, refusals, the table. Does not own: improver runs on test (improve), their
statistics (analysis.transfer). STOP, arXiv:2310.02304, section 5.2.

The three arms are the run's seed improver, its improved improver, and best_of_n at no fewer calls per improver run on
each task than the improved one made: without it, asking more often would explain a gain. They are compared in one look
at test, in a folder of their own, which resumes and replays as a run does.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stop.arguments import Parser, add_dry_run, add_means, number

if TYPE_CHECKING:
    from stop.analysis.intervals import Estimate
    from stop.analysis.transfer import Comparison
    from stop.chain import Record
    from stop.frames import Run
    from stop.improve import Arm
    from stop.lineage import Version
    from stop.plan import Plan
    from stop.scaffold import Scaffold
    from stop.session import Session
    from stop.task import Task

COMMAND = "python -m stop.transfer"
HEADINGS = ("task", "n", "initial", "seed", "improved", "best_of_n", "improved - initial", "improved - seed",
            "improved - best_of_n", "calls: seed", "calls: improved", "calls: best_of_n")  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    from stop.run import carried_out

    arguments = _parser().checked(argv)
    return carried_out(COMMAND, arguments, lambda: _transferred(arguments))


def _parser() -> Parser:
    p = Parser(
        prog=COMMAND,
        usage="%(prog)s RUN --to TASK|SET|PATH ... [options]",
        allow_abbrev=False,
        description="Try the best version of a run, as it is, on the test instances of tasks that the run never saw: "
        "against its seed improver, the tasks' initial solutions, and best_of_n at no fewer calls.",
        epilog="Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted and saved. "
        "python -m stop.run --replay --out DIR replays it.",
    )
    add: Any = p.add_argument
    add("run", metavar="RUN", help="the folder of a run; its settings hold where nothing else is said")
    what = "tasks, sets or task folders that the run was not improved on"
    add("--to", nargs="+", required=True, metavar="TASK|SET|PATH", help=what)
    what = "the version that is tried: its number, or the beginning of its sha (default: the last that was kept)"
    add("--version", default="", metavar="ID", help=what)
    what = "improver runs per task and arm (default: as the run's look at test)"
    add("--repeats", type=number(1, "improver runs per task"), metavar="R", help=what)
    add("--seed", type=number(0, "a seed"), metavar="S", help="seed of the draws (default: the run's)")
    add("--include-seen", action="store_true", help="take tasks that the run was improved on too; they are marked")
    add("--model", default="", metavar="SPEC", help="another model (default: the run's)")
    add("--base-url", default="", metavar="URL", help="the model's server (default: the run's, of the run's model)")
    what = "the folder of the transfer; the same one resumes (default: results/transfer-RUN-TASKS[-vID][-sS])"
    add("--out", metavar="DIR", help=what)
    what = "look at test again although the folder's look was of something else; each look is counted"
    add("--look-again", action="store_true", help=what)
    add_means(add)
    add_dry_run(add)
    return p


def _transferred(arguments: argparse.Namespace) -> int:
    from stop.model import open_model
    from stop.plan import check_budget, check_out
    from stop.run import Ended, in_session

    plan, arms = _planned(arguments)
    model = open_model(plan.config.model, plan.config.base_url)
    check_budget(plan.config, model)
    there, ended = check_out(plan, model.id), Ended(0, "done")
    if arguments.dry_run:
        from stop.forecast import forecast
        from stop.show import print_texts

        print_texts(forecast(plan, model, len(arms)).split("\n"))
        return 0
    if not (there and _finished(plan, arms)):
        what = f"transfer {plan.means.out}: {len(arms)} improvers, {len(plan.tasks)} tasks"

        def compared(session: Session) -> str:
            session.compare(arms)
            return "done"

        ended = in_session(COMMAND, plan, what, compared)
    if ended.stopped:
        _show(plan.means.out, ended.stopped)
    return ended.status


# -- what is compared ------------------------------------------------------------------------------------------------
def _planned(arguments: argparse.Namespace) -> tuple[Plan, list[Arm]]:
    """The transfer that the arguments describe. Creates nothing. Raises BadFolder, BadScaffold, UnknownTask, ..."""
    import stop
    from stop.plan import Plan, level
    from stop.run import asked_level, means, names_of, usual_out
    from stop.settings import BUDGETS, RunConfig
    from stop.task import as_found, find_tasks

    run = stop.load(arguments.run)
    source = _Source.of(run, arguments.version)
    config = RunConfig.of(run.settings["config"])
    tasks = find_tasks(arguments.to, config.preset)
    seen = _seen(run, tasks)
    if seen and not arguments.include_seen:
        raise _bad(f"{run.path}: was improved on {', '.join(seen)}. Name other tasks, or give --include-seen.")
    named = f"v{source.version.id}" * bool(arguments.version), f"s{arguments.seed}" * (arguments.seed is not None)
    usual = usual_out("transfer", Path(arguments.run).resolve().name, names_of(arguments.to), *named)
    out = Path(arguments.out) if arguments.out else usual
    other_model = arguments.model and arguments.model != config.model
    budgets: dict[str, Any] = {name: getattr(arguments, name) or 0 for name in BUDGETS}
    config = replace(
        config, tasks=as_found(tasks), generations=0, improved=source.improved.sha,
        test_repeats=arguments.repeats or config.test_repeats,
        seed=config.seed if arguments.seed is None else arguments.seed, model=arguments.model or config.model,
        base_url=arguments.base_url.rstrip("/") or ("" if other_model else config.base_url),
        sandbox=level(asked_level(arguments), out), **budgets,
    )  # fmt: skip
    origin = {"run": run.path.resolve().name, "version": source.version.id, "seen": seen}
    return Plan(config, tasks, source.seed, means(out, arguments), transfer=origin), source.arms


@dataclass(frozen=True)
class _Source:
    """The improvers of a run that are compared."""

    version: Version
    seed: Scaffold
    improved: Scaffold

    @classmethod
    def of(cls, run: Run, wanted: str) -> _Source:
        """wanted: as --version. Raises BadFolder in one line if there is nothing better than the seed to try."""
        from stop.scaffold import BadScaffold, Scaffold, canonical
        from stop.show import find_version, versions_of

        if run.seal.startswith("broken"):
            raise _bad(f"{run.path}: {run.seal}. What it says of its versions is not to be believed.")
        if run.settings["config"].get("agent"):
            raise _bad(
                f"{run.path}: is of a Gödel agent, whose module is made for its own task. Give a run without one."
            )
        try:
            version = find_version(run, wanted or str(run.best))
        except LookupError as error:
            raise _bad(str(error)) from None
        if not wanted and not run.best:
            raise _bad(
                f"{run.path}: no version was kept, so there is no improved improver to try. With --version ID another "
                "of its versions can be tried."
            )
        first = versions_of(run)[0]
        try:
            seed, improved = (Scaffold.checked(run.source(v.sha)) for v in (first, version))
        except BadScaffold as error:
            raise _bad(f"{run.path}: version {version.id} cannot be tried: it {error}.") from None
        if canonical(seed.source) == canonical(improved.source):
            raise _bad(f"{run.path}: version {version.id} is the seed improver. Give another --version.")
        return cls(version, seed, improved)

    @property
    def arms(self) -> list[Arm]:
        from stop.analysis.transfer import CONTROL, IMPROVED, SEED
        from stop.improve import Arm
        from stop.scaffold import read_scaffold

        control = Arm(CONTROL, read_scaffold("best_of_n"), calls_of=IMPROVED)
        return [Arm(SEED, self.seed), Arm(IMPROVED, self.improved), control]


def _seen(run: Run, tasks: Sequence[Task]) -> list[str]:
    """Which of the tasks the run was improved on: by name, or by the code that makes and scores their instances."""
    known = run.settings["tasks"]
    codes = {task.get("scorer_sha") for task in known.values()}
    return [task.name for task in tasks if task.name in known or task.scorer_sha in codes]


def _bad(line: str) -> Exception:
    from stop.chain import BadFolder

    return BadFolder(line)


def _finished(plan: Plan, arms: Sequence[Arm]) -> bool:
    """Whether the folder holds this very comparison already, and is sealed."""
    import stop

    run = stop.load(plan.means.out)
    asked = [arm.record() for arm in arms]
    return run.seal == "whole" and any(look["done"] and look.get("arms") == asked for look in _looks(run))


def last_look(run: Run) -> list[Record]:
    """The improver runs of the last comparison that was finished; [] if there is none, or the folder is no transfer."""
    units = [look["unit"] for look in _looks(run) if look["done"]] if "transfer" in run.settings else []
    return [row for row in run.rows("outcomes.jsonl") if units and row["unit"] == units[-1]]


def _looks(run: Run) -> list[Record]:
    looks: list[Record] = run.settings["looks"]["test"]
    return looks


# -- what is shown ---------------------------------------------------------------------------------------------------
def _show(path: Path, stopped: str) -> None:
    import stop
    from stop.analysis.transfer import comparisons
    from stop.show import print_table, print_texts

    run = stop.load(path)
    outcomes = last_look(run)
    found = comparisons(outcomes)
    if found:
        rows = [_row(one, one.task in run.settings["transfer"]["seen"]) for one in found]
        print_table(HEADINGS, rows, numbers=[h for h in HEADINGS if h != "task"])
    print_texts(["---", *(f"{key}: {value}" for key, value in _block(run, found, outcomes, stopped).items())])


def _row(one: Comparison, seen: bool) -> list[str]:
    from stop.analysis.transfer import CONTROL, IMPROVED, SEED

    scores = [one.initial, *(one.scores[arm] for arm in (SEED, IMPROVED, CONTROL))]
    calls = [f"{one.calls[arm]:.1f}" for arm in (SEED, IMPROVED, CONTROL)]
    over = [_shown(one.over[what]) for what in ("initial", SEED, CONTROL)]
    return [one.task + " (seen)" * seen, str(one.runs), *(f"{score:.4f}" for score in scores), *over, *calls]


def _shown(estimate: Estimate) -> str:
    found = estimate.interval()
    return f"{estimate.mean:+.4f} " + (f"[{found[0]:+.4f}, {found[1]:+.4f}]" if found else "[no interval]")


def _block(run: Run, found: Sequence[Comparison], outcomes: Sequence[Record], stopped: str) -> dict[str, Any]:
    from stop.analysis.transfer import CONTROL, SEED

    origin, config = run.settings["transfer"], run.settings["config"]
    failed = {row["arm"]: 0 for row in outcomes}
    for row in outcomes:
        failed[row["arm"]] += row["status"] != "ok"
    over = {what: _shown(found[-1].over[what]) if found else "not measured" for what in ("initial", SEED, CONTROL)}
    return {
        "transfer": run.path,
        "improver": f"version {origin['version']} ({config['improved']}) of {origin['run']}",
        "model": run.settings["model"],
        "tasks": len(config["tasks"]),
        "seen_tasks": len(origin["seen"]),
        **{f"improved_minus_{what}": shown for what, shown in over.items()},
        "evidence": "95 % t intervals over improver runs, paired, tasks as strata; of other draws on these instances",
        "failed_improver_runs": ", ".join(f"{arm} {n}" for arm, n in failed.items()) or "not measured",
        "test_looks": len(_looks(run)),
        "llm_calls": run.llm_calls,
        "cached_calls": run.llm_calls - run.fresh_calls,
        "usd": "unknown" if run.usd is None else f"{run.usd:.4f}",
        "incidents": len(run.incidents),
        "seal": run.seal,
        "stopped": stopped,
        "next": f"python -m stop.run --replay --out {run.path}",
    }


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the host multiplies no matrices
    from stop.show import piped

    raise SystemExit(piped(main))
