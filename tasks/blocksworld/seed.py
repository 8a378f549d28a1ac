import random


def algorithm(start, goal):
    plan = attempt(start, goal)
    for _ in range(4):
        plan = improve(plan, start, goal)
    return plan


def improve(plan, start, goal):
    other = attempt(start, goal)
    if len(other) < len(plan) - 8:
        return other
    return plan


def attempt(start, goal):
    under = supports(start)
    wanted = supports(goal)
    plan = []
    while under != wanted:
        block = random.choice([b for b in under if b not in under.values()])
        place = wanted[block]
        if not settled(place, under, wanted) or random.random() < 0.4:
            place = "table"
        if under[block] != place:
            plan += move(block, under[block], place)
            under[block] = place
    return plan


def supports(facts):
    under = {}
    for fact in facts:
        if fact[0] == "on":
            under[fact[1]] = fact[2]
        if fact[0] == "on-table":
            under[fact[1]] = "table"
    return under


def settled(place, under, wanted):
    if place == "table":
        return True
    if place in under.values():
        return False
    while place != "table":
        if under[place] != wanted[place]:
            return False
        place = under[place]
    return True


def move(block, source, place):
    lift = ["pick-up", block] if source == "table" else ["unstack", block, source]
    put = ["put-down", block] if place == "table" else ["stack", block, place]
    return [lift, put]
