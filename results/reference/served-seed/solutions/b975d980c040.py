import random
import numpy as np
from typing import List

def algorithm(clauses: List[List[int]], variables: int) -> List[int]:
    values = [1] * variables
    for _ in range(4):
        values = improve(values, clauses)
    return values

def improve(values: List[int], clauses: List[List[int]]) -> List[int]:
    best_values = values.copy()
    best_improvement = 0.0
    for _ in range(100):
        for i in range(len(values)):
            original_value = values[i]
            values[i] = 1 - original_value
            improvement = satisfied(values, clauses) - satisfied(original_values, clauses)
            if improvement > best_improvement:
                best_values = values.copy()
                best_improvement = improvement
            values[i] = original_value
    return best_values

def satisfied(values: List[int], clauses: List[List[int]]) -> int:
    total = 0
    for clause in clauses:
        if any((values[abs(v) - 1] == (v > 0) for v in clause)):
            total += 1
    return total

def check_solution(clauses: List[List[int]], variables: int, solution: List[int]) -> bool:
    return all((satisfied([cl for cl in clauses if cl[0] != v and cl[1] != v], [1 if i != v else -1 for i in range(variables)]) for v in range(1, variables + 1)))
clauses = [[1, 2, 3], [1, -2, -3], [-1, 2, -3], [-1, -2, 3]]
variables = 3
solution = algorithm(clauses, variables)
print('Satisfiable:', check_solution(clauses, variables, solution))
print('Solution:', solution)