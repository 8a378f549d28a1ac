"""Ask for one line at a time: point at a line, ask for another in its place, keep each change that raises the score.

Which line it is, the scaffold draws.
"""

import random

from helpers import extract_code


def improve_algorithm(initial_solution, utility, language_model):
    """`initial_solution` after hill climbing: every reply is a new version of one line of the best program so far."""
    best, best_score = initial_solution, utility(initial_solution)
    tried = {best}
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        lines = best.split("\n")
        inside = [number for number, line in enumerate(lines) if line.startswith(" ")] or [0]
        places = random.sample(inside * n, n)
        messages = [question(best, place) for place in places]
        replies = language_model.batch_prompt("You improve Python programs.", messages, temperature=1.0)
        programs = dict.fromkeys(changed(best, place, reply) for place, reply in zip(places, replies, strict=True))
        programs = [program for program in programs if program not in tried]
        tried.update(programs)
        for program, score in zip(programs, utility.map(programs) if programs else [], strict=True):
            if score > best_score:
                best, best_score = program, score
    return best


def question(program, place):
    """What is asked about one line of a program; the line comes last, so that servers can reuse what precedes it."""
    return (
        f"```python\n{program}\n```\n"
        "This program looks for a good answer, but gives up too early and finds a poor one. Make it find a better "
        "answer by changing only one line. Reply with the new line only, without any explanation. "
        f"This is the line to change:\n{program.split(chr(10))[place].strip()}"
    )


def changed(program, place, reply):
    """The program with the line of the reply in that place; a whole program in the reply is taken as it is."""
    code = extract_code(reply) or reply
    if "\ndef " in code:
        return code
    lines = program.split("\n")
    indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
    new = next((line.strip(" `") for line in code.split("\n") if line.strip(" `")), "")
    return "\n".join([*lines[:place], indent + new, *lines[place + 1 :]])
