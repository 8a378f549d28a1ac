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
    where = {fact[1]: fact[2] for fact in start if fact[0] == "in"}
    robot = [fact[1] for fact in start if fact[0] == "robot-in"][0]
    home = robot
    plan = []
    for _, ball, room in random.sample(goal, len(goal)):
        plan += go(robot, where[ball])
        plan.append(["pick", ball, where[ball], "left"])
        plan += go(where[ball], room)
        plan.append(["drop", ball, room, "left"])
        plan += go(room, home)
        robot = home
    return plan


def go(source, room):
    return [["move", source, room]] if source != room else []
