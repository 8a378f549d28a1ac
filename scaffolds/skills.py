"""Keeps a library of helper functions that it wrote earlier, in its own source.

After Voyager (arXiv:2305.16291, section 2.2; MineDojo/Voyager, voyager/agents/skill.py): a skill is a program that has
proved itself; one of a known name takes the place of the other; the 5 that fit best are shown with every task.

What is ours: nothing but its text outlives a scaffold, so the library is a text in it, and is written when the scaffold
improves itself: asked for a helper function, it adds the answer to LIBRARY, and keeps it if improvers with it score
higher. Programs may call skills as if they were there: those that are called are put in front. What fits is counted in
words that skill and task share; theirs is by embedding. The library is empty until a first skill was worth keeping.
"""

import ast
import functools
import random
import re

from helpers import extract_code

LIBRARY = """
"""
SHOWN, MOST = 5, 20


def improve_algorithm(initial_solution, utility, language_model):
    """The best program found, `initial_solution` if none is better; of such a scaffold, perhaps with more skills."""
    best, best_score, seen = initial_solution, utility(initial_solution), {initial_solution}
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        shown = fitting(functions(LIBRARY), utility.str + best)
        messages = [question(best, best_score, utility.str, shown)] * n
        if library_of(best) is not None:
            messages[::2] = [skill_question(best, utility.str)] * len(messages[::2])
        replies = extract_code(language_model.batch_prompt(EXPERTISE, messages, temperature=0.7))
        programs = [changed(best, reply) for reply in replies]
        programs = [program for program in dict.fromkeys(programs) if program and program not in seen]
        seen.update(programs)
        for program, score in zip(programs, utility.map(programs), strict=True):
            if score > best_score:
                best, best_score = program, score
    return best


def changed(program, reply):
    """What a reply makes of a program: skills for its library, or a new one, which gets the skills that it calls."""
    library, new = library_of(program), functions(reply)
    if library is not None and new and "improve_algorithm" not in new:
        return stored(program, {**functions(library), **new})
    return linked(reply, functions(LIBRARY))


def library_of(program):
    """The text of a program's library; None if it keeps none."""
    node = library_node(program)
    return None if node is None else node.value


def library_node(program):
    assigned = [node for node in parsed(program).body if isinstance(node, ast.Assign)]
    found = [node.value for node in assigned if [getattr(t, "id", "") for t in node.targets] == ["LIBRARY"]]
    return found[-1] if found and isinstance(getattr(found[-1], "value", None), str) else None


def stored(program, skills):
    """The program with these skills as its library; of more than 20 the oldest go."""
    node, lines = library_node(program), program.split("\n")
    text = "\n\n\n".join(list(skills.values())[-MOST:])
    written = f"{text!r}" if "'''" in text else f"r'''\n{text}\n'''"
    lines[node.lineno - 1 : node.end_lineno] = [f"LIBRARY = {written}"]
    return "\n".join(lines)


@functools.cache
def parsed(program):
    """The tree of a program; an empty one if it does not parse."""
    try:
        return ast.parse(program)
    except (SyntaxError, ValueError):
        return ast.parse("")


def functions(program):
    """The source of each of its functions, by name."""
    nodes = [node for node in parsed(program).body if isinstance(node, ast.FunctionDef)]
    lines = program.split("\n")  # ast.get_source_segment splits the text anew for every function
    return {node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in nodes}


def fitting(skills, task):
    """The skills that share most words with the task, at most five; of equals the ones written last."""
    words = set(re.findall(r"[a-z]{4,}", task.lower()))
    fit = {name: len(words & set(re.findall(r"[a-z]{4,}", source.lower()))) for name, source in skills.items()}
    ranked = sorted((-fit[name], -number, name) for number, name in enumerate(skills))
    return {name: skills[name] for _, _, name in ranked[:SHOWN]}


def linked(program, skills):
    """The program behind the skills that it calls and does not define, and those that these call."""
    while True:
        calls = [node.func for node in ast.walk(parsed(program)) if isinstance(node, ast.Call)]
        called = {function.id for function in calls if isinstance(function, ast.Name)}
        missing = [name for name in skills if name in called and name not in functions(program)]
        if not missing:
            return program
        program = f"{skills[missing[0]]}\n\n\n{program}"


EXPERTISE = "You are an experienced programmer and researcher. You make good programs better."


def question(program, score, task, skills):
    """What is asked about a program; skills: functions that a new one may call, by name."""
    listed = "".join(f"```python\n{source}\n```\n\n" for source in skills.values())
    return (
        f"Here is a program that scores {score:.4f}:\n\n```python\n{program}\n```\n\n"
        f"This is what it is for and how it is scored; higher is better.\n\n{task}\n\n"
        + (f"Functions that are there already, and may be called:\n\n{listed}" if skills else "")
        + "Improve the program. Say your idea in one sentence, then give the whole new program in one fenced block."
    )


def skill_question(scaffold, task):
    """What is asked for the library of a scaffold."""
    skills = list(functions(library_of(scaffold)).values())
    written = "".join(f"```python\n{source}\n```\n\n" for source in random.sample(skills, len(skills)))
    return (
        f"{written}This is how an improver of programs is scored:\n\n{task}\n\n"
        f"The improver, which shows its programs' authors the functions in LIBRARY:\n\n```python\n{scaffold}\n```\n\n"
        "Write one function for LIBRARY that many programs of such tasks could call, general and short, or a better "
        "one in place of one above, under its name; it imports inside what it needs. Give only the function in one "
        "fenced block."
    )
