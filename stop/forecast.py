"""What a run or a comparison will ask for, before it starts: `--dry-run`."""

from __future__ import annotations

from dataclasses import dataclass

from stop.accept import RULES
from stop.controls import arm_of, policy_of
from stop.model import LanguageModel
from stop.model.prices import FREE, Price
from stop.model.remote import TEMPLATE_TOKENS, RemoteModel
from stop.plan import Plan
from stop.rewrite import MAX_TEXT_BYTES
from stop.settings import watched

LIKELY_SHARE = 0.15  # of the worst case: improvers that use their whole budget are rare (seen on seeds from 1000 up)
LIKELY_TURNS = 1.2  # of an agent's step, one call each (seen with the mutation model, which can only change)
CPU_SECONDS_PER_TURN = 0.1  # seen with maxcut
CPU_SECONDS_PER_CALL = 0.005  # seen with the tasks of the set quick
BYTES_PER_TOKEN = 4  # likely, of English and Python
PROMPT_BYTES = 1200  # of what scaffolds say around one program and what it is for; those with an archive show more
LIKELY_REPLY_TOKENS = 700  # a short program with a sentence before it


@dataclass(frozen=True)
class _Asked:
    """Calls at their worst and likely, and improver runs, or steps of an agent, at the most."""

    worst: int
    likely: int
    improver_runs: int


def forecast(plan: Plan, model: LanguageModel, arms: int = 0) -> str:
    """Calls, tokens, dollars and CPU time, worst case and likely, one `key: value` a line.

    arms: how many improvers a comparison on test has, if that is all that the plan is for; 0: a run.
    """
    c = plan.config
    if arms:
        asked, what = _compared(plan, arms), _of_comparison(plan, arms)
    elif c.agent:
        asked, what = _evolved(plan), _of_agent(plan)
    else:
        asked, what = _searched(plan), _of_run(plan)
    worst, likely = asked.worst, asked.likely
    if c.budget_calls:
        worst, likely = min(worst, c.budget_calls), min(likely, c.budget_calls)
    price = model.price if isinstance(model, RemoteModel) else FREE
    most, usual = _tokens(plan)
    rows = {
        "run": plan.means.out,
        "tasks": " ".join(t.name for t in plan.tasks),
        "preset": _preset(plan),
        "model": model.id,
        **what,
        "calls_worst": worst,
        "calls_likely": likely,
        "calls_per_step" if c.agent else "calls_per_improver_run": c.calls_per_improver_run,
        "tokens_worst": _of_tokens(worst, most),
        "tokens_likely": _of_tokens(likely, usual),
        "usd_worst": _usd(worst, most, price, c.budget_usd),
        "usd_likely": _usd(likely, usual, price, c.budget_usd),
        "cpu_seconds_worst": round(asked.improver_runs * _worst_cpu_seconds(plan)),
        "cpu_seconds_likely": round(likely * (CPU_SECONDS_PER_TURN if c.agent else CPU_SECONDS_PER_CALL)),
    }
    return "\n".join(f"{k}: {v}" for k, v in rows.items())


def _searched(plan: Plan) -> _Asked:
    """By a run: the seed's score, its steps, its look at test."""
    c = plan.config
    runs = len(plan.tasks) * c.repeats
    # a step: the proposal, each of its uses of the meta-utility, and the val runs of child and parent
    runs_per_step = 1 + c.utility_calls_per_improver_run * runs + _runs_to_judge(plan)
    per_step = runs_per_step * c.calls_per_improver_run
    on_test = (2 + len(arm_of(c).also_tested)) * len(plan.tasks) * c.test_repeats  # improver runs
    first = runs + (len(plan.tasks) * c.noise_repeats if RULES[c.accept].compares else 0)
    further = _runs_further(plan)
    worst = (first + further) * c.calls_per_improver_run + c.generations * per_step
    likely = (first + further) * c.responses_per_prompt + round(LIKELY_SHARE * c.generations * per_step)
    if c.search_calls:
        worst, likely = min(worst, c.search_calls), min(likely, c.search_calls)
    worst, likely = worst + on_test * c.calls_per_improver_run, likely + on_test * c.responses_per_prompt
    return _Asked(worst, likely, first + on_test + further + c.generations * runs_per_step)


