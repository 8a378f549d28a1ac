import random
import time
import sys
import numpy as np

def algorithm(flow, distance, preference):
    start_time = time.time()
    places = list(range(len(flow)))
    for _ in range(4):
        places = improve(places, flow, distance, preference)
    end_time = time.time()
    if end_time - start_time > 0.25:
        return []
    if not places or len(places) != len(flow):
        return []
    if any((type(place) is not int for place in places)) or set(places) != set(range(len(flow))):
        return []
    return places

def improve(places, flow, distance, preference):
    start_time = time.time()
    a, b = random.sample(range(len(places)), 2)
    changed = list(places)
    changed[a], changed[b] = (places[b], places[a])
    if cost(changed, flow, distance, preference) < cost(places, flow, distance, preference) - 20:
        return changed
    end_time = time.time()
    if end_time - start_time > 0.25:
        return []
    return places

def cost(places, flow, distance, preference):
    start_time = time.time()
    facilities = range(len(places))
    transport = sum((int(flow[i][j]) * int(distance[places[i]][places[j]]) for i in facilities for j in facilities))
    preference_cost = sum((int(preference[i][places[i]]) for i in facilities))
    end_time = time.time()
    if end_time - start_time > 0.25:
        return []
    return transport - SIZES['preference_weight'] * preference_cost