"""GEPA: reflect on what went wrong on single instances, draw parents from the Pareto front over instances, merge.

As published (arXiv:2507.19457, section 3, algorithms 1 and 2; gepa-ai/gepa: api.py, gepa_utils.py, proposer/merge.py):
feedback on 3 instances at a time, each seen once before any is seen again; a parent is drawn in proportion to the
number of instances on which nothing beats it, after programs are taken out that others cover; a merge takes each part
from the descendant that changed it since a common ancestor, at most 5 merges, of parents no worse than that ancestor.

Scaled: all questions of one prompt are asked at once. GEPA keeps a child that is better on its 3 instances, which is
mostly luck (strict > on 3 examples), and measures the others after; here a report has all instances, and a child is
kept if it is better than its parent on all of them together, or is drawn at all. Functions are the parts, and a merge
is kept if it is as good as both parents on all instances, not on 5. Merges are on; GEPA's are off unless asked for.
"""

import ast
import random
from dataclasses import dataclass
from itertools import combinations, zip_longest

from helpers import extract_code

MINIBATCH, MERGES = 3, 5


@dataclass
class Candidate:
    """A program, its score and what was said on every instance, and the numbers of its ancestors."""

    text: str
    scores: list
    notes: list
    ancestors: frozenset = frozenset()


def improve_algorithm(initial_solution, utility, language_model):
    """The program with the highest mean over all instances, the first of several; `initial_solution` is one of them."""
    pool, seen, merges = [scored(initial_solution, utility)], {initial_solution}, 0
    batches = minibatches(len(pool[0].scores))
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        parents = random.choices(range(len(pool)), fronts([one.scores for one in pool]), k=n)
        messages = [question(pool[parent], next(batches), utility.str) for parent in parents]
        replies = language_model.batch_prompt(EXPERTISE, messages, temperature=1.0)
        for parent, text in zip(parents, extract_code(replies), strict=True):
            if text and text not in seen:
                seen.add(text)
                child = scored(text, utility, pool[parent].ancestors | {parent})
                on_front = fronts([*(one.scores for one in pool), child.scores])[-1] > 0
                if on_front or sum(child.scores) > sum(pool[parent].scores):
                    pool.append(child)
        pair, text = next(((pair, text) for pair, text in mergers(pool) if text not in seen), ((), ""))
        if text and merges < MERGES and utility.uses < utility.budget:
            seen.add(text)
            merges += 1
            child = scored(text, utility, frozenset(pair).union(*(pool[i].ancestors for i in pair)))
            if sum(child.scores) >= max(sum(pool[i].scores) for i in pair):
                pool.append(child)
    return max(pool, key=lambda one: sum(one.scores)).text


def scored(text, utility, ancestors=frozenset()):
    """A program with what `utility` reports of it; as if there were one instance where it says nothing of them."""
    report = utility.report(text)
    rows = report["instances"] or [{"score": report["score"], "status": "", "detail": ""}]
    notes = [" ".join(f"{row['status']} {row['detail']}".split())[:300] for row in rows]
    return Candidate(text, [row["score"] for row in rows], notes, ancestors)


def fronts(rows):
    """On how many instances nothing beats each candidate; 0 for those whose fronts others cover (algorithm 2).

    rows: the scores of each, instance by instance, 0.0 for what is missing. Of two that are alike the elder stays.
    """
    columns = [(column, max(column)) for column in zip_longest(*rows, fillvalue=0.0)]
    best = [{i for i, score in enumerate(column) if score == highest} for column, highest in columns]
    left = set(range(len(rows)))
    for i in sorted(left, key=lambda i: (sum(rows[i]), -i)):
        if all(len(front & left) > 1 for front in best if i in front):
            left.remove(i)
    return [sum(i in front for front in best) if i in left else 0 for i in range(len(rows))]


def minibatches(instances):
    """Three instances at a time, for ever; each comes once before any comes again."""
    while True:
        order = random.sample(range(instances), instances)
        yield from (order[i : i + MINIBATCH] for i in range(0, instances, MINIBATCH))


def mergers(pool):
    """((i, j), text) for pairs on the front of which neither comes from the other, in random order."""
    front = [i for i, weight in enumerate(fronts([one.scores for one in pool])) if weight]
    total = [sum(one.scores) for one in pool]
    pairs = list(combinations(front, 2))
    for i, j in random.sample(pairs, len(pairs)):
        shared = [a for a in pool[i].ancestors & pool[j].ancestors if total[a] <= min(total[i], total[j])]
        if shared and i not in pool[j].ancestors and j not in pool[i].ancestors:
            better, other = (i, j) if total[i] >= total[j] else (j, i)
            ancestor = random.choices(shared, [total[a] + 1e-9 for a in shared])[0]
            yield (i, j), merged(pool[ancestor].text, pool[better].text, pool[other].text)


def merged(ancestor, better, other):
    """`better`, with what only `other` has changed or added since their ancestor; functions are what can change."""
    old, mine, text = functions(ancestor), functions(better), better
    for name, source in functions(other).items():
        if name not in mine and name not in old:
            text = f"{text.rstrip()}\n\n\n{source}\n"
        elif name in mine and mine[name] == old.get(name) != source:
            text = text.replace(mine[name], source, 1)
    return text


def functions(program):
    """The source of each of its functions, by name; none if it does not parse."""
    try:
        nodes = [node for node in ast.parse(program).body if isinstance(node, ast.FunctionDef)]
    except (SyntaxError, ValueError):
        return {}
    lines = program.split("\n")  # ast.get_source_segment splits the text anew for every function
    return {node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in nodes}


EXPERTISE = "You are an experienced programmer and researcher. You learn from what went wrong."


def question(candidate, batch, task):
    """What is asked about a program and a few instances."""
    told = [i for i in batch if i < len(candidate.notes)]  # of an improver that cannot run there is but one
    said = "\n".join(f"- score {candidate.scores[i]:.4f}: {candidate.notes[i]}" for i in told)
    return (
        f"Here is a program:\n\n```python\n{candidate.text}\n```\n\n"
        f"This is what it is for and how it is scored; higher is better.\n\n{task}\n\n"
        f"How it did on some of its instances:\n{said}\n\n"
        "Reflect on these results: what does the program get wrong, and what of it works and must stay? Say it in one "
        "or two sentences. Then give the whole new program, with what you have learned, in one fenced block."
    )
