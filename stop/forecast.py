"""What a run will ask for, before it starts: `--dry-run`."""

from __future__ import annotations

from stop.plan import Plan

LIKELY_SHARE = 0.15  # of the worst case: improvers that use their whole budget are rare (seen on seeds from 1000 up)
CPU_SECONDS_PER_CALL = 0.005  # seen with the tasks of the set quick


def forecast(plan: Plan, model_id: str) -> str:
    """Calls, CPU time and dollars, worst case and likely, one `key: value` a line."""
    c = plan.config
    runs = len(plan.tasks) * c.repeats
    # a step: the proposal, each of its uses of the meta-utility, and the val runs of child and parent
    per_step = c.calls_per_improver_run + (c.utility_calls_per_improver_run + 2) * runs * c.calls_per_improver_run
    test_runs = 2 * len(plan.tasks) * c.test_repeats
    worst = (runs + test_runs) * c.calls_per_improver_run + c.generations * per_step
    likely = (runs + test_runs) * c.responses_per_prompt + round(LIKELY_SHARE * c.generations * per_step)
    if c.budget_calls:
        worst, likely = min(worst, c.budget_calls), min(likely, c.budget_calls)
    improver_runs = runs + test_runs + c.generations * (1 + (c.utility_calls_per_improver_run + 2) * runs)
    rows = {
        "run": plan.means.out,
        "model": model_id,
        "steps": c.generations,
        "calls_worst": worst,
        "calls_likely": likely,
        "calls_per_improver_run": c.calls_per_improver_run,
        "usd_worst": "0.0000",
        "cpu_seconds_worst": round(improver_runs * _worst_cpu_seconds(plan)),
        "cpu_seconds_likely": round(likely * CPU_SECONDS_PER_CALL),
    }
    return "\n".join(f"{k}: {v}" for k, v in rows.items())


def _worst_cpu_seconds(plan: Plan) -> float:
    """Of one improver run in which every program, and the improver, takes all that its limits allow, tried twice."""
    c = plan.config
    uses = c.utility_calls_per_improver_run
    solutions = max(
        t.cpu_seconds_per_instance * (uses * t.instances["train"] + max(t.instances.values())) for t in plan.tasks
    )
    return 2 * (solutions + c.scaffold_cpu_seconds)
