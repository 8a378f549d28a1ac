import random
import numpy as np

def algorithm(clauses, variables):
    values = [1] * variables
    for _ in range(4):
        improved_values = improve(values, clauses)
        if improved_values is None:
            continue
        values = improved_values
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
        if any(values[abs(literal) - 1] == (literal > 0) for literal in clause):
            total += 1
    return total

def check_consistency(values, clauses):
    for clause in clauses:
        if any(values[abs(literal) - 1] == (literal > 0) for literal in clause):
            continue
        return False
    return True

def score(instance: dict, output: object) -> float:
    """1.0 if all clauses are satisfied, else at most 0.5, near 0 for random values; 0.0 for no assignment."""
    clauses, variables = instance["input"]
    values = _values(output, variables)
    if values is None:
        return 0.0
    unsatisfied = sum(not any(values[abs(v) - 1] == (v > 0) for v in clause) for clause in clauses)
    if not check_consistency(values, clauses):
        return 0.0
    return 1.0 if unsatisfied == 0 else 0.5 * max(0.0, 1.0 - 8 * unsatisfied / len(clauses))

def _values(output: object, variables: int) -> list[int] | None:
    if type(output) is np.ndarray and output.ndim == 1 and output.dtype.kind in "iub":
        output = output.tolist()
    if type(output) not in (list, tuple) or len(output) != variables:
        return None
    return list(output) if all(type(v) in (int, bool) and v in (0, 1) for v in output) else None