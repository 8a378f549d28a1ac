"""The seed improver: ask for several improved programs at once, and return the one with the highest utility."""

from helpers import extract_code


def improve_algorithm(initial_solution, utility, language_model):
    """An improved version of `initial_solution`, as judged by `utility`."""
    expertise = "You are an experienced programmer and researcher. You make good programs better."
    message = (
        f"Here is a program:\n\n```python\n{initial_solution}\n```\n\n"
        f"This is what it is for and how it is scored; higher is better.\n\n{utility.str}\n\n"
        "Improve the program. Say your idea in one sentence, then give the whole new program in one fenced block."
    )
    n = min(language_model.max_responses_per_call, utility.budget)
    replies = language_model.batch_prompt(expertise, [message] * n, temperature=0.7)
    candidates = extract_code(replies)
    return max(candidates, key=utility)
