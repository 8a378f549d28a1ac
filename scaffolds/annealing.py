"""Simulated annealing: at first a worse program may take the place of a better one, later hardly ever.

Found by GPT-4 in STOP (arXiv:2310.02304, Figure 1), whose repository has none. The rule is Metropolis's, exp(change /
heat); the heat falls by a constant factor (Kirkpatrick, Gelatt & Vecchi, Optimization by simulated annealing, Science
220 (1983), 671-680). Start and factor are ours, for scores in [0, 1]: after 24 programs the heat is below 0.01.
"""

import math
import random

from helpers import extract_code

START = 0.1
COOLING = 0.9


def improve_algorithm(initial_solution, utility, language_model):
    """The best program on the way: not the last one, which may be worse."""
    best, best_score = initial_solution, utility(initial_solution)
    current, current_score, heat = best, best_score, START
    tried = {best}
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        replies = language_model.batch_prompt(EXPERTISE, [question(current, utility.str)] * n, temperature=0.7)
        programs = [p for p in dict.fromkeys(extract_code(replies)) if p and p not in tried]
        tried.update(programs)
        for program, score in zip(programs, utility.map(programs), strict=True):
            if accepted(score - current_score, heat):
                current, current_score = program, score
            if score > best_score:
                best, best_score = program, score
            heat *= COOLING
    return best


EXPERTISE = "You are an experienced programmer and researcher. You make good programs better."


def question(program, task):
    """What is asked about a program."""
    return (
        f"Here is a program:\n\n```python\n{program}\n```\n\n"
        f"This is what it is for and how it is scored; higher is better.\n\n{task}\n\n"
        "Improve the program. Say your idea in one sentence, then give the whole new program in one fenced block."
    )


def accepted(change, heat):
    """Whether a program may become the current one: always if it is no worse, else by chance."""
    return change >= 0 or random.random() < math.exp(change / heat)
