"""Strategies read off the source: each form with its line, and what only looks like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from stop.analysis.strategies import labels
from stop.model import Request
from stop.model.mutation import MutationModel

SCAFFOLDS = Path(__file__).parent.parent / "scaffolds"
HEAD = "def improve_algorithm(initial_solution, utility, language_model):\n"
ASK = "language_model.prompt('You improve programs.', best)[0]"


def body(text: str) -> str:
    """An improver with these lines, from line 2 on."""
    return HEAD + "".join(f"    {line}\n" for line in text.strip("\n").split("\n"))


def found(source: str) -> dict[str, int]:
    return {label.strategy: label.line for label in labels(source)}


@pytest.mark.parametrize(
    ("name", "strategies"),
    [
        ("seed", {"best-of-n": 17}),
        ("best_of_n", {"best-of-n": 23}),
        ("ideas", {"iterate": 24, "hill-climbing": 32}),
        ("repair", {"iterate": 13, "error-feedback": 21, "hill-climbing": 22}),
        ("expert", {"iterate": 16, "hill-climbing": 25, "error-feedback": 49}),
    ],
)
def test_the_shipped_scaffolds(name: str, strategies: dict[str, int]) -> None:
    assert found((SCAFFOLDS / f"{name}.py").read_text()) == strategies


FOUR = "sorted(beam + replies, key=utility, reverse=True)[:4]"
BEAM = f"""
beam = [initial_solution]
for _ in range(3):
    replies = []
    for best in beam:
        replies.append({ASK})
    beam = {FOUR}
return beam[0]
"""
GENETIC = """
pool = [initial_solution] * 6
for _ in range(3):
    mother, father = random.sample(pool, 2)
    child = language_model.prompt('Cross these.', mother + father)[0]
    pool = sorted(pool + [child], key=utility)[-6:]
return pool[-1]
"""
ANNEALING = f"""
best, score, heat = initial_solution, utility(initial_solution), 1.0
while language_model.times_used < language_model.budget:
    other = {ASK}
    change = utility(other) - score
    if change > 0 or random.random() < math.exp(change / heat):
        best, score = other, score + change
    heat *= 0.9
return best
"""
VOTE = """
best = initial_solution
replies = language_model.prompt('You improve programs.', best, n_responses=6)
return Counter(replies).most_common(1)[0][0]
"""
LADDER = """
best, replies = initial_solution, []
for temperature in (0.4, 0.7, 1.0):
    replies += language_model.prompt('You improve programs.', best, 6, temperature)
return max(replies, key=utility)
"""
TWO_TEMPERATURES = """
replies = language_model.prompt('One.', initial_solution, temperature=0.2)
replies += language_model.prompt('Two.', initial_solution, temperature=1.0)
return max(replies, key=utility)
"""
BANDIT = f"""
best, n, won = initial_solution, [1, 1], [0.0, 0.0]
for t in range(1, 9):
    arm = max((0, 1), key=lambda a: won[a] / n[a] + math.sqrt(2 * math.log(t) / n[a]))
    reply = {ASK}
    won[arm] += utility(reply)
return best
"""
THOMPSON = BANDIT.replace("won[a] / n[a] + math.sqrt(2 * math.log(t) / n[a])", "random.betavariate(won[a] + 1, n[a])")
ONE_TEMPERATURE = """
heat = 0.7
return max([language_model.prompt('One.', initial_solution, temperature=heat)[0] for _ in range(3)], key=utility)
"""
ASKING_ONLY = """
def asked():
    return language_model.prompt('One.', initial_solution)[0]
return max([asked() for _ in range(3)], key=utility)
"""
RESTART = f"""
found, best = [], initial_solution
for trial in range(9):
    if trial % 3 == 0:
        best = initial_solution
    best = {ASK}
    found.append(best)
