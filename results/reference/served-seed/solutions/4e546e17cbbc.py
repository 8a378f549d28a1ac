import random
from itertools import pairwise
import numpy as np

def algorithm(target, distance):
    text = 'A' * len(target)
    for _ in range(4):
        text = improve(text, target, distance)
    return text

def improve(text, target, distance):
    place = random.randrange(len(text))
    changed = text[:place] + random.choice('AB') + text[place + 1:]
    if miss(changed, target, distance) < miss(text, target, distance):
        return changed
    return text

def miss(text, target, distance):
    different = sum((a != b for a, b in zip(text, target, strict=True)))
    return abs(different + changes(text) + changes(target) - distance)

def changes(text):
    return sum((a != b for a, b in pairwise(text)))

def grid_distance(s, t):
    return sum((a != b for a, b in zip(s, t))) + changes(s) + changes(t)

def distance_score(target, distance):
    return np.mean([score(instance, algorithm(instance['input'], distance)) for instance in instances])

def main():
    instances = load_instances()
    score = distance_score(target, distance)
    print(f'Mean distance score: {score:.2f}')
if __name__ == '__main__':
    main()