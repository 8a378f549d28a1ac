"""Edits in place of whole programs, for long ones: SEARCH/REPLACE blocks, matched loosely; or else whole programs.

The blocks are those of aider and of AlphaEvolve (arXiv:2506.13131). As in aider (Aider-AI/aider, aider/coders/
editblock_coder.py) one that does not match exactly is tried without regard to indentation, then on the lines most like
it, from a likeness of 0.8 on; in aider that last step stands behind a `return` and never runs. OpenEvolve
(codelion/openevolve, utils/code_utils.py) leaves out in silence what does not match, and may score an unchanged program
as a new one; here what matched is scored, and the next question says what did not. A model that writes no edit that
matches is asked for whole programs from then on (codelion/openevolve, issue 241: weak models cannot write diffs).

The search around it is ours: hill climbing, every question about the best program so far.
"""

import ast
import difflib
import re
from collections import Counter

from helpers import apply_diff, extract_code

LIKENESS, PLACES = 0.8, 3
BLOCK = re.compile(r"^<{5,9} ?SEARCH[^\n]*\n(.*?)^={5,9} *\n(.*?)^>{5,9} ?REPLACE", re.MULTILINE | re.DOTALL)


def improve_algorithm(initial_solution, utility, language_model):
    """The best program that edits led to; `initial_solution` if none was better."""
    best, best_score = initial_solution, utility(initial_solution)
    seen, missed, whole = {initial_solution}, [], False
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        message = question(best, best_score, utility.str, missed, whole)
        replies = language_model.batch_prompt(EXPERTISE, [message] * n, temperature=0.7)
        results = [edited(best, reply) for reply in replies]
        missed = [lines for _, unmatched in results for lines in unmatched]
        whole = whole or not any(text for text, _ in results)
        programs = [text for text in dict.fromkeys(text for text, _ in results) if text and text not in seen]
        seen.update(programs)
        for program, score in zip(programs, utility.map(programs), strict=True):
            if score > best_score:
                best, best_score, missed = program, score, []
    return best


def edited(program, reply):
    """(the program after the edits of a reply, the searched texts that are not in it); ("", ...) if none could be made.

    A reply without edits is a whole program, if it holds one.
    """
    try:
        after = apply_diff(program, reply)
    except ValueError:  # not exactly
        after = program
    if after != program:
        return after, []
    blocks = BLOCK.findall(reply)
    if not blocks:
        return whole_program(reply), []
    text, unmatched = program, []
    for old, new in blocks:
        after = replaced(text, old, new)
        if after is None:
            unmatched.append(old)
        else:
            text = after
    return text if len(unmatched) < len(blocks) else "", unmatched


def whole_program(reply):
    """The program of a reply; "" if what it holds does not parse, as an edit that is cut short."""
    code = extract_code(reply)
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        return ""
    return code


def replaced(program, old, new):
    """The program with `new` in the place of the lines most like `old`, indented as they are; None without any."""
    lines, wanted = program.split("\n"), old.strip("\n").split("\n")
    if not old.strip():
        return program.rstrip("\n") + "\n" + new
    start = place_of(lines, wanted)
    if start is None:
        return None
    first = next(i for i, line in enumerate(wanted) if line.strip())
    shift = indent_of(lines[start + first]) - indent_of(wanted[first])
    fresh = [shifted(line, shift) for line in new.rstrip("\n").split("\n")] if new.strip() else []
    return "\n".join([*lines[:start], *fresh, *lines[start + len(wanted) :]])


def place_of(lines, wanted):
    """The number of the first of the lines that are most like the wanted ones; None below a likeness of 0.8.

    Only places where some line is the same but for indentation are compared, or else where the longest has one like it.
    """
    bare, searched = [line.strip() for line in lines], [line.strip() for line in wanted]
    places = {}
    for i, line in enumerate(bare):
        places.setdefault(line, []).append(i)
    votes = Counter(i - j for j, line in enumerate(searched) if line for i in places.get(line, []))
    if not votes:
        longest = max(searched, key=len)
        like = difflib.get_close_matches(longest, bare, n=PLACES, cutoff=LIKENESS)
        votes = Counter(bare.index(line) - searched.index(longest) for line in like)
    likely = sorted((-count, start) for start, count in votes.items() if 0 <= start <= len(lines) - len(wanted))
    found = [(likeness(bare[i : i + len(wanted)], searched), -i) for _, i in likely[:PLACES]]
    highest, start = max(found, default=(0.0, 0))
    return -start if highest >= LIKENESS else None


def likeness(lines, others):
    """The share of their characters, in [0, 1], that as many lines have in common with others, line by line."""
    pairs = [(one, other) for one, other in zip(lines, others, strict=True) if one or other]
    alike = [1.0 if one == other else difflib.SequenceMatcher(None, one, other, False).ratio() for one, other in pairs]
    sizes = [len(one) + len(other) for one, other in pairs]
    return sum(share * size for share, size in zip(alike, sizes, strict=True)) / max(1, sum(sizes))


def indent_of(line):
    return len(line) - len(line.lstrip())


def shifted(line, by):
    """The line indented by so much more; by less, as far as it is indented, if negative."""
    return " " * (indent_of(line) + by) + line.lstrip() if by and line.strip() else line


EXPERTISE = "You are an experienced programmer and researcher. You make good programs better by small, exact edits."
FORM = (
    "Reply with one or more edits of this form and nothing else; the searched lines must stand in the program:\n"
    "<<<<<<< SEARCH\n(lines of the program)\n=======\n(the lines in their place)\n>>>>>>> REPLACE"
)


def question(program, score, task, missed, whole):
    """What is asked about the best program so far; missed: searched texts that are not in it; whole: no edits."""
    said = "These lines are not in the program:\n" + "\n".join(dict.fromkeys(missed)) + "\n" if missed else ""
    form = "Give the whole new program in one fenced block." if whole else FORM
    return (
        f"Here is a program that scores {score:.4f}:\n\n```python\n{program}\n```\n\n"
        f"This is what it is for and how it is scored; higher is better.\n\n{task}\n\n{said}Improve the program. {form}"
    )
