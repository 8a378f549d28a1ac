"""The Gödel agent: every action, every change a version, what it breaks undone, nothing of val or test told."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import TASKS, Background, Said, answered, records, said_by

import stop
from stop.definitions import BadChange, changed, definitions, needed
from stop.run import main as run_main
from stop.session import begin
from stop.transfer import main as transfer_main

MODULE = """# what stays above
LIMIT = 3  # why three


# of first
@staticmethod
def first(x):
    return x  # inside


def second(x):
    return first(x)
"""
EVOLVE = "def evolve(observations, itself, language_model):\n    {}\n"
ALGORITHM = "def algorithm(*arguments):\n    return [0] * len(arguments[0])\n"


def order(code: str = "", **words: str) -> str:
    return json.dumps(words) + (f"\n```python\n{code}\n```" if code else "")


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A small Max-Cut."""
    folder = shutil.copytree(TASKS / "maxcut", tmp_path / "cut", ignore=shutil.ignore_patterns("__pycache__"))
    text = (folder / "task.toml").read_text()
    (folder / "task.toml").write_text(text.replace("train = 8, val = 8, test = 16", "train = 2, val = 2, test = 2"))
    return folder


@pytest.fixture
def agent(cut: Path, tmp_path: Path, stop_run: Callable[..., Said]) -> Callable[..., stop.frames.Run]:
    """A run of an agent whose model says these things, each in its turn."""

    def ran(*replies: str, steps: int = 1, kind: str = "closed", more: tuple[str, ...] = ()) -> stop.frames.Run:
        script, out = tmp_path / "script.json", tmp_path / "run"
        # by occurrence a script counts equal messages only; observations make each turn's message another one
        numbered = [{"match": f"turn {i}.", "replies": [reply]} for i, reply in enumerate(replies, start=1)]
        script.write_text(json.dumps(numbered))
        source = (Path(__file__).parent.parent / "scaffolds" / "agents" / "godel.py").read_text()
        source = source.replace('FOCUS = ""', 'FOCUS = "algorithm"')
        source = source.replace("message(observations, itself))", "counted(observations, itself))")
        source += "\n\n\ndef counted(observations, itself):\n"
        source += "    return f'turn {len(observations) + 1}. ' + message(observations, itself)\n"
        (tmp_path / "agent.py").write_text(source)
        said = stop_run(
            cut, "--mode", "godel", "--agent", kind, "--model", f"scripted:{script}", "--scaffold",
            tmp_path / "agent.py", "--generations", steps, "--out", out, "--workers", 1, *more,
        )  # fmt: skip
        assert said.status == 0, said.lines
        return stop.load(out)

    return ran


def test_a_change_takes_only_the_named_definition_and_keeps_comments() -> None:
    text = changed(MODULE, "modify", "first", "def first(x):\n    return 2 * x\n")
    assert text == MODULE.replace(
        "@staticmethod\ndef first(x):\n    return x  # inside", "def first(x):\n    return 2 * x"
    )
    assert "LIMIT = 4  # why three\n" in changed(MODULE, "modify", "LIMIT", "LIMIT = 4")
    assert needed(MODULE, "second") == ["second", "first"]
    assert list(definitions(changed(MODULE, "delete", "second", ""))) == ["LIMIT", "first"]
    assert changed(MODULE, "add", "third", "third = 1").endswith("return first(x)\n\n\nthird = 1\n")


@pytest.mark.parametrize(
    ("how", "name", "code", "why"),
    [
        ("modify", "third", "third = 1", "no definition 'third'; there are: LIMIT, first, second"),
        ("add", "first", "first = 1", "'first' is there already; modify it"),
        ("modify", "first", "def other():\n    pass", "the code has: other"),
        ("modify", "first", "def first(:", "does not parse"),
        ("modify", "first", "", "the code has: nothing"),
        ("burn", "first", "", "no change 'burn'; there are: modify, add, delete"),
    ],
)
def test_a_change_that_cannot_be_made_says_why(how: str, name: str, code: str, why: str) -> None:
    with pytest.raises(BadChange, match=why.replace("(", r"\(")):
        changed(MODULE, how, name, code)


def test_a_scripted_agent_performs_each_action_once_and_the_lineage_shows_it(agent: Callable) -> None:
    run = agent(
        order(action="look"), order(action="read", name="evolve"), order("HELP = 1", action="add", name="HELP"),
        order("HELP = 2", action="modify", name="HELP"), order("print(HELP)", action="run"),
        order(action="delete", name="HELP"), order(action="ask", question="why?"),
        order("USE = 'less'", action="modify", name="USE"), order(action="evaluate"),
    )  # fmt: skip
    versions = run.versions
    assert list(versions.detail[1:]) == ["add HELP", "modify HELP", "delete HELP", "modify USE"]
    assert list(versions.status[1:]) == ["draft", "draft", "draft", "kept"]
    (evidence,) = run.decisions.evidence[run.decisions.verdict == "kept"]
    for action in ("look", "add", "modify", "run", "delete", "evaluate"):
        assert action in evidence["actions"]
    assert evidence["prompts"] == evidence["turns"] + 1  # the question
    assert run.settings["measure"] == "utility"
    assert run.outcomes[(run.outcomes.split == "val") & (run.outcomes.block == 1)].version.tolist() == [4, 0]


