import random


def algorithm(start, goal):
    plan = attempt(start, goal)
    for _ in range(4):
        plan = improve(plan, start, goal)
    return plan


def improve(plan, start, goal):
    other = attempt(start, goal)
    if len(other) < len(plan) - 3:
        return other
    return plan


def attempt(start, goal):
    city = {fact[1]: fact[2] for fact in start if fact[0] == "in-city"}
    airport = {city[fact[1]]: fact[1] for fact in start if fact[0] == "airport"}
    at = {fact[1]: fact[2] for fact in start if fact[0] == "at"}
    plane = [fact[1] for fact in start if fact[0] == "airplane"][0]
    truck = {city[at[fact[1]]]: fact[1] for fact in start if fact[0] == "truck"}
    plan = []
    for _, package, place in random.sample(goal, len(goal)):
        here, there = city[at[package]], city[place]
        by_truck(package, airport[here], truck[here], here, at, plan)
        if here != there:
            by_plane(package, airport[there], plane, at, plan)
        by_truck(package, place, truck[there], there, at, plan)
    return plan


def by_truck(package, place, truck, city, at, plan):
    if at[package] == place:
        return
    base = at[truck]
    for stop, step in [(at[package], "load-truck"), (place, "unload-truck"), (base, "")]:
        if at[truck] != stop:
            plan.append(["drive", truck, at[truck], stop, city])
            at[truck] = stop
        if step:
            plan.append([step, package, truck, stop])
    at[package] = place


def by_plane(package, place, plane, at, plan):
    base = at[plane]
    for stop, step in [(at[package], "load-airplane"), (place, "unload-airplane"), (base, "")]:
        if at[plane] != stop:
            plan.append(["fly", plane, at[plane], stop])
            at[plane] = stop
        if step:
            plan.append([step, package, plane, stop])
    at[package] = place
