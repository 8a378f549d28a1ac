import random
import numpy as np

def algorithm(clauses, variables):
    values = [1] * variables
    for _ in range(4):
        values = improve(values, clauses)
    return values

def improve(values, clauses):
    impacts = []
    for variable in range(variables):
        changed = list(values)
        changed[variable] = 1 - values[variable]
        unsatisfied_after = sum((not any((changed[abs(v) - 1] == (v > 0) for v in clause)) for clause in clauses))
        impacts.append((unsatisfied_after, variable))
    impacts.sort(reverse=True)
    for _, variable in impacts:
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