def test_what_an_agent_runs_prints_and_its_errors_come_back(agent: Callable) -> None:
    run = agent(
        order("print(21 * 2)", action="run"), order("1 / 0", action="run"),
        order("import x1", action="modify", name="FOCUS"),
        order("def act(): pass", action="modify", name="act"), order(action="fly"), "no idea!", order(action="stop"),
    )  # fmt: skip
    told = run_messages(run)[-1]
    for text in ("- 42", "ZeroDivisionError", "give the one definition 'FOCUS'", "which a closed agent cannot change",
                 "no action 'fly'", "no action: the reply has neither"):  # fmt: skip
        assert text in told, told


def run_messages(run: stop.frames.Run) -> list[str]:
    """The prompts of a run, the longest, which has seen the most, last."""
    texts = [p.read_text() for p in (run.path / "texts").iterdir()]
    return sorted(texts, key=len)


def test_a_change_takes_effect_at_once_in_the_process_that_runs(agent: Callable) -> None:
    run = agent(
        order("EXTRA = 'flew'", action="add", name="EXTRA"),
        order("ACTIONS = {'fly': lambda *_: EXTRA, 'stop': action_stop}", action="modify", name="ACTIONS"),
        order(action="fly"), order(action="stop"), kind="free",
    )  # fmt: skip
    assert any("- flew" in message for message in run_messages(run))
    assert list(run.versions.status[1:]) == ["draft", "draft", "kept"]
    assert run.versions.detail.iloc[-1] == "stop"


def test_an_agent_that_stops_takes_no_further_step(agent: Callable) -> None:
    run = agent(order(action="stop"), steps=5)
    assert run.steps == 1 and run.settings["looks"]["test"][-1]["ended"] == "agent"


def test_a_reply_with_only_a_fenced_block_replaces_the_definition_in_view_and_evaluates(agent: Callable) -> None:
    run = agent(f"Better.\n```python\n{ALGORITHM}```")
    assert run.versions.detail.tolist()[1:] == ["modify algorithm"]
    assert ALGORITHM in run.source(run.sha(1))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("while True: pass", "timeout"),
        ("raise ValueError('lost')", "ValueError: lost"),
        ("itself.budget = 10**9", "budgets are kept by the host"),
        (
            "language_model._mirror['budget'] = 10**9; [language_model.prompt('', str(i)) for i in range(99)]",
            "BudgetExceeded",
        ),
        ("import os; os._exit(0)", "crash"),
        ("itself._ask('itself', 'steal', [])", "the host has no 'itself'.'steal'"),
    ],
)
def test_an_agent_that_breaks_its_own_evolve_goes_on_from_the_last_good_version(
    agent: Callable, body: str, why: str
) -> None:
    broken = order(EVOLVE.format(body), action="modify", name="evolve")
    run = agent(broken, "", order(action="stop"))
    assert run.versions.detail.tolist()[1].startswith("modify evolve")
    assert why in run.versions.detail.tolist()[2] or why in run_messages(run)[-1]
    assert run.source(run.sha(run.best)) == run.source(run.sha(0)) and run.test_utility(run.best) is not None


ASKING = "[itself._ask('itself', 'undo', []) for _ in range(9)]"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (f"itself.change('add', 'X', 'X = 1'); {ASKING}", "nothing to undo"),
        ("[itself.read('') for _ in range(300)]", "more than 200 reads in a step"),
        ("itself.change('add', 'X', 'X = ' + repr('x' * 200_000))", "at most 64000 are read"),
        ("itself._ask('itself', 'change', [1, None, b''])", "TypeError"),
        ("itself.change('add', 'X', 'X = 1\\nopen(2)')", "give the one definition 'X'"),
        ("itself.change('add', 'X\\x1b[2J', 'X = 1')", "give the one definition"),
        ("[itself.change('modify', 'algorithm', 'def algorithm(*a): return []') for _ in range(99)]", "BudgetExceeded"),
        ("itself.run('import os; print(os.listdir(chr(47)))')", "PermissionError"),
    ],
)
def test_what_an_agent_asks_of_the_host_is_bounded_and_checked(agent: Callable, body: str, why: str) -> None:
    lines = ("try:", f"    said = {body}", "except Exception as e:", "    said = repr(e)", "raise RuntimeError(said)")
    hostile = EVOLVE.format("\n    ".join(lines))
    run = agent(order(hostile, action="modify", name="evolve"), "", order(action="stop"))
    assert why in run_messages(run)[-1] + "".join(run.versions.detail)
    assert len(run.versions) < 55 and "\x1b" not in "".join(run.versions.detail)


def test_an_agent_that_deletes_its_own_evolve_ends_with_the_last_good_version(agent: Callable) -> None:
    run = agent(order(action="delete", name="evolve"), "", order(action="stop"))
    assert "the program defines no function 'evolve'" in run.versions.detail.tolist()[2]
    assert run.best == 0


