"""Logistics: trucks within cities and one airplane between them deliver packages, with shortest plans proved by A*.

Owns: instances, their score, what is wrong with a plan. Does not own: following and finding plans (library planning),
limits and sizes (task.toml), words (statement.md).
"""

import random

ACTIONS = {  # name: (parameters, what must hold, what holds then, what no longer holds)
    "load-truck": ("p t x", "package p, truck t, at t x, at p x", "in p t", "at p x"),
    "unload-truck": ("p t x", "package p, truck t, in p t, at t x", "at p x", "in p t"),
    "load-airplane": ("p a x", "package p, airplane a, at a x, at p x", "in p a", "at p x"),
    "unload-airplane": ("p a x", "package p, airplane a, in p a, at a x", "at p x", "in p a"),
    "drive": ("t x y c", "truck t, at t x, in-city x c, in-city y c", "at t y", "at t x"),
    "fly": ("a x y", "airplane a, at a x, airport x, airport y", "at a y", "at a x"),
}


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [start, goal], two lists of facts; hidden the optimum and a plan that has it."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """Fewest steps over those of this plan, in [0, 1]; 0.0 for a plan that fails."""
    return 0.0 if _fault(instance, output) else instance["hidden"]["optimum"] / len(output)


def explain(instance: dict, output: object) -> str:
    """The first thing that is wrong with a plan; "" if it is merely too long."""
    return _fault(instance, output)


def _fault(instance: dict, output: object) -> str:
    return strips_fault(output, SIZES["most_steps"], ACTIONS, *instance["input"])


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"logistics/{split}/{block}/{seed}/{i}")
    few = "train_" if split == "train" else ""
    cities = {  # the first place of each is its airport
        f"city{c}": [f"place{c}{x}" for x in range(1, 1 + rng.randint(*SIZES["places"]))]
        for c in range(1, 1 + rng.randint(*SIZES[few + "cities"]))
    }
    places = [place for city in cities.values() for place in city]
    packages = [f"package{i}" for i in range(1, 1 + rng.randint(*SIZES[few + "packages"]))]
    start = goal = [rng.choice(places) for _ in packages]
    while goal == start:
        goal = [rng.choice(places) for _ in packages]
    given = [[kind, place] for city in cities.values() for kind, place in [("airport", city[0])]]
    given += [["in-city", place, city] for city, inside in cities.items() for place in inside]
    given += [fact for city, inside in cities.items() for fact in _vehicle("truck", f"truck{city[4:]}", inside, rng)]
    given += _vehicle("airplane", "airplane", [inside[0] for inside in cities.values()], rng)
    given += [fact for package, at in zip(packages, start) for fact in (["package", package], ["at", package, at])]
    wanted = [["at", package, place] for package, place in zip(packages, goal)]
    plan = strips_plan(ACTIONS, given, wanted, lambda bits: _estimate(cities, wanted, bits))
    hidden = {"optimum": len(plan), "solution": plan, "method": "exact: A* with an estimate that never exceeds"}
    return {"id": f"{split}-{block}-{i}", "input": [given, wanted], "hidden": hidden}


def _vehicle(kind: str, name: str, places: list[str], rng: random.Random) -> list[list[str]]:
    return [[kind, name], ["at", name, rng.choice(places)]]


def _estimate(cities: dict[str, list[str]], wanted: list[list[str]], bits: dict):
    """What is left to do with each package by itself, and where vehicles must come: each move serves one such place."""
    return errands_estimate([_errand(cities, package, goal, bits) for _, package, goal in wanted])


def _errand(cities: dict[str, list[str]], package: str, goal: str, bits: dict) -> dict[int, tuple[int, int, int]]:
    """The bit of where the package is -> steps with it that are left, where a vehicle must come, where it must be."""
    airports = {city: places[0] for city, places in cities.items()}
    (there,) = (city for city, places in cities.items() if goal in places)
    land = bits["at", "airplane", airports[there]]
    truck = {place: bits["at", f"truck{city[4:]}", place] for city, places in cities.items() for place in places}
    # from the airport of the city of the goal on
    steps, come, be = (0, 0, 0) if goal == airports[there] else (2, truck[goal], truck[airports[there]])
    errand = {bits["in", package, "airplane"]: (steps + 1, come, be | land)}
    for city, places in cities.items():
        airport = airports[city]
        fly = bits["at", "airplane", airport]
        for place in places:
            if city == there:
                left = (2, truck[goal], truck[place]) if place != goal else (0, 0, 0)
            elif place == airport:
                left = (steps + 2, come | land, be | fly)
            else:
                left = (steps + 4, come | land | truck[airport], be | fly | truck[place])
            errand[bits["at", package, place]] = left
        on_truck = (1, 0, truck[goal]) if city == there else (steps + 3, come | land, be | fly | truck[airport])
        errand[bits["in", package, f"truck{city[4:]}"]] = on_truck
    return errand
