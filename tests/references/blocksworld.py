"""A* over towers; a block that does not stand as in the goal is moved at least once, by two steps."""

import heapq


def algorithm(start, goal):
    under, wanted = supports(start), supports(goal)
    blocks = sorted(under)

    def left(state):
        good = {"table"}
        for _ in blocks:
            good |= {b for b, place in zip(blocks, state, strict=True) if place == wanted[b] and place in good}
        return sum(b not in good for b in blocks)

    first = tuple(under[b] for b in blocks)
    steps, before = {first: 0}, {}
    queue = [(left(first), 0, first)]
    while queue:
        _, taken, state = heapq.heappop(queue)
        if not left(state):
            break
        clear = [i for i, b in enumerate(blocks) if b not in state]
        for i in clear:
            for place in ["table", *(blocks[j] for j in clear if j != i)]:
                after = (*state[:i], place, *state[i + 1 :])
                if steps[state] + 1 < steps.get(after, 10**9):
                    steps[after], before[after] = steps[state] + 1, (state, blocks[i], state[i], place)
                    heapq.heappush(queue, (steps[after] + left(after), -steps[after], after))
    plan = []
    while state in before:
        state, block, source, place = before[state]
        plan.append(["put-down", block] if place == "table" else ["stack", block, place])
        plan.append(["pick-up", block] if source == "table" else ["unstack", block, source])
    return plan[::-1]


def supports(facts):
    tables = {fact[1]: "table" for fact in facts if fact[0] == "on-table"}
    return {**tables, **{fact[1]: fact[2] for fact in facts if fact[0] == "on"}}
