"""What a scaffold may ask of the host: budgets, draws, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from stop.draw import Draw
from stop.model import Reply, Request
from stop.rewrite import Handles, Judged, ModelHandle, UtilityHandle, rewrite
from stop.sandbox import Limits, Refused, Sandbox

PUBLISHED = '''
from concurrent.futures import ThreadPoolExecutor
from helpers import extract_code

def improve_algorithm(initial_solution, utility, language_model):
    """An improver of the shape of STOP's published improved one: temperature ladder, dedup set, memoised utility."""
    seen, kept, known = set(), [], {}

    def score(solution):
        if solution not in known:
            known[solution] = utility(solution)
        return known[solution]

    for temperature in [0.4, 0.7, 1.0]:
        n = min(language_model.max_responses_per_call, utility.budget)
        message = f"Improve:\\n```python\\n{initial_solution}\\n```\\nScore:\\n```python\\n{utility.str}\\n```"
        replies = extract_code(language_model.batch_prompt("You are an expert.", [message] * n, temperature))
        fresh = [s for s in replies if s not in seen]
        with ThreadPoolExecutor() as pool:
            scored = sorted(zip(pool.map(score, fresh), fresh), reverse=True)
        kept += [s for _, s in scored[:n]]
        seen.update(fresh)
    return max(kept, key=score)
'''


def handles(prompts: int = 4, uses: int = 48) -> tuple[Handles, list[Request]]:
    """Budgets as in a run; the n-th reply is a program with n ones, the utility is the text's length."""
    asked: list[Request] = []

    def ask(requests: Sequence[Request]) -> list[Reply]:
        before = len(asked)
        asked.extend(requests)
        return [Reply(f"```python\nx = {'1' * (before + i)}\n```") for i in range(1, len(requests) + 1)]

    utility = UtilityHandle("longer is better", uses, lambda texts: [Judged(len(t or "") / 100, []) for t in texts])
    return Handles(utility, ModelHandle(ask, Draw(0, "train"), prompts, 6, 100)), asked


def test_a_published_improver_runs_unmodified(sandbox: Sandbox) -> None:
    given, asked = handles()
    made = rewrite(PUBLISHED, "x = 0", given, sandbox, Limits(cpu_seconds=2))
    assert (made.status, made.text) == ("ok", "x = " + "1" * 18)
    assert len({(r.draw, r.temperature) for r in asked}) == 18 and made.spent.llm_calls == 18


def test_the_same_request_again_gets_another_draw_however_it_is_asked_for() -> None:
    given, asked = handles()
    given.model.methods["batch_prompt"].call("e", ["m"] * 3, 0.7)
    given.model.methods["prompt"].call("e", "m", 3, 0.7)
    assert len({r.draw for r in asked}) == 6
    by_draw = {r.draw: r.occurrence for r in asked}
    again, asked_again = handles()
    again.model.methods["prompt"].call("e", "m", 1, 0.7)
    again.model.methods["prompt"].call("e", "m", 6, 0.7)
    assert all(by_draw.get(r.draw, r.occurrence) == r.occurrence for r in asked_again)


@pytest.mark.parametrize(
    ("method", "arguments", "kind"),
    [
        ("prompt", ("e", "m", 7, 0.7), "ValueError"),
        ("prompt", ("e", "m", 0, 0.7), "ValueError"),
        ("prompt", ("e", None, 1, 0.7), "TypeError"),
        ("prompt", ("e", "x" * 300_000, 1, 0.7), "TypeError"),
        ("prompt", ("e", "m", 1, float("nan")), "ValueError"),
        ("batch_prompt", ("e", ["m"] * 7, 0.7), "ValueError"),
        ("batch_prompt", ("e", [], 0.7), "ValueError"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused_and_costs_nothing(
    method: str, arguments: tuple, kind: str
) -> None:
    given, asked = handles()
    with pytest.raises(Refused) as refused:
        given.model.methods[method].call(*arguments)
    assert refused.value.kind == kind and not asked and given.model.mirror()["times_used"] == 0


def test_beyond_the_budget_a_program_gets_an_exception_that_it_may_catch(sandbox: Sandbox) -> None:
    given, asked = handles(prompts=2, uses=1)
    source = """
from helpers import BudgetExceeded
def improve_algorithm(initial_solution, utility, language_model):
    refused = 0
    for ask in [lambda: language_model.prompt("e", "m")] * 3 + [lambda: utility("x")] * 2:
        try:
            ask()
        except BudgetExceeded:
            refused += 1
    return f"refused = {refused}, used = {language_model.times_used}, {utility.uses}"
"""
    made = rewrite(source, "x", given, sandbox, Limits(cpu_seconds=1))
    assert made.text == "refused = 2, used = 2, 1" and len(asked) == 2


@pytest.mark.parametrize("value", ["None", "''", "3", "['a']", "b'a'"])
def test_anything_but_a_text_is_an_improver_that_failed(sandbox: Sandbox, value: str) -> None:
    source = f"def improve_algorithm(initial_solution, utility, language_model):\n    return {value}\n"
    made = rewrite(source, "x", handles()[0], sandbox, Limits(cpu_seconds=1))
    assert made.status == "error" and "instead of a program" in made.detail
