"""Does the Gödel agent improve a task, and more than as many replies without it? Utility on test, over seeds.

    python benchmarks/godel.py maxcut bin_packing --seeds 10 --out results/godel

Two differences, paired by run seed: of the agent's last kept version and the version that it began as, and of that and
what best_of_n makes of the same seed solution with as many replies as the agent's run asked for, each scored once on
the same test block. best_of_n has those replies judged by the train block, the agent's steps are judged by val blocks:
the calls are equal, the looks are not. Means with 95 % t intervals. The unit is one run: seeds share the test
instances, so an interval over seeds says nothing of other instances. A finished run is not made again.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import stop
from stop.analysis.intervals import stratified_mean
from stop.arguments import number
from stop.improve import Arm
from stop.run import main as run_main
from stop.scaffold import read_scaffold
from stop.session import begin

CONTROL = "best_of_n"


@dataclass(frozen=True)
class Found:
    """One run and its control. before, after, control: utilities on test; calls: replies asked for by each."""

    before: float
    after: float
    control: float
    calls: int
    kept: int
    steps: int


def main() -> int:
    parser = argparse.ArgumentParser(description="The Gödel agent on single tasks, over seeds.")
    parser.add_argument("tasks", nargs="+", metavar="TASK")
    parser.add_argument(
        "--seeds", type=number(1, "runs"), default=10, metavar="N", help="runs per task, seeds 0 to N-1 (default: 10)"
    )
    what = "evaluations per run (default: 30)"
    parser.add_argument("--steps", type=number(1, "evaluations"), default=30, metavar="N", help=what)
    parser.add_argument("--agent", default="closed", choices=["closed", "free"], help="default: closed")
    parser.add_argument("--model", default="mutation", metavar="SPEC", help="default: mutation")
    parser.add_argument("--out", type=Path, default=Path("results/godel"), metavar="DIR", help="folder of the runs")
    asked = parser.parse_args()
    print(
        f"| task | n | agent at first | agent at last | {CONTROL} | calls | last - first | last - {CONTROL} | ", end=""
    )
    print(f"above first, {CONTROL} | kept of steps |\n" + "|---" * 10 + "|", flush=True)
    for task in asked.tasks:
        print(_row(task, [_found(asked, task, seed) for seed in range(asked.seeds)]), flush=True)
    return 0


def _found(asked: argparse.Namespace, task: str, seed: int) -> Found:
    run = _run(asked, task, seed)
    after = run.test_utility(run.best)
    assert after is not None
    kept = sum(verdict == "kept" for verdict in run.standing.values())
    return Found(run.test_utility(0) or 0.0, after, _control(run, task, seed), run.llm_calls, kept, run.steps)


def _run(asked: argparse.Namespace, task: str, seed: int) -> stop.frames.Run:
    """One run, made or gone on with if it is not there as a whole."""
    out = asked.out / f"{Path(task).name}-{asked.agent}-s{seed}"
    argv = [task, "--mode", "godel", "--agent", asked.agent, "--model", asked.model, "--seed", str(seed)]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        status = run_main([*argv, "--generations", str(asked.steps), "--out", str(out)])
    if status:
        raise SystemExit(f"{task} seed {seed}: exit status {status}: {said.getvalue().strip().splitlines()[-1:]}")
    return stop.load(out)


def _control(run: stop.frames.Run, task: str, seed: int) -> float:
    """What as many replies to one question make of the seed solution."""
    calls = run.llm_calls
    with (
        tempfile.TemporaryDirectory() as folder,
        begin(
            task, out=Path(folder) / "run", model=run.settings["config"]["model"], seed=seed, test_repeats=1,
            prompts_per_improver_run=calls, responses_per_prompt=1, utility_calls_per_improver_run=calls + 1,
        ) as session,
    ):  # fmt: skip
        (made,) = session.compare([Arm(CONTROL, read_scaffold(CONTROL))])[CONTROL]
    assert made.spent.llm_calls == calls, "not at equal calls"
    return made.utility


def _row(task: str, found: list[Found]) -> str:
    gains, beyond = [f.after - f.before for f in found], [f.after - f.control for f in found]
    means = [statistics.fmean(values) for values in zip(*((f.before, f.after, f.control) for f in found), strict=True)]
    cells = [
        task, str(len(found)), *(f"{mean:.4f}" for mean in means), f"{statistics.fmean(f.calls for f in found):.1f}",
        _difference(gains), _difference(beyond), f"{sum(g > 0 for g in gains)}, {sum(b > 0 for b in beyond)}",
        f"{sum(f.kept for f in found)} of {sum(f.steps for f in found)}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _difference(values: list[float]) -> str:
    found = stratified_mean({"": values})
    interval = found.interval()
    return f"{found.mean:+.4f}" + (f" [{interval[0]:+.4f}, {interval[1]:+.4f}]" if interval else "")


if __name__ == "__main__":
    raise SystemExit(main())
