"""A multi-armed bandit over prompts: ask more often in the words that have found something better.

Found by GPT-4 in STOP (arXiv:2310.02304, Figure 1), whose repository has none. The rule is UCB1 (Auer, Cesa-Bianchi &
Fischer, Finite-time analysis of the multiarmed bandit problem, Machine Learning 47 (2002), 235-256, Figure 1): the arm
with the highest mean reward + sqrt(2 ln(all pulls) / its pulls). A reward is 1 for a program that is better than the
best so far, else 0. A pull counts as soon as it is asked, for the replies to one prompt come together.
"""

import math

from helpers import extract_code

ARMS = [
    "Find a mistake in it, and put it right.",
    "Use a better method for the same purpose.",
    "Keep the method, and let it try more in the time that it has.",
    "Let it keep the best answer so far, and go on from there.",
    "Change one number or one condition.",
    "Rewrite one function, and leave the others as they are.",
]


def improve_algorithm(initial_solution, utility, language_model):
    """`initial_solution`, or the best program that was found when the budgets were spent."""
    best, best_score = initial_solution, utility(initial_solution)
    pulls, rewards = [0] * len(ARMS), [0] * len(ARMS)
    tried = {best}
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        arms = [pull(pulls, rewards) for _ in range(n)]
        messages = [question(best, utility.str, ARMS[arm]) for arm in arms]
        answers = extract_code(language_model.batch_prompt(EXPERTISE, messages, temperature=0.7))
        programs = [p for p in dict.fromkeys(answers) if p and p not in tried]
        tried.update(programs)
        scores = dict(zip(programs, utility.map(programs), strict=True))
        for arm, answer in zip(arms, answers, strict=True):
            rewards[arm] += scores.get(answer, 0.0) > best_score
        for program, score in scores.items():
            if score > best_score:
                best, best_score = program, score
    return best


EXPERTISE = "You are an experienced programmer and researcher. You make good programs better."


def question(program, task, idea):
    """What is asked about a program; the arm's words come last, so that servers can reuse what precedes them."""
    return (
        f"Here is a program:\n\n```python\n{program}\n```\n\n"
        f"This is what it is for and how it is scored; higher is better.\n\n{task}\n\n"
        "Improve the program. Say your idea in one sentence, then give the whole new program in one fenced block. "
        f"{idea}"
    )


def pull(pulls, rewards):
    """The arm with the highest upper confidence bound, which is one that was not pulled yet while there are such."""
    arm = max(range(len(pulls)), key=lambda arm: bound(pulls[arm], rewards[arm], sum(pulls)))
    pulls[arm] += 1
    return arm


def bound(pulls, rewards, total):
    """UCB1's optimistic estimate of an arm's mean reward."""
    return rewards / pulls + math.sqrt(2 * math.log(total) / pulls) if pulls else math.inf