def _evolved(plan: Plan) -> _Asked:
    """By an agent: its steps. Scoring a module asks for nothing."""
    c = plan.config
    return _Asked(c.generations * c.calls_per_improver_run, round(LIKELY_TURNS * c.generations), c.generations)


def _compared(plan: Plan, arms: int) -> _Asked:
    """By a comparison on test: likely the first improver asks once, and the others as often as they may."""
    c = plan.config
    runs = len(plan.tasks) * c.test_repeats
    likely = runs * (c.responses_per_prompt + (arms - 1) * c.calls_per_improver_run)
    return _Asked(arms * runs * c.calls_per_improver_run, likely, arms * runs)


def _of_run(plan: Plan) -> dict[str, object]:
    c = plan.config
    per_task = f"{c.repeats} on train and val, {c.test_repeats} on test"
    return {"policy": c.policy, "accept": c.accept, "steps": c.generations, "improver_runs_per_task": per_task}


def _of_agent(plan: Plan) -> dict[str, object]:
    c = plan.config
    return {"agent": c.agent, "steps": c.generations, "turns_per_step": c.prompts_per_improver_run}


def _of_comparison(plan: Plan, arms: int) -> dict[str, object]:
    return {"improver_runs_per_task": f"{plan.config.test_repeats} on test, of each of {arms} improvers"}


def _runs_to_judge(plan: Plan) -> int:
    """Improver runs of child and parent in a step at the most: by the rule, then by the canary."""
    c = plan.config
    # all at once by the other rules, and wherever a child is the same program as its parent
    repeats = max(c.most_repeats, c.repeats) if RULES[c.accept].by_round else c.repeats
    again = max(2, c.repeats) if watched(c.record()) else 0
    return 2 * len(plan.tasks) * (repeats + again)


def _runs_further(plan: Plan) -> int:
    """Improver runs in which the policy measures versions further, at the most, over all steps."""
    c, tasks = plan.config, len(plan.tasks)
    trials = tasks * (1 if RULES[c.accept].by_round else c.repeats)
    return policy_of(c).most_further(c.generations, tasks, trials)


def _tokens(plan: Plan) -> tuple[tuple[int, int], tuple[int, int]]:
    """(input, output) of one call, the most that it can be and what it is likely to be.

    The most: an expertise and a message as long as scaffolds may send, a token per byte, all of max_tokens.
    """
    shown = max(len(t.text) + len(t.seed_source) for t in plan.tasks) + PROMPT_BYTES
    most = 2 * MAX_TEXT_BYTES + TEMPLATE_TOKENS, plan.config.max_tokens
    return most, (shown // BYTES_PER_TOKEN, min(LIKELY_REPLY_TOKENS, plan.config.max_tokens))


def _of_tokens(calls: int, tokens: tuple[int, int]) -> str:
    return f"{calls * tokens[0]} input, {calls * tokens[1]} output"


def _usd(calls: int, tokens: tuple[int, int], price: Price | None, budget: float) -> str:
    if price is None:
        return "unknown (see python -m stop.models)"
    usd = calls * price.most_usd(*tokens)
    return f"{min(usd, budget):.4f} (the budget)" if budget and usd > budget else f"{usd:.4f}"


def _preset(plan: Plan) -> str:
    """Its name, and which tasks it does not know: these are run as they are without it."""
    without = [t.name for t in plan.tasks if t.preset != plan.config.preset]
    names = "all tasks" if len(without) == len(plan.tasks) else ", ".join(without)
    return (plan.config.preset or "none") + (f" (as without it: {names})" if without else "")


def _worst_cpu_seconds(plan: Plan) -> float:
    """Of one improver run in which every program, and the improver, takes all that its limits allow, tried twice.

    Of an agent: of one step. Each turn, and each text that it has loaded or run, may take what a scaffold may.
    """
    c = plan.config
    uses = c.utility_calls_per_improver_run
    processes = c.prompts_per_improver_run + uses if c.agent else 1
    solutions = max(
        t.cpu_seconds_per_instance * (uses * t.instances["train"] + max(t.instances.values())) for t in plan.tasks
    )
    return 2 * (solutions + processes * c.scaffold_cpu_seconds)
