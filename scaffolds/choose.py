"""Ask for a choice among a few listed edits, and keep each chosen edit that raises the score.

The scaffold makes the edits, of numbers and comparisons; the model only names one.
"""

import random
import re

from helpers import extract_code

KINDS = {r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])": "0 1 0.5 2 10 100 1000", r"(?<= )[<>]=?(?= )": "< <= > >="}
LISTED = 6


def improve_algorithm(initial_solution, utility, language_model):
    """`initial_solution` after hill climbing: every reply chooses an edit of the best program so far."""
    best, best_score = initial_solution, utility(initial_solution)
    tried = {best}
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        left = [edit for edit in edits(best) if edit[1] not in tried]
        menus = [random.sample(left, min(LISTED, len(left))) for _ in range(n)]
        messages = [question(best, menu) for menu in menus]
        replies = language_model.batch_prompt("You improve Python programs.", messages, temperature=0.7)
        programs = dict.fromkeys(chosen(menu, reply) for menu, reply in zip(menus, replies, strict=True))
        programs = [program for program in programs if program and program not in tried]
        tried.update(programs)
        for program, score in zip(programs, utility.map(programs) if programs else [], strict=True):
            if score > best_score:
                best, best_score = program, score
    return best


def edits(program):
    """(what is changed, the changed program) for each edit that the scaffold knows how to make."""
    found, lines = [], program.split("\n")
    for number, line in enumerate(lines):
        for pattern, others in KINDS.items():
            for place in re.finditer(pattern, line):
                for new in others.split():
                    changed = line[: place.start()] + new + line[place.end() :]
                    if changed != line:
                        text = "\n".join([*lines[:number], changed, *lines[number + 1 :]])
                        found.append((f"`{line.strip()}` becomes `{changed.strip()}`", text))
    return found


def question(program, menu):
    """What is asked about a program."""
    listed = "\n".join(f"{chr(65 + k)}: {words}" for k, (words, _) in enumerate(menu))
    return (
        f"```python\n{program}\n```\n"
        "This program looks for a good answer, but gives up too early and finds a poor one. Which of these edits makes "
        f"it find a better answer?\n{listed}\nReply with the letter of one edit and nothing else."
    )


def chosen(menu, reply):
    """The program that the reply chose; a whole program in the reply is taken as it is; None for anything else."""
    letter = re.match(r"\W*([A-Z])\b", reply)
    if letter and ord(letter[1]) - 65 < len(menu):
        return menu[ord(letter[1]) - 65][1]
    return extract_code(reply) or None
