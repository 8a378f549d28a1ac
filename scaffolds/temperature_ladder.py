"""A ladder of temperatures: careful at first, bolder where that finds nothing better.

Found by GPT-4 in STOP (arXiv:2310.02304, Figure 1). The rungs are those of the improver published with it
(microsoft/stop, secret_seed_algorithm_improved.py), which takes each once, always about the program that it was
given, and can return a worse one. Ours asks about the best so far, goes up a rung after a prompt that found nothing
better, and back to the first after one that did. As there, the question names the temperature: some models take none.
"""

from helpers import extract_code

RUNGS = [0.4, 0.7, 1.0]


def improve_algorithm(initial_solution, utility, language_model):
    """`initial_solution`, or the best program that was found when the budgets were spent."""
    best, best_score, rung = initial_solution, utility(initial_solution), 0
    tried = {best}
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        temperature = RUNGS[rung % len(RUNGS)]
        messages = [question(best, utility.str, temperature)] * n
        replies = language_model.batch_prompt(EXPERTISE, messages, temperature=temperature)
        programs = [p for p in dict.fromkeys(extract_code(replies)) if p and p not in tried]
        tried.update(programs)
        rung += 1
        for program, score in zip(programs, utility.map(programs), strict=True):
            if score > best_score:
                best, best_score, rung = program, score, 0
    return best


EXPERTISE = "You are an experienced programmer and researcher. You make good programs better."


def question(program, task, temperature):
    """What is asked about a program."""
    return (
        f"Here is a program:\n\n```python\n{program}\n```\n\n"
        f"This is what it is for and how it is scored; higher is better.\n\n{task}\n\n"
        "Improve the program. Say your idea in one sentence, then give the whole new program in one fenced block. "
        f"How bold the idea may be, from 0, the safest, to 1, the boldest: {temperature}."
    )
