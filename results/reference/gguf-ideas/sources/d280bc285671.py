"""Name an idea, ask for the one line that carries it out, and keep each change that raises the score.

The ideas are the scaffold's; what is asked of the model is to find the line and to write it.
"""

import random
import re

from helpers import extract_code

IDEAS = [
    "search a thousand times longer",
    "search a hundred times longer",
    "accept every change that is better, however little",
    "accept a change that is equally good, too",
    "start from a random answer",
]


def improve_algorithm(initial_solution, utility, language_model):
    """`initial_solution` after hill climbing: every reply is one changed line of the best program so far."""
    best, best_score = initial_solution, utility(initial_solution)
    tried = {best}
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        messages = [question(best, idea) for idea in random.sample(IDEAS * n, n)]
        replies = language_model.batch_prompt("You improve Python programs.", messages, temperature=0.7)
        programs = dict.fromkeys(changed(best, reply) for reply in replies)
        programs = [program for program in programs if program not in tried]
        tried.update(programs)
        for program, score in zip(programs, utility.map(programs) if programs else [], strict=True):
            if score > best_score:
                best, best_score = program, score
    return best


def question(program, idea):
    """What is asked about a program; the idea comes last, so that servers can reuse what precedes it."""
    return (
        f"```python\n{program}\n```\n"
        "Change one line of this program. Reply with two lines and nothing else:\n"
        "OLD: <the whole line as it stands in the program>\nNEW: <the line in its place>\n"
        f"What the change shall do: {idea}."
    )


def changed(program, reply):
    """The program after the change of the reply; a whole program in the reply is taken as it is."""
    said = re.search(r"OLD:(.*?)NEW:(.*)", reply, re.DOTALL)
    if not said:
        return extract_code(reply) or program
    for before, after in zip(lines(said[1]), lines(said[2]), strict=False):
        if before != after and before in program:  # of several lines, the first that differs
            return program.replace(before, after, 1)
    return program


def lines(text):
    """The lines of a part of a reply, without fences and indentation."""
    stripped = (line.strip(" `") for line in text.split("\n"))
    return [line for line in stripped if line not in ("", "python")]