return max(found, key=utility)
"""


@pytest.mark.parametrize(
    ("text", "strategy", "line"),
    [
        (BEAM, "beam", 7), (GENETIC, "genetic", 4), (ANNEALING, "annealing", 6), (VOTE, "self-consistency", 4),
        (LADDER, "temperature-ladder", 4), (TWO_TEMPERATURES, "temperature-ladder", 3), (BANDIT, "bandit", 4),
        (THOMPSON, "bandit", 4),
        (RESTART, "restart", 5), (BEAM, "iterate", 3),
        (BEAM.replace(FOUR, "nlargest(3, replies, utility)"), "beam", 7), (ANNEALING, "iterate", 3),
    ],
)  # fmt: skip
def test_each_form_shows_on_its_line(text: str, strategy: str, line: int) -> None:
    source = body(text)
    assert found(source)[strategy] == line
    (label,) = [one for one in labels(source) if one.strategy == strategy]
    assert label.evidence == source.splitlines()[line - 1].strip()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_line_that_is_shown_is_the_one_that_the_parser_means(end: str) -> None:
    source = ("# a\u2028b\x0cc\x85d\n" + body(VOTE)).replace("\n", end)
    (label,) = labels(source)
    assert label.evidence == "return Counter(replies).most_common(1)[0][0]" and label.line == 5


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        (ANNEALING, "hill-climbing"),  # it may go down
        (ANNEALING.replace("change > 0", "other_score > score"), "hill-climbing"),
        (GENETIC, "beam"),
        (GENETIC.replace("key=utility)[-6:]", "key=utility, reverse=True)[:6]"), "beam"),  # two are crossed
        (BEAM.replace("[:4]", "[:1]"), "beam"),  # one is kept
        (
            BEAM.replace(FOUR, "nlargest(1, replies, utility)"),
            "beam",
        ),
        (LADDER, "iterate"),  # every prompt is about the same program
        (LADDER, "bandit"),
        (ONE_TEMPERATURE, "temperature-ladder"),
        (ASKING_ONLY, "restart"),  # no whole improver: it scores nothing
        (TWO_TEMPERATURES.replace("0.2", "1.0"), "temperature-ladder"),
        ("return max(language_model.prompt('a', 'b', 3), key=len)", "best-of-n"),  # the longest is not the best
        ("# beam search, then simulated annealing with restarts\nreturn 'a genetic crossover bandit'", "genetic"),
    ],
)
def test_what_only_looks_like_it_is_not_labelled(text: str, absent: str) -> None:
    assert absent not in found(body(text))


def test_code_that_cannot_be_reached_shows_nothing() -> None:
    unused = body(ANNEALING).replace("improve_algorithm", "unused")
    assert labels(unused + HEAD + "    return initial_solution\n") == []


def test_names_of_variables_decide_nothing() -> None:
    renamed = ANNEALING.replace("heat", "q").replace("best", "z").replace("change", "w")
    assert set(found(body(renamed))) == set(found(body(ANNEALING)))


def test_what_the_mutation_model_makes_of_the_seed_is_recognised() -> None:
    seed = (SCAFFOLDS / "seed.py").read_text()
    expected = {"Iterate": "iterate", "Keep_best": "hill-climbing", "Restart": "restart"}
    seen = set()
    for number in range(200):
        text = MutationModel().reply(Request("s", f"```python\n{seed}\n```", 0.7, 1000, f"{number:032x}", 0)).text
        changes, source = text.split("\n")[0].split("; "), text[text.index("```python\n") + 10 : text.rindex("```")]
        kind = changes[0].split(":")[0]
        if len(changes) == 1 and kind in expected:
            assert expected[kind] in found(source)
            seen.add(kind)
    assert seen == set(expected)


@pytest.mark.parametrize("text", ["def improve_algorithm(:", "", "x = 1", "-" * 5000])
def test_a_text_that_is_no_improver_has_no_strategy(text: str) -> None:
    assert labels(text) == []
