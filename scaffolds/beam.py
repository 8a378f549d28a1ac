"""Beam search: keep the three best programs, and ask about each of them.

Found by GPT-4 in STOP (arXiv:2310.02304, Figure 1), whose repository has none. The width is ours: with six replies to
a prompt it makes two children of each program, and the search is as deep as the budget has prompts. Parents compete
with their children, so that nothing good is lost.
"""

from helpers import extract_code

WIDTH = 3


def improve_algorithm(initial_solution, utility, language_model):
    """`initial_solution`, or the best program that was found when the budgets were spent."""
    beam = [(utility(initial_solution), initial_solution)]
    tried = {initial_solution}
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        parents = [beam[k % len(beam)][1] for k in range(n)]
        messages = [question(parent, utility.str) for parent in parents]
        replies = language_model.batch_prompt(EXPERTISE, messages, temperature=0.7)
        programs = [p for p in dict.fromkeys(extract_code(replies)) if p and p not in tried]
        tried.update(programs)
        children = list(zip(utility.map(programs), programs, strict=True))
        beam = sorted(beam + children, key=score_of, reverse=True)[:WIDTH]
    return beam[0][1]


EXPERTISE = "You are an experienced programmer and researcher. You make good programs better."


def question(program, task):
    """What is asked about a program."""
    return (
        f"Here is a program:\n\n```python\n{program}\n```\n\n"
        f"This is what it is for and how it is scored; higher is better.\n\n{task}\n\n"
        "Improve the program. Say your idea in one sentence, then give the whole new program in one fenced block."
    )


def score_of(scored):
    """Of a score and its program, the score: of equal ones the older stays in front."""
    return scored[0]
