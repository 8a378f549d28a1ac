"""A* over (place of each vehicle, place or vehicle of each package)."""

import heapq


def algorithm(start, goal):
    world = World(start, goal)
    state, before = searched(world.first, lambda state: state[1] == world.aims, world.after, world.left)
    plan = []
    while state in before:
        state, (name, what, a, b) = before[state]
        if name == "go":
            plan.append(["fly", what, a, b] if what == world.plane else ["drive", what, a, b, world.city[a]])
        else:
            plan.append([f"{name}-{'airplane' if a == world.plane else 'truck'}", world.packages[what], a, b])
    return plan[::-1]


class World:
    def __init__(self, start, goal):
        self.city = {fact[1]: fact[2] for fact in start if fact[0] == "in-city"}
        self.airports = {self.city[fact[1]]: fact[1] for fact in start if fact[0] == "airport"}
        at = {fact[1]: fact[2] for fact in start if fact[0] == "at"}
        self.trucks = {self.city[at[fact[1]]]: fact[1] for fact in start if fact[0] == "truck"}
        (self.plane,) = [fact[1] for fact in start if fact[0] == "airplane"]
        self.vehicles = [*self.trucks.values(), self.plane]
        self.stops = {self.trucks[c]: [x for x in self.city if self.city[x] == c] for c in self.trucks}
        self.stops[self.plane] = list(self.airports.values())
        self.packages = [fact[1] for fact in goal]
        self.aims = tuple(fact[2] for fact in goal)
        self.first = tuple(at[v] for v in self.vehicles), tuple(at[p] for p in self.packages)

    def route(self, place, aim):
        """(vehicle, from, to) of each ride that a package at a place still needs."""
        if self.city[place] == self.city[aim]:
            return [(self.trucks[self.city[aim]], place, aim)] if place != aim else []
        here, there = self.airports[self.city[place]], self.airports[self.city[aim]]
        first = [(self.trucks[self.city[place]], place, here)] if place != here else []
        last = [(self.trucks[self.city[aim]], there, aim)] if there != aim else []
        return [*first, (self.plane, here, there), *last]

    def left(self, state):
        """Never more than the steps left: two for each ride of a package, one for each place to come to."""
        now = dict(zip(self.vehicles, state[0], strict=True))
        steps, come = 0, set()
        for where, aim in zip(state[1], self.aims, strict=True):
            stop = where
            if where in now:  # it is in a vehicle, and to be given out at this stop
                stop = self.airports[self.city[aim]]
                if where != self.plane:
                    home = self.city[now[where]]
                    stop = aim if self.city[aim] == home else self.airports[home]
                steps += 1
                come |= {(where, stop)} - {(where, now[where])}
            for vehicle, source, target in self.route(stop, aim):
                steps += 2
                come |= {(vehicle, target)} | ({(vehicle, source)} - {(vehicle, now[vehicle])})
        return steps + len(come)

    def after(self, state):
        spots, inside = state
        for v, (vehicle, spot) in enumerate(zip(self.vehicles, spots, strict=True)):
            for stop in self.stops[vehicle]:
                if stop != spot:
                    yield ("go", vehicle, spot, stop), ((*spots[:v], stop, *spots[v + 1 :]), inside)
            for p, where in enumerate(inside):
                if where in (spot, vehicle):
                    name, further = ("load", vehicle) if where == spot else ("unload", spot)
                    yield (name, p, vehicle, spot), (spots, (*inside[:p], further, *inside[p + 1 :]))


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
