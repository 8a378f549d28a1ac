"""ADAS's meta agent search: every new program is designed in view of all that were found, and criticised twice.

As published (arXiv:2408.08435, section 3; ShengranHu/ADAS, _mgsm/search.py, mgsm_prompt.py, utils.py): an archive, at
first of 7 known agents; 30 generations (25 on ARC) of one new agent each: a proposal that is to differ from the whole
archive, two passes of reflexion (is it interesting, is it right; then once more), temperature 0.8; measured, up to 3
attempts to debug what raises or scores less than 0.01; appended with its fitness, a 95 % bootstrap interval of the mean
from 100,000 resamples.

It searches whatever `utility` scores: solvers, `solve(question, language_model)`, where a task asks for them, but any
program will do. Scaled: the archive begins with the given program; as many generations run side by side as a prompt has
replies, a prompt is one step of each, and when none is left each is measured as it is; 300 resamples; the 8 best of
the archive are shown. In ADAS an empty reply ends the generation (`n -= 1` does not bring it back), empty fields count
as wrong answers, and what is reported is the best on test; here the step is asked for again, nothing empty is measured,
and the result is the best on train. What raises on some instances is debugged, but its score is not lost either.
"""

import random
from dataclasses import dataclass, field

from helpers import extract_code

REFLEXIONS, DEBUGS, FAILED = 2, 3, 0.01
RESAMPLES, SHOWN = 300, 8


@dataclass
class Agent:
    """A program that was measured: its score, its fitness in words, and what went wrong, if anything did."""

    text: str
    score: float
    fitness: str
    error: str


@dataclass
class Chain:
    """How one program comes about: proposed, reflected on, debugged."""

    text: str = ""
    passes: int = 0
    errors: list = field(default_factory=list)

    def question(self, archive, task):
        """What is asked next."""
        if self.errors:
            return repair(self.text, self.errors[-1], task)
        return reflexion(self.text, self.passes, archive, task) if self.text else proposal(archive, task)


def improve_algorithm(initial_solution, utility, language_model):
    """The program with the highest score, the first of several; `initial_solution` is the first of the archive."""
    archive = [measured(initial_solution, utility)]
    chains = [Chain() for _ in range(language_model.max_responses_per_call)]
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        chains = chains[: utility.budget - utility.uses]
        messages = [chain.question(archive, utility.str) for chain in chains]
        replies = extract_code(language_model.batch_prompt(EXPERTISE, messages, temperature=0.8))
        last = language_model.times_used == language_model.budget
        for i, text in enumerate(replies):
            chains[i] = advanced(chains[i], text, last, archive, utility)
    return max(archive, key=lambda agent: agent.score).text


def advanced(chain, text, last, archive, utility):
    """The chain after a reply; a new one when its program is in the archive or given up. last: no prompt is left."""
    if not text and not last:
        return chain  # asked again
    if text:
        chain = Chain(text, chain.passes + 1, chain.errors)
    if not chain.text or (chain.passes <= REFLEXIONS and not last):
        return chain
    if any(chain.text == agent.text for agent in archive):
        return Chain()
    agent = measured(chain.text, utility)
    if agent.score >= FAILED:
        archive.append(agent)
    if agent.error and len(chain.errors) < DEBUGS:
        return Chain(chain.text, chain.passes, [*chain.errors, agent.error])
    return Chain()


def measured(text, utility):
    """A program with its score and fitness."""
    report = utility.report(text)
    rows = report["instances"] or [{"score": report["score"], "status": "", "detail": ""}]
    faults = [row["detail"] for row in rows if row["status"] not in ("", "ok", "scored")]
    error = faults[0] or "it failed" if faults else "" if report["score"] >= FAILED else "it scores nothing at all"
    return Agent(text, report["score"], fitness([row["score"] for row in rows]), error)


def fitness(scores):
    """The 95 % interval of the mean and its median, by bootstrap, as it is told to the model."""
    means = sorted(sum(random.choices(scores, k=len(scores))) / len(scores) for _ in range(RESAMPLES))
    low, middle, high = (means[int(share * (RESAMPLES - 1))] for share in (0.025, 0.5, 0.975))
    return f"95 % interval {low:.3f} to {high:.3f}, median {middle:.3f}"


EXPERTISE = "You are a researcher who designs new agents. You know what others have tried, and try what they have not."
GIVE = "Say your thought in one or two sentences, then give the whole program in one fenced block."


def shown(archive):
    """The archive as the model sees it, the best first."""
    best = sorted(archive, key=lambda agent: -agent.score)[:SHOWN]
    return "\n\n".join(f"Fitness: {agent.fitness}\n\n```python\n{agent.text}\n```" for agent in best)


def proposal(archive, task):
    """What is asked for a new program."""
    return (
        f"Here is what was found so far:\n\n{shown(archive)}\n\n"
        f"This is what these programs are for and how they are scored; higher is better.\n\n{task}\n\n"
        "What can be learned from them, and what has nobody tried yet? Design the next program, one that differs from "
        f"all of these in its idea, to score higher than any of them. {GIVE}"
    )


def reflexion(text, number, archive, task):
    """What is asked about a proposal: first whether it is new and right, then only whether it is right."""
    first = f"Is it really different from these?\n\n{shown(archive)}\n\nIf not, make it so. " if number == 1 else ""
    return (
        f"This is your proposal:\n\n```python\n{text}\n```\n\nIt is for this task:\n\n{task}\n\n{first}"
        f"Look for mistakes in it, for steps that do nothing, and for what can be done better, and revise it. {GIVE}"
    )


def repair(text, error, task):
    """What is asked about a program that failed."""
    return (
        f"This program failed:\n\n```python\n{text}\n```\n\n{error}\n\nIt is for this task:\n\n{task}\n\n"
        f"Where did it go wrong? Put it right, and keep its idea. {GIVE}"
    )
