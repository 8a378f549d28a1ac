"""The mutation model: no language model at all, but the control that every claim of improvement must beat.

Owns: reading the fenced Python of a message, and random changes of it. Does not own: what the programs are for; nothing
here knows a task or a scaffold.

A reply is a pure function of the texts and the draw. The first fenced block of the message that parses is the program,
later ones are donors; if the message has none, those of the latest earlier turn that has any. Two replies in three
make one change, the third makes two, each by an operator drawn from `OPERATORS`, all equally likely; one that does not
apply gives way to another one, equally likely among the rest.

| operator | what it does |
|---|---|
| constant | a number times 2, times 10, halved, plus 1 or minus 1 |
| operator | another arithmetic, comparison or boolean operator |
| move | a statement to another place of its function |
| duplicate | a statement, once more in the same block |
| delete | a statement |
| early_exit | a return, break or continue, under a condition found in the function, or under none |
| add_first_argument | the function's first argument competes in a max or min |
| iterate | a function runs k times, each time on its own result; k is 2, 3 or 4 |
| keep_best | such a loop goes on from the best result so far, by an available score; without a loop it makes one |
| restart | a function runs k times on the same arguments, and the best result is returned |
| recombine | a function is replaced by a donor's, or gets the body of a donor's with the same parameters |

A score is available where the program itself has one: a parameter used as `key=` or called with one argument, or a
function of the module that is called with the variable to be returned. Text outside the change stays as it was,
comments included: changes are made on spans of the source, not on the whole tree.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping

from stop.model import Reply, Request
from stop.model.operators import OPERATORS, Operator, keep_best_in_loop
from stop.model.program import parses, program_of

MAX_MESSAGE_CHARS = 200_000
MAX_BLOCKS = 12
CHANGES_PER_REPLY = (1, 1, 2)
_TRIES = 3
_MOST_BLOCKS_TRIED = 60


class MutationModel:
    """Random changes of the program in the message. Free, deterministic in the texts and the draw.

    without: an operator that is switched off, for ablations. Without `iterate`, `keep_best` makes no loop either.
    """

    def __init__(self, without: str = "") -> None:
        self.id = f"mutation:no-{without}" if without else "mutation"
        self._operators = {name: operator for name, operator in OPERATORS.items() if name != without}
        if without == "iterate":
            self._operators["keep_best"] = keep_best_in_loop

    def reply(self, request: Request) -> Reply:
        """The changed program in a fence, after a sentence that names the changes."""
        message = request.message[:MAX_MESSAGE_CHARS]
        earlier = (turn.text[:MAX_MESSAGE_CHARS] for turn in reversed(request.earlier))
        programs: list[str] = next(filter(None, map(_programs, (message, *earlier))), [])
        if not programs:
            return Reply("I found no Python program that I could read, so I have nothing to change.")
        words, text = mutate(programs[0], programs[1:], _rng(request.draw, message), self._operators)
        return Reply(f"{words}\n\n```python\n{text.rstrip()}\n```")


def mutate(
    source: str, donors: list[str], rng: random.Random, operators: Mapping[str, Operator] = OPERATORS
) -> tuple[str, str]:
    """(a sentence, the source after one or two changes); all sources parse, and so does the result."""
    done = []
    for _ in range(rng.choice(CHANGES_PER_REPLY)):
        words, source = _change(source, donors, rng, operators)
        done.append(words)
    return "; ".join(done).capitalize() + ".", source


def _change(source: str, donors: list[str], rng: random.Random, operators: Mapping[str, Operator]) -> tuple[str, str]:
    program = program_of(source)
    for name in rng.sample(list(operators), len(operators)):
        for _ in range(_TRIES):
            change = operators[name](program, donors, rng)
            text = program.edited(change.edits) if change else source
            if change and text != program.source and parses(text):
                return f"{name}: {change.words}", text
            if not change:
                break
    return "nothing to change", source


def _rng(draw: str, message: str) -> random.Random:
    text = f"{draw}\0{message}".encode("utf-8", "surrogatepass")
    return random.Random(hashlib.sha256(text).digest())


def _programs(message: str) -> list[str]:
    """The fenced blocks that parse, in order. A block ends at the first closing fence that leaves a program."""
    lines = message.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    fences = [i for i, line in enumerate(lines) if line.lstrip().startswith("```")][: 4 * MAX_BLOCKS]
    found: list[str] = []
    after, tries = -1, 0
    for start, end in ((i, j) for i in fences for j in fences if j > i and lines[j].strip() == "```"):
        if start > after and len(found) < MAX_BLOCKS:
            text = "\n".join(lines[start + 1 : end]) + "\n"
            tries += 1
            if parses(text) and program_of(text).tree.body:
                found.append(text)
                after = end
            if tries == _MOST_BLOCKS_TRIED:
                break
    return found
