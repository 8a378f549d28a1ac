"""Every file in scaffolds/: runs on a task and on a scaffold, within its budgets, and loses nothing that it was given.

The folder is listed: a new file is tested as soon as it is there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from conftest import TASKS

from stop.analysis.strategies import labels
from stop.draw import Draw
from stop.model import LanguageModel, Reply, Request
from stop.model.mutation import MutationModel
from stop.model.scripted import Rule, ScriptedModel
from stop.rewrite import Handles, Judged, ModelHandle, Rewritten, UtilityHandle, rewrite
from stop.sandbox import Limits, Method, Refused, Sandbox
from stop.sandbox.inside.helpers import extract_code
from stop.scaffold import BadScaffold, Scaffold
from stop.utility import Utility

SCAFFOLDS = {path.stem: path.read_text() for path in sorted((TASKS.parent / "scaffolds").glob("*.py"))}
# STOP's seed and its equal-budget control take the best of the replies, as published, and do not score what they got
MAY_LOSE = {"seed", "best_of_n"}
MOST_LINES = 120  # that are not blank
STRATEGY = {
    "hill_climb": "hill-climbing",
    "beam": "beam",
    "genetic": "genetic",
    "annealing": "annealing",
    "temperature_ladder": "temperature-ladder",
    "bandit": "bandit",
}
SMALLER = {
    "train = 8, val = 8, test = 16": "train = 2, val = 2, test = 2",
    "cpu_seconds_per_instance = 0.25": "cpu_seconds_per_instance = 0.1",
}

WEAK = "def algorithm(adjacency):\n    return [0] * len(adjacency)\n"  # cuts nothing: scores 0
BETTER = "import math\n\n\ndef algorithm(adjacency):\n    return [i % 2 for i in range(len(adjacency))]\n"
BAD = {
    "an empty reply": "",
    "words alone": "I cannot help with that.",
    "a block that is no Python": "```python\ndef algorithm(:\n```",
    "a fence without end": "```python\ndef algorithm(adjacency):\n    return 1 +",
    "a program that loops": "```python\ndef algorithm(adjacency):\n    while True:\n        pass\n```",
    "a program that raises": "```python\ndef algorithm(adjacency):\n    raise ValueError('no')\n```",
    "a program without the function": "```python\nx = 1\n```",
    "a program that returns nonsense": "```python\ndef algorithm(adjacency):\n    return 'all'\n```",
    "JSON of nonsense": '{"thought": 1, "code": null, "name": []}',
    "an edit of nothing": "<<<<<<< SEARCH\nnot there\n=======\nnor here\n>>>>>>> REPLACE",
}
BUDGETS = [(1, 1, 1), (1, 1, 48), (1, 6, 1), (4, 6, 1), (4, 1, 25), (2, 6, 7), (4, 6, 48)]  # prompts, replies, scores


@dataclass(frozen=True)
class Budgets:
    """What an improver run may use."""

    prompts: int = 4
    replies: int = 6  # to one prompt, at the most
    scores: int = 48


ENOUGH = Budgets()


@dataclass
class Seen:
    """What a scaffold did, as the host saw it."""

    made: Rewritten = field(default_factory=lambda: Rewritten("not run"))
    asked: list[Request] = field(default_factory=list)
    scored: list[str | None] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


Worth = Callable[[str | None], Judged]


@dataclass(frozen=True)
class Job:
    """What is to be improved: a program, what is said of it, and what a program in its place is worth."""

    target: str
    told: str
    worth: Worth


Improve = Callable[..., Seen]


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory, utility_of: Callable[..., Utility]) -> Utility:
    """A small task: two graphs on train, programs that hang are given up soon."""
    folder = tmp_path_factory.mktemp("task") / "cut"
    shutil.copytree(TASKS / "maxcut", folder, ignore=shutil.ignore_patterns("__pycache__"))
    toml = (folder / "task.toml").read_text()
    for full, small in SMALLER.items():
        assert full in toml
        toml = toml.replace(full, small)
    (folder / "task.toml").write_text(toml)
    return utility_of(str(folder))


@pytest.fixture(scope="module")
def task(cut: Utility) -> Job:
    """The task's seed solution, on train."""

    def worth(text: str | None) -> Judged:
        found = cut.evaluate(text, "train", 0)
        return Judged(found.score, found.feedback)

    return Job(cut.task.seed_source, cut.task.text, worth)


@pytest.fixture(scope="module")
def meta(improve: Improve, task: Job) -> Job:
    """A scaffold, by what the program scores that it makes, with few calls, of the task's seed solution."""
    known: dict[str | None, Judged] = {}

    def worth(text: str | None) -> Judged:
        if text not in known:
            known[text] = judged(text)
        return known[text]

    def judged(text: str | None) -> Judged:
        try:
            Scaffold.checked(text or "")
        except BadScaffold as error:
            return Judged(0.0, [{"task": "", "status": "failed", "score": 0.0, "detail": str(error)}])
        made = improve(text, task, MutationModel(), Budgets(1, 2, 4)).made
        score = task.worth(made.text).score if made.status == "ok" else 0.0
        return Judged(score, [{"task": "cut", "status": made.status, "score": score, "detail": made.detail}])

    return Job(SCAFFOLDS["hill_climb"], "It is scored by what it makes of programs.", worth)


