import random


def algorithm(weights, capacity):
    bag = []
    for _ in range(4):
        bag = improve(bag, weights, capacity)
    return bag


def improve(bag, weights, capacity):
    item = random.randrange(len(weights))
    if item not in bag and weight_of(bag, weights) + weights[item] <= capacity:
        return [*bag, item]
    return bag


def weight_of(bag, weights):
    return sum(weights[item] for item in bag)