def test_a_kept_version_whose_evolve_never_works_is_rolled_back(agent: Callable) -> None:
    bad = "def evolve(observations, itself, language_model):\n    raise ValueError('no more')\n"
    good_turn = "itself.change('modify', 'evolve', BAD); itself.evaluate()"
    run = agent(
        order(f"BAD = {bad!r}", action="add", name="BAD"),
        order(f"def evolve(observations, itself, language_model):\n    {good_turn}", action="modify", name="evolve"),
        steps=3,
    )
    kept = run.versions[run.versions.status == "kept"]
    assert not kept.empty and run.standing[int(kept.id.iloc[0])] == "rolled_back"
    assert run.best != int(kept.id.iloc[0])


def test_nothing_of_val_or_test_is_told(agent: Callable) -> None:
    run = agent(f"```python\n{ALGORITHM}```", steps=3)
    hidden = [o.utility for o in run.outcomes.itertuples() if o.split in ("val", "test") and o.utility]
    on_train = run.evaluations[run.evaluations.split == "train"].score.mean()
    for text in run_messages(run):
        assert not [u for u in hidden if f"{u:.4f}" in text and abs(u - on_train) > 1e-9]


def test_a_killed_run_of_an_agent_resumes_to_the_same_records(cut: Path, tmp_path: Path, stop_run: Callable) -> None:
    argv = [cut, "--mode", "godel", "--generations", "6", "--workers", "1"]
    assert stop_run(*argv, "--out", tmp_path / "whole").status == 0
    whole, out = records(tmp_path / "whole"), tmp_path / "cut short"
    command = Background(*argv, "--out", out)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (out.exists() and answered(out) > 4000):
        time.sleep(0.01)
    command.signal(signal.SIGKILL)
    command.wait()
    assert stop_run(*argv, "--out", out).status == 0
    assert records(out) == whole
    assert stop_run("--replay", "--out", out).status == 0


def test_a_session_is_a_run_of_the_command(cut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, stop_run = tmp_path / "run", said_by(run_main, capsys)
    with begin(str(cut), out=out, agent="free", generations=2, seed=3) as session:
        session.score_seed()
        session.step()
    argv = [cut, "--mode", "godel", "--agent", "free", "--generations", "2", "--seed", "3", "--out", out]
    assert stop_run(*argv).status == 0
    run = stop.load(out)
    assert run.steps == 2 and run.seal == "whole" and "while it runs" in run.settings["axes"]["timing"]
    assert f"test: version 0 has utility {run.test_utility(0):.4f} (n=1)" in stop_run("--replay", "--out", out).lines
    assert "has no controls" in stop_run("--control", "best-of-n", "--like", out).line
    assert "whose module is made for its own task" in said_by(transfer_main, capsys)(out, "--to", "tsp").line


def test_the_dry_run_of_an_agent_counts_turns_and_steps(cut: Path, stop_run: Callable[..., Said]) -> None:
    said = stop_run(cut, "--mode", "godel", "--generations", "5", "--dry-run").out
    assert "turns_per_step: 12\ncalls_worst: 360\ncalls_likely: 6\n" in said


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["quick", "--mode", "godel"], "a Gödel agent takes one task, not"),
        (["maxcut", "--agent", "free"], "--agent goes with --mode godel."),
        (["maxcut", "--mode", "godel", "--repeats", "3"], "--repeats does not go with --mode godel"),
        (["maxcut", "--mode", "godel", "--policy", "dgm"], "--policy does not go with --mode godel"),
        (["maxcut", "--mode", "godel", "--no-canary"], "--no-canary does not go with --mode godel"),
        (["maxcut", "--mode", "godel", "--scaffold", "sed"], "no agent 'sed'"),
    ],
)
def test_what_cannot_be_meant_is_one_line(argv: list[str], why: str, stop_run: Callable[..., Said]) -> None:
    said = stop_run(*argv)
    assert said.status == 2 and why in said.line


@pytest.mark.parametrize(
    "setting", [{"policy": "dgm"}, {"accept": "always"}, {"repeats": 2}, {"noise_repeats": 2}, {"canary": True},
                {"control": "identity"}, {"agent": "open"}]
)  # fmt: skip
def test_a_session_with_an_agent_refuses_what_does_not_go_with_it(setting: dict, cut: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not go with an agent|give closed or free"):
        begin(str(cut), out=tmp_path / "run", **{"agent": "closed", **setting})
    assert not (tmp_path / "run").exists()


def test_a_scaffold_is_no_agent_and_an_agent_is_called_with_three_things(
    cut: Path, tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    (tmp_path / "short.py").write_text("def evolve(observations):\n    return 1\n")
    for scaffold, why in (
        ("seed", "no agent 'seed'"),
        (tmp_path / "short.py", "evolve has the parameters (observations)"),
    ):
        said = stop_run(cut, "--mode", "godel", "--scaffold", scaffold, "--out", tmp_path / "run")
        assert said.status == 2 and why in said.lines[-1] and not (tmp_path / "run").exists()
