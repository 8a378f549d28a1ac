"""A genetic algorithm: programs that score well become parents, and the model crosses two of them.

Found by GPT-4 in STOP (arXiv:2310.02304, Figure 1), whose repository has none: population, elite and selection are
ours. A parent is the better of two that are drawn at random (a tournament; Eiben & Smith, Introduction to Evolutionary
Computing, 2nd edition, section 5.2); the elite survives from one generation to the next, all others are replaced.
"""

import random

from helpers import extract_code

POPULATION = 6
ELITE = 2


def improve_algorithm(initial_solution, utility, language_model):
    """`initial_solution`, or the best program of all generations, each of them one prompt."""
    population = [(utility(initial_solution), initial_solution)]
    tried = {initial_solution}
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        messages = [crossover(population, utility.str) for _ in range(n)]
        replies = language_model.batch_prompt(EXPERTISE, messages, temperature=0.7)
        programs = [p for p in dict.fromkeys(extract_code(replies)) if p and p not in tried]
        tried.update(programs)
        children = list(zip(utility.map(programs), programs, strict=True))
        survivors = sorted(population, key=fitness, reverse=True)[:ELITE]
        population = sorted(survivors + children, key=fitness, reverse=True)[:POPULATION]
    return population[0][1]


EXPERTISE = "You are an experienced programmer and researcher. You make good programs better."


def crossover(population, task):
    """A question about two parents; while there is but one program, about that one."""
    mother, father = tournament(population), tournament(population)
    other = f"Here is another one for the same purpose:\n\n```python\n{father}\n```\n\n" if father != mother else ""
    wish = "Combine what is good in both" if other else "Improve the program"
    return (
        f"Here is a program:\n\n```python\n{mother}\n```\n\n{other}"
        f"This is what it is for and how it is scored; higher is better.\n\n{task}\n\n"
        f"{wish}. Say your idea in one sentence, then give the whole new program in one fenced block."
    )


def tournament(population):
    """The better one of two members that are drawn at random."""
    drawn = random.choices(population, k=2)
    return max(drawn, key=fitness)[1]


def fitness(scored):
    """Of a score and its program, the score: of equal ones the older stays in front."""
    return scored[0]
