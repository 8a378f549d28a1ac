"""A control: spend the whole budget of calls on the seed's one question, and return the best of all answers.

Every call asks about the program as it was given: no answer is built on another.
"""

from helpers import extract_code


def improve_algorithm(initial_solution, utility, language_model):
    """The best of as many independent improvements of `initial_solution` as the budgets allow."""
    expertise = "You are an experienced programmer and researcher. You make good programs better."
    message = (
        f"Here is a program:\n\n```python\n{initial_solution}\n```\n\n"
        f"This is what it is for and how it is scored; higher is better.\n\n{utility.str}\n\n"
        "Improve the program. Say your idea in one sentence, then give the whole new program in one fenced block."
    )
    candidates = []
    for _ in range(language_model.budget - language_model.times_used):
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses - len(candidates))
        if n > 0:
            replies = language_model.batch_prompt(expertise, [message] * n, temperature=0.7)
            candidates = candidates + extract_code(replies)
    return max(candidates, key=utility)
