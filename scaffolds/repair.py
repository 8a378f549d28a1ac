"""Ask for one function at a time; give back the error of one that failed; keep each that raises the score."""

import ast
import random

from helpers import extract_code


def improve_algorithm(initial_solution, utility, language_model):
    """`initial_solution` after hill climbing: every reply is a new version of one function of the best program."""
    best, best_score = initial_solution, utility(initial_solution)
    failed = []  # questions about functions that raised
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        names = list(functions(best))
        messages = (failed + [question(best, random.choice(names)) for _ in range(n)])[:n]
        failed = []
        replies = language_model.batch_prompt("You improve Python programs.", messages, temperature=0.8)
        parent = best
        for code in dict.fromkeys(filter(None, extract_code(replies))):
            report = utility.report(merged(parent, code))
            if report["score"] > best_score:
                best, best_score = merged(parent, code), report["score"]
            errors = [one["detail"] for one in report["instances"] if one["status"] != "scored"]
            if errors:
                failed.append(f"```python\n{code}\n```\nThis fails: {errors[-1][-300:]}\nReply with it put right.")
    return best


def question(program, name):
    """What is asked about one function of a program."""
    return (
        f"```python\n{program}\n```\n"
        "This program looks for a good answer, but gives up too early and finds a poor one. Write a better version of "
        f"the function `{name}`, short and in plain Python. Reply with this function only, in one fenced block."
    )


def merged(program, code):
    """The program with the functions of `code` in place of its own of the same names; the code if it has no such."""
    try:
        new, old = functions(code), functions(program)
    except SyntaxError:
        return code
    for name in old:
        program = program.replace(old[name], new.get(name, old[name]))
    added = [text for name, text in new.items() if name not in old]
    return "\n\n\n".join([program.rstrip("\n"), *added]) + "\n" if len(added) < len(new) else code


def functions(program):
    """The source of each of its functions, by name."""
    nodes = [node for node in ast.parse(program).body if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.get_source_segment(program, node) for node in nodes}
