import random
import numpy as np

def algorithm(clauses, variables):
    values = np.array([1] * variables)
    for _ in range(4):
        improved_values = improve(values, clauses)
        if improved_values is None:
            break
        values = improved_values
    return values.tolist()

def improve(values, clauses):
    best_improvement = -1
    best_variable = None
    for variable in range(variables):
        if values[variable] == 1:
            continue
        for literals in clauses:
            if literals[0] != variable and literals[1] != variable:
                continue
            if literals[2] != variable:
                continue
            new_values = values.copy()
            new_values[variable] = 1
            if satisfied(new_values, clauses) > satisfied(values, clauses) + 1:
                improvement = satisfied(new_values, clauses) - satisfied(values, clauses)
                if improvement > best_improvement:
                    best_improvement = improvement
                    best_variable = variable
    if best_variable is None:
        return None
    new_values = values.copy()
    new_values[best_variable] = 1
    return new_values

def satisfied(values, clauses):
    total = 0
    for clause in clauses:
        if any(values[abs(literal) - 1] == (literal > 0) for literal in clause):
            total += 1
    return total

def score(instance: dict, output: object) -> float:
    """1.0 if all clauses are satisfied, else at most 0.5, near 0 for random values; 0.0 for no assignment."""
    clauses, variables = instance["input"]
    values = _values(output, variables)
    if values is None:
        return 0.0
    unsatisfied = sum(not any(values[abs(v) - 1] == (v > 0) for v in clause) for clause in clauses)
    return 1.0 if unsatisfied == 0 else 0.5 * max(0.0, 1.0 - 8 * unsatisfied / len(clauses))

def _values(output: object, variables: int) -> list[int] | None:
    if type(output) is np.ndarray and output.ndim == 1 and output.dtype.kind in "iub":
        output = output.tolist()
    if type(output) not in (list, tuple) or len(output) != variables:
        return None
    # type(), not isinstance: a subclass may lie about its value
    return list(output) if