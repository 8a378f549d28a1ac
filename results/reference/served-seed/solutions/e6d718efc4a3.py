import random

def algorithm(flow, distance, preference):
    places = list(range(len(flow)))
    for _ in range(4):
        places = improve(places, flow, distance, preference)
    return places

def improve(places, flow, distance, preference):
    a, b = random.sample(range(len(places)), 2)
    changed = list(places)
    changed[a], changed[b] = (places[b], places[a])
    if cost(changed, flow, distance, preference) < cost(places, flow, distance, preference) - 20:
        return changed
    return places

def cost(places, flow, distance, preference):
    total = 0
    for a in range(len(places)):
        total -= preference[a][places[a]] / 2
        for b in range(len(places)):
            total += flow[a][b] * distance[places[a]][places[b]]
    return total