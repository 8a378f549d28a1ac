"""Hill climbing: every question is about the best program so far, and an answer that is no worse takes its place.

Of the answers to one prompt the best is taken (steepest ascent); one that scores the same is taken too (a sideways
move), so that a plateau can be crossed. Russell & Norvig, Artificial Intelligence: A Modern Approach, 4th edition,
section 4.1.1. The question is the seed's, as in best_of_n: what differs is the program that it is about.
"""

from helpers import extract_code


def improve_algorithm(initial_solution, utility, language_model):
    """`initial_solution`, or the best program that was found when the budgets were spent."""
    best, best_score = initial_solution, utility(initial_solution)
    tried = {best}
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        replies = language_model.batch_prompt(EXPERTISE, [question(best, utility.str)] * n, temperature=0.7)
        programs = [p for p in dict.fromkeys(extract_code(replies)) if p and p not in tried]
        tried.update(programs)
        for program, score in zip(programs, utility.map(programs), strict=True):
            if score >= best_score:
                best, best_score = program, score
    return best


EXPERTISE = "You are an experienced programmer and researcher. You make good programs better."


def question(program, task):
    """What is asked about a program."""
    return (
        f"Here is a program:\n\n```python\n{program}\n```\n\n"
        f"This is what it is for and how it is scored; higher is better.\n\n{task}\n\n"
        "Improve the program. Say your idea in one sentence, then give the whole new program in one fenced block."
    )
