import random

def algorithm(clauses, variables):
    values = [1] * variables
    for _ in range(4):
        values = improve(values, clauses)
    return values

def improve(values, clauses):
    variable = random.randrange(len(values))
    changed = list(values)
    changed[variable] = 1 - values[variable]
    if satisfied(changed, clauses) > satisfied(values, clauses) + 1:
        return changed
    return values

def satisfied(values, clauses):
    total = 0
    for clause in clauses:
        if any((values[abs(literal) - 1] == (literal > 0) for literal in clause)):
            total += 1
    return total