import random
from itertools import pairwise

def algorithm(target, distance):
    text = 'A' * len(target)
    for _ in range(4):
        text = improve(text, target, distance)
    return text

def improve(text, target, distance):
    changes = _changes(text)
    changes_dict = {c: changes.count(c) for c in text}
    most_common_change = max(changes_dict, key=changes_dict.get)
    place = text.find(most_common_change)
    changed = text[:place] + random.choice('AB') + text[place + 1:]
    if miss(changed, target, distance) < miss(text, target, distance):
        return changed
    return text

def miss(text, target, distance):
    different = sum((a != b for a, b in zip(text, target, strict=True)))
    return abs(different + _changes(text) + _changes(target) - distance)

def _changes(s: str) -> int:
    return sum((a != b for a, b in zip(s, s[1:], strict=False)))