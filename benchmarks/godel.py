"""Does the Gödel agent improve a task? Test utility of its last kept version minus the seed's, over seeds.

    python benchmarks/godel.py maxcut tsp --seeds 10 --out results/godel

The model is the mutation model unless another is given. The unit is one run: seeds share the test instances, so an
interval over seeds says nothing of other instances. There is no control at equal calls here. A finished run is not
made again.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
from pathlib import Path

from scipy import stats

import stop
from stop.run import main as run_main

CONFIDENCE = 0.95


def main() -> int:
    parser = argparse.ArgumentParser(description="The Gödel agent on single tasks, over seeds.")
    parser.add_argument("tasks", nargs="+", metavar="TASK")
    parser.add_argument(
        "--seeds", type=int, default=10, metavar="N", help="runs per task, seeds 0 to N-1 (default: 10)"
    )
    parser.add_argument("--steps", type=int, default=30, metavar="N", help="evaluations per run (default: 30)")
    parser.add_argument("--agent", default="closed", choices=["closed", "free"], help="default: closed")
    parser.add_argument("--model", default="mutation", metavar="SPEC", help="default: mutation")
    parser.add_argument("--out", type=Path, default=Path("results/godel"), metavar="DIR", help="folder of the runs")
    arguments = parser.parse_args()
    print("task  n  seed  best  difference  interval  improved  kept_mean")
    for task in arguments.tasks:
        print(_row(task, [_run(arguments, task, seed) for seed in range(arguments.seeds)]), flush=True)
    return 0


def _run(arguments: argparse.Namespace, task: str, seed: int) -> stop.frames.Run:
    """One run, made or gone on with if it is not there as a whole."""
    out = arguments.out / f"{Path(task).name}-{arguments.agent}-s{seed}"
    argv = [task, "--mode", "godel", "--agent", arguments.agent, "--model", arguments.model, "--seed", str(seed)]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        status = run_main([*argv, "--generations", str(arguments.steps), "--out", str(out)])
    if status:
        raise SystemExit(f"{task} seed {seed}: exit status {status}: {said.getvalue().strip().splitlines()[-1:]}")
    return stop.load(out)


def _row(task: str, runs: list[stop.frames.Run]) -> str:
    """Means over runs, a t interval of the differences, how many runs ended higher on test than they began."""
    before = [run.test_utility(0) or 0.0 for run in runs]
    after = [run.test_utility(run.best) or 0.0 for run in runs]
    gains = [b - a for a, b in zip(before, after, strict=True)]
    kept = statistics.fmean(sum(verdict == "kept" for verdict in run.standing.values()) for run in runs)
    shown = f"{task}  {len(runs)}  {statistics.fmean(before):.4f}  {statistics.fmean(after):.4f}"
    return f"{shown}  {statistics.fmean(gains):+.4f}  {_interval(gains)}  {sum(g > 0 for g in gains)}  {kept:.1f}"


def _interval(gains: list[float]) -> str:
    if len(gains) < 2 or len(set(gains)) == 1:
        return "none"
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(gains) - 1) * statistics.stdev(gains) / len(gains) ** 0.5
    return f"[{statistics.fmean(gains) - half:+.4f}, {statistics.fmean(gains) + half:+.4f}]"


if __name__ == "__main__":
    raise SystemExit(main())
