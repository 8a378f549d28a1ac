"""A* over (room of the robot, place of each ball), where a held ball is in no room; hands are given out at the end."""

import heapq

HELD = "held"


def algorithm(start, goal):
    rooms = [fact[1] for fact in start if fact[0] == "room"]
    (robot,) = [fact[1] for fact in start if fact[0] == "robot-in"]
    places = {fact[1]: fact[2] for fact in start if fact[0] == "in"}
    wanted = {fact[1]: fact[2] for fact in goal}
    balls = sorted(wanted)
    aims = tuple(wanted[ball] for ball in balls)

    def left(state):
        here, at = state
        steps, visits = 0, set()
        for place, aim in zip(at, aims, strict=True):
            if place == HELD:
                steps += 1
                visits |= {aim} - {here}
            elif place != aim:
                steps += 2
                visits |= {aim} | ({place} - {here})
        return steps + len(visits)

    def after(state):
        here, at = state
        for room in rooms:
            if room != here:
                yield ("move", here, room), (room, at)
        for i, place in enumerate(at):
            if place == HELD:
                yield ("drop", i, here), (here, (*at[:i], here, *at[i + 1 :]))
            elif place == here and at.count(HELD) < 2:
                yield ("pick", i, here), (here, (*at[:i], HELD, *at[i + 1 :]))

    first = robot, tuple(places[ball] for ball in balls)
    state, before = searched(first, lambda state: state[1] == aims, after, left)
    return with_hands(state, before, balls)


def with_hands(state, before, balls):
    found = []
    while state in before:
        state, step = before[state]
        found.append(step)
    plan, hands, free = [], {}, ["left", "right"]
    for name, what, room in reversed(found):
        if name == "move":
            plan.append([name, what, room])
            continue
        if name == "pick":
            hands[what] = free.pop()
        else:
            free.append(hands[what])
        plan.append([name, balls[what], room, hands[what]])
    return plan


def searched(first, done, after, left):
    """The last state of a shortest way, and what came before each state."""
    steps, before = {first: 0}, {}
    queue = [(left(first), 0, first)]
    while True:
        _, taken, state = heapq.heappop(queue)
        if done(state):
            return state, before
        for step, further in after(state):
            if steps[state] + 1 < steps.get(further, 10**9):
                steps[further], before[further] = steps[state] + 1, (state, step)
                heapq.heappush(queue, (steps[further] + left(further), -steps[further], further))
