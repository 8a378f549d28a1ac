"""OpenEvolve: islands of programs, each with a grid of features that keeps the best program of every cell.

As published (codelion/openevolve: config.py, database.py): 5 islands; 10 bins of length and of diversity, which is the
mean over up to 20 other programs of 0.1 |characters| + 10 |lines| + 0.5 |character sets apart|; a parent is any program
of the island (0.2), one of the elites (0.7), or drawn in proportion to max(score, 0.001) (0.1); shown beside it are the
top 3, 2 diverse ones and 3 others; every 50 generations the best tenth of an island, at least one program, is copied
to both neighbours in a ring, a migrant never again, and never to where the same code is.

Scaled to 24 replies of 1,000 and more: 3 islands, 4 bins, migration after every second prompt, and beside the parent
the best program of the island and one other. There bins move with a minimum and maximum that run, so that a cell means
something else later than when it was filled; here the grid is laid out anew over the whole island whenever it is asked.
A program that scores 0 is no parent while there is a better one; in OpenEvolve it can be (its issue 70).
"""

import functools
import random
from dataclasses import dataclass, replace

from helpers import extract_code

ISLANDS, BINS, REFERENCES = 3, 4, 20
EXPLORE, EXPLOIT = 0.2, 0.7
PROMPTS_TO_MIGRATION, MIGRATION_RATE = 2, 0.1


@dataclass(frozen=True)
class Program:
    """A text and its score; migrant: whether it was born on another island."""

    text: str
    score: float
    migrant: bool = False


def improve_algorithm(initial_solution, utility, language_model):
    """The best program of all islands, the first of several; `initial_solution` is on each of them."""
    first = Program(initial_solution, utility(initial_solution))
    islands, seen, turn = [[first] for _ in range(ISLANDS)], {initial_solution}, 0
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        homes = [islands[(turn + i) % ISLANDS] for i in range(n)]
        turn += n
        messages = [question(parent_of(home), home, utility.str) for home in homes]
        replies = extract_code(language_model.batch_prompt(EXPERTISE, messages, temperature=0.7))
        new = {text: home for text, home in zip(replies, homes, strict=True) if text and text not in seen}
        seen.update(new)
        for text, score in zip(new, utility.map(list(new)), strict=True):
            new[text].append(Program(text, score))
        if language_model.times_used % PROMPTS_TO_MIGRATION == 0:
            migrate(islands)
    return max((program for island in islands for program in island), key=lambda program: program.score).text


def grid(island):
    """The elite of every cell: the program with the higher score; of equals the one that came first."""
    features = [(len(one.text), diversity(one.text, [other.text for other in island])) for one in island]
    lengths, diversities = zip(*features, strict=True)
    cells = {}
    for program, (length, apart) in zip(island, features, strict=True):
        cell = bin_of(length, lengths), bin_of(apart, diversities)
        if cell not in cells or program.score > cells[cell].score:
            cells[cell] = program
    return cells


def bin_of(value, values):
    """Which of the bins between the least and the greatest of `values` a value is in; the middle if all are equal."""
    low, high = min(values), max(values)
    share = (value - low) / (high - low) if high > low else 0.5
    return min(BINS - 1, int(share * BINS))


def diversity(text, others):
    """How far a text is from up to 20 others, on average; equal texts are not counted."""
    found = [distance(text, other) for other in others[:REFERENCES] if other != text]
    return sum(found) / max(1, len(found))


@functools.cache
def distance(one, other):
    """Between two texts: characters, lines, and characters that only one of them has."""
    lines = abs(one.count("\n") - other.count("\n"))
    return 0.1 * abs(len(one) - len(other)) + 10 * lines + 0.5 * len(set(one) ^ set(other))


def parent_of(island):
    """A program of the island to build on."""
    alive = [program for program in island if program.score > 0] or island
    chance = random.random()
    if chance < EXPLORE:
        return random.choice(alive)
    if chance < EXPLORE + EXPLOIT:
        return random.choice(list(grid(alive).values()))
    return random.choices(alive, [max(program.score, 0.001) for program in alive])[0]


def migrate(islands):
    """Copies the best of each island to both neighbours in the ring, all at the same time."""
    leaving = []
    for i, island in enumerate(islands):
        natives = sorted((program for program in island if not program.migrant), key=lambda one: -one.score)
        best = natives[: max(1, int(len(natives) * MIGRATION_RATE))]
        leaving += [(program, (i + step) % len(islands)) for program in best for step in (1, -1)]
    for program, place in leaving:
        if all(program.text != other.text for other in islands[place]):
            islands[place].append(replace(program, migrant=True))


EXPERTISE = "You are an experienced programmer and researcher. You make good programs better."


def question(parent, island, task):
    """What is asked about a program; others of its island come behind it."""
    others = [program for program in island if program.text != parent.text]
    shown = [max(others, key=lambda one: one.score), random.choice(others)] if others else []
    beside = "".join(f"Scores {one.score:.4f}:\n\n```python\n{one.text}\n```\n\n" for one in dict.fromkeys(shown))
    return (
        f"Here is a program that scores {parent.score:.4f}:\n\n```python\n{parent.text}\n```\n\n"
        f"This is what it is for and how it is scored; higher is better.\n\n{task}\n\n"
        + (f"Other programs for the same, to learn from:\n\n{beside}" if beside else "")
        + "Improve the first program. Say your idea in one sentence, then give the whole new one in one fenced block."
    )