@pytest.fixture(scope="module")
def improve(sandbox: Sandbox) -> Improve:
    """Runs a scaffold once, by its name or text."""

    def run(scaffold: str, job: Job, model: LanguageModel, budgets: Budgets = ENOUGH) -> Seen:
        seen = Seen()

        def ask(requests: Sequence[Request]) -> list[Reply]:
            seen.asked.extend(requests)
            return [model.reply(request) for request in requests]

        def judge(texts: Sequence[str | None]) -> list[Judged]:
            seen.scored.extend(texts)
            return [job.worth(text) for text in texts]

        utility = UtilityHandle(job.told, budgets.scores, judge)
        asked = ModelHandle(ask, Draw(0, "train"), budgets.prompts, budgets.replies, 4096)
        for handle in (utility, asked):
            handle.methods = {name: watched(method, seen) for name, method in handle.methods.items()}
        source = SCAFFOLDS.get(scaffold, scaffold)
        seen.made = rewrite(source, job.target, Handles(utility, asked), sandbox, Limits(cpu_seconds=2))
        return seen

    return run


def watched(method: Method, seen: Seen) -> Method:
    """The same method; what it refuses is noted."""

    def call(*arguments: object) -> object:
        try:
            return method.call(*arguments)
        except Refused as refused:
            seen.refused.append(str(refused))
            raise

    return Method(call, method.params)


def scripted(*replies: str) -> ScriptedModel:
    """Answers every message with the first of these, and one that is asked again with the next."""
    return ScriptedModel("scripted", (Rule("", replies),))


def check(name: str, seen: Seen, job: Job, budgets: Budgets) -> None:
    """It ended with a program, used no more than it may, and the program is no worse than what it was given."""
    assert not seen.refused
    assert len(seen.asked) <= budgets.prompts * budgets.replies and len(seen.scored) <= budgets.scores
    if name not in MAY_LOSE:
        assert seen.made.status == "ok", seen.made.detail
        assert job.worth(seen.made.text).score >= job.worth(job.target).score


@pytest.mark.parametrize("name", SCAFFOLDS)
def test_it_is_short_and_says_what_it_does(name: str) -> None:
    source = SCAFFOLDS[name]
    assert len([line for line in source.splitlines() if line.strip()]) <= MOST_LINES
    assert source.startswith('"""') and Scaffold.checked(source)


@pytest.mark.parametrize("name", STRATEGY)
def test_the_strategy_that_it_is_named_after_is_read_off_its_source(name: str) -> None:
    assert STRATEGY[name] in {label.strategy for label in labels(SCAFFOLDS[name])}


@pytest.mark.parametrize("budgets", BUDGETS, ids=str)
@pytest.mark.parametrize("name", SCAFFOLDS)
def test_on_a_task_it_keeps_its_budgets_and_loses_nothing(
    name: str, budgets: tuple[int, int, int], improve: Improve, task: Job
) -> None:
    may = Budgets(*budgets)
    seen = improve(name, task, MutationModel(), may)
    assert seen.made.status == "ok", seen.made.detail
    check(name, seen, task, may)


@pytest.mark.parametrize("name", SCAFFOLDS)
def test_it_takes_a_better_program_that_it_is_offered(name: str, improve: Improve, task: Job) -> None:
    model = scripted(f"So:\n```python\n{BETTER}```", "I think about it.", "```python\n{program}\n```")
    weak = replace(task, target=WEAK)
    seen = improve(name, weak, model)
    check(name, seen, weak, ENOUGH)
    assert task.worth(seen.made.text).score == task.worth(BETTER).score > task.worth(WEAK).score == 0.0


@pytest.mark.parametrize("reply", BAD)
@pytest.mark.parametrize("name", SCAFFOLDS)
def test_replies_of_no_use_cost_it_nothing(name: str, reply: str, improve: Improve, task: Job) -> None:
    """Nor does a program that scores 0: the improver published with STOP divides by that score."""
    for target in (BETTER, WEAK):
        job = replace(task, target=target)
        for budgets in (ENOUGH, Budgets(1, 1, 1), Budgets(1, 1, 2)):
            check(name, improve(name, job, scripted(BAD[reply]), budgets), job, budgets)


@pytest.mark.parametrize("name", SCAFFOLDS)
def test_on_a_scaffold_it_keeps_its_budgets_and_loses_nothing(name: str, improve: Improve, meta: Job) -> None:
    may = Budgets(2, 3, 8)
    for model in (MutationModel(), scripted(f"```python\n{SCAFFOLDS['seed']}```", "Hm.", "```python\n{program}\n```")):
        seen = improve(name, meta, model, may)
        assert seen.made.status == "ok", seen.made.detail
        check(name, seen, meta, may)


@pytest.mark.parametrize("name", SCAFFOLDS)
def test_it_can_be_rewritten_by_chance(name: str, meta: Job) -> None:
    """The mutation model finds something to change in its source, and some of what comes of it still improves."""
    message = f"Improve:\n\n```python\n{SCAFFOLDS[name]}\n```"
    replies = {MutationModel().reply(Request("", message, 0.7, 4096, str(draw))).text for draw in range(8)}
    made = set(extract_code(list(replies))) - {SCAFFOLDS[name].strip()}
    assert len(made) >= 7
    assert any(meta.worth(text).score > 0.0 for text in made)
