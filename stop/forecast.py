"""What a run will ask for, before it starts: `--dry-run`."""

from __future__ import annotations

from stop.session import Plan

LIKELY_SHARE = 0.3  # of the worst case: improvers that use their whole budget are rare, equal ones are run once


def forecast(plan: Plan, model_id: str) -> str:
    """Calls, CPU time and dollars, worst case and likely, one `key: value` a line."""
    c = plan.config
    runs_per_score = len(plan.tasks) * c.repeats
    per_score = runs_per_score * c.calls_per_improver_run
    per_step = c.calls_per_improver_run + c.utility_calls_per_improver_run * per_score + 2 * per_score
    test = 2 * len(plan.tasks) * c.test_repeats * c.calls_per_improver_run
    worst = per_score + c.generations * per_step + test
    first = c.responses_per_prompt  # the seed improver asks once
    seed_step = first + first * runs_per_score * first + 2 * runs_per_score * first
    likely = runs_per_score * first + c.generations * max(seed_step, round(LIKELY_SHARE * per_step)) + test // 2
    if c.budget_calls:
        worst, likely = min(worst, c.budget_calls), min(likely, c.budget_calls)
    cpu = max(t.cpu_seconds_per_instance * t.instances["train"] for t in plan.tasks)
    rows = {
        "run": plan.means.out,
        "model": model_id,
        "steps": c.generations,
        "calls_worst": worst,
        "calls_likely": likely,
        "calls_per_improver_run": c.calls_per_improver_run,
        "tokens_worst": 0 if model_id == "mutation" else worst * c.max_tokens,
        "usd_worst": "0.0000",
        "cpu_seconds_worst": round(worst * cpu),
        "cpu_seconds_likely": round(likely * 0.01, 1),
    }
    return "\n".join(f"{k}: {v}" for k, v in rows.items())
