import random


def algorithm(start, goal, pegs):
    plan = attempt(start, goal, pegs)
    for _ in range(4):
        plan = improve(plan, start, goal, pegs)
    return plan


def improve(plan, start, goal, pegs):
    other = attempt(start, goal, pegs)
    if len(other) < len(plan) - 12:
        return other
    return plan


def attempt(start, goal, pegs):
    at = list(start)
    plan = []
    gathered = [random.randrange(pegs)] * len(at)
    for aim in [gathered, goal]:
        for disc in reversed(range(len(at))):
            bring(disc, aim[disc], at, pegs, plan)
    return plan


def bring(disc, peg, at, pegs, plan):
    if at[disc] == peg:
        return
    spare = random.choice([p for p in range(pegs) if p != peg and p != at[disc]])
    for smaller in reversed(range(disc)):
        bring(smaller, spare, at, pegs, plan)
    plan.append([at[disc], peg])
    at[disc] = peg
