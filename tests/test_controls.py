"""Controls: what each arm takes away, that calls are equal, and that a control is a run like any other."""

from __future__ import annotations

import ast
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ONE, TINY, Said, contents, records, run_json

import stop
from stop.arguments import CONTROLS
from stop.controls import ARMS, BadControl, renamed, reworded, whole_budget
from stop.draw import Draw, drawn_index
from stop.improve import Arm
from stop.scaffold import Scaffold, canonical, read_scaffold
from stop.session import begin

SHIPPED = sorted(path.stem for path in (Path(__file__).parent.parent / "scaffolds").glob("*.py"))
DRAW = Draw(0, "propose", step=1)
MODELLESS = ("identity", "rename", "reword")
ANY_SCAFFOLD = (*MODELLESS, "best-of-n", "fixed-improver", "random-parent")


@pytest.fixture(scope="session")
def controls(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A control of the tiny run of each kind that its scaffold and model allow; do not change them."""
    from stop.run import main

    folder = tmp_path_factory.mktemp("controls")
    for arm in ANY_SCAFFOLD:
        assert main(["--control", arm, "--like", str(tiny_run), "--workers", "2", "--out", str(folder / arm)]) == 0
    return {arm: folder / arm for arm in ANY_SCAFFOLD}


# -- texts that change nothing -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SHIPPED)
def test_a_renamed_scaffold_is_another_text_and_an_improver_still(name: str) -> None:
    source = read_scaffold(name).source
    text = renamed(source, 1, DRAW)
    assert canonical(Scaffold.checked(text).source) != canonical(source)
    assert sorted(map(type, ast.walk(ast.parse(text))), key=str) == sorted(
        map(type, ast.walk(ast.parse(source))), key=str
    )


def test_renaming_spares_what_others_look_at_and_keeps_what_is_computed() -> None:
    source = (
        "import math\nfrom helpers import extract_code as take\n\nclass Box:\n    size = 2\n\n"
        "def helper(first, *, key=1):\n    global count\n    count = first + key\n    return count\n\n"
        "def improve_algorithm(initial_solution, utility, language_model):\n"
        "    try:\n        found = [helper(x, key=2) for x in range(3)]\n        1 / 0\n"
        "    except ZeroDivisionError as error:\n        found.append(str(error))\n"
        "    table = {'found': found}\n    first_of = lambda found: found[0]\n"
        "    match table:\n        case {'found': [one, *others], **rest}:\n            found = [one, others, rest]\n"
        "    return f'{found!r} {first_of(found)} {Box.size} {math.pi:.2f} {count}'\n"
    )
    text = renamed(source, 7, DRAW)
    for kept in ("improve_algorithm(initial_solution, utility, language_model)", "key=2", "size", "math", "as take"):
        assert kept in text
    assert "renamed_7_" in text and "helper" not in text.replace("helpers", "") and "others" not in text
    values = []
    for program in (source, text):
        program = program.replace("from helpers import extract_code as take\n", "")
        names: dict = {}
        exec(program, names)  # noqa: S102 - a program of this test
        values.append(names["improve_algorithm"]("", None, None))
    assert values[0] == values[1] == "[2, [3, 4, 'division by zero'], {}] 2 2 3.14 4"


def test_a_second_renaming_differs_from_the_first_and_does_not_pile_up() -> None:
    once = renamed(TINY, 1, DRAW)
    twice = renamed(once, 2, DRAW)
    assert twice != once and "renamed_1" not in twice and canonical(renamed(TINY, 2, DRAW)) == canonical(twice)


def test_a_reworded_scaffold_differs_by_one_blank_in_one_prompt() -> None:
    seed = read_scaffold("seed").source
    texts = {reworded(seed, 1, Draw(0, "propose", step=step)) for step in range(1, 12)}
    assert len(texts) > 5
    for text in texts:
        assert len(ast.unparse(ast.parse(text))) == len(canonical(seed)) + 1
        assert " ".join(text.split()) == " ".join(canonical(seed).split())


def test_docstrings_and_messages_of_errors_are_no_prompts() -> None:
    source = TINY.replace(
        "    message", "    if not initial_solution:\n        raise ValueError('this is no prompt at all')\n    message"
    )
    source = source.replace(
        "language_model):\n", 'language_model):\n    """Words that are for the reader alone."""\n', 1
    )
    for step in range(1, 12):
        changed = reworded(source, step, Draw(0, "propose", step=step))
        assert "this is no prompt at all" in changed and "Words that are for the reader alone." in changed


def test_a_text_that_is_compared_or_looked_up_is_no_prompt() -> None:
    source = (
        "KINDS = {'a key of words': 1}\n\ndef improve_algorithm(initial_solution, utility, language_model):\n"
        "    reply = language_model.prompt('You improve programs.', initial_solution)[0]\n"
        "    if 'no better idea found' in reply or KINDS['a key of words'] > 1:\n        return initial_solution\n"
        "    return reply\n"
    )
    texts = {reworded(source, step, Draw(0, "propose", step=step)) for step in range(1, 30)}
    assert len(texts) == 2
    for text in texts:
        assert text.count("'a key of words'") == 2 and "'no better idea found'" in text


def test_the_arms_of_the_command_line_are_those_there_are() -> None:
    assert tuple(ARMS) == CONTROLS


def test_a_drawn_parent_is_uniform_enough_and_always_the_same() -> None:
    drawn = [drawn_index("parent", 0, step, among=3) for step in range(3000)]
    assert drawn == [drawn_index("parent", 0, step, among=3) for step in range(3000)]
    assert all(900 < drawn.count(k) < 1100 for k in range(3))


def test_the_whole_budget_of_the_seed_is_best_of_n(tiny: list[str], tmp_path: Path) -> None:
    seed, expected = read_scaffold("seed"), read_scaffold("best_of_n")
    with begin(tiny[0], out=tmp_path / "run", test_repeats=2, generations=0) as session:
        found = session.compare([Arm("made", Scaffold.checked(whole_budget(seed.source))), Arm("wanted", expected)])
    made, wanted = found["made"], found["wanted"]
    assert [(r.utility, r.spent.llm_calls) for r in made] == [(r.utility, r.spent.llm_calls) for r in wanted]
    assert made[0].spent.llm_calls == 24


def test_the_whole_budget_of_an_improver_that_spends_it_is_itself(tiny: list[str], tmp_path: Path) -> None:
    ideas = read_scaffold("ideas")
    with begin(tiny[0], out=tmp_path / "run", test_repeats=1, generations=0) as session:
        twice = {"once": ideas, "again": Scaffold.checked(whole_budget(ideas.source))}
        found = session.compare([Arm(name, scaffold) for name, scaffold in twice.items()])
    once, again = found["once"], found["again"]
    assert again[0].utility == once[0].utility and again[0].spent.llm_calls == once[0].spent.llm_calls == 24


# -- runs --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("arm", ANY_SCAFFOLD)
def test_no_control_asks_for_more_calls_than_its_run_in_all_or_per_improver_run(
    arm: str, tiny_run: Path, controls: dict[str, Path]
) -> None:
    run, control = stop.load(tiny_run), stop.load(controls[arm])
    assert control.settings["config"]["search_calls"] == run.search_calls
    assert len(control.versions) > 1 and control.search_calls <= run.search_calls
    most = [r.settings["config"]["prompts_per_improver_run"] * r.settings["config"]["responses_per_prompt"]
            for r in (run, control)]  # fmt: skip
    assert most[0] == most[1] >= control.outcomes.llm_calls.max()


@pytest.mark.parametrize("arm", ANY_SCAFFOLD)
def test_a_control_replays(arm: str, controls: dict[str, Path], stop_run: Callable[..., Said]) -> None:
    said = stop_run("--replay", "--out", controls[arm])
    assert said.status == 0 and said.out.endswith(": equal\n")


@pytest.mark.parametrize("arm", MODELLESS)
def test_a_null_proposer_asks_no_model_for_its_children(arm: str, controls: dict[str, Path]) -> None:
    run = stop.load(controls[arm])
    steps = run.outcomes[(run.outcomes.split == "val") & (run.outcomes.version > 0)]
    judged = run.outcomes[run.outcomes.split == "val"].groupby("unit").llm_calls.sum()
    assert not steps.empty
    for version in run.versions.itertuples():
        assert version.llm_calls == judged[version.unit]


def test_an_identical_child_is_its_parent_under_other_draws(controls: dict[str, Path]) -> None:
    run = stop.load(controls["identity"])
    assert run.versions.sha.nunique() == 1
    evidence = run.decisions.evidence[1:]
    assert any(e["difference"] != 0.0 for e in evidence)
    assert set(run.decisions.verdict[1:]) == {"kept", "not_better"}
    assert run.test_utility(run.best) == run.test_utility(0)


def test_a_renamed_child_does_on_the_same_draws_what_its_parent_does(controls: dict[str, Path]) -> None:
    run = stop.load(controls["rename"])
    assert run.versions.sha.nunique() == len(run.versions)
    assert all(e["difference"] == 0.0 for e in run.decisions.evidence[1:]) and run.best == 0


def test_a_reworded_child_gets_other_replies(controls: dict[str, Path]) -> None:
    run = stop.load(controls["reword"])
    assert any(e["difference"] != 0.0 for e in run.decisions.evidence[1:])


def test_best_of_n_is_the_whole_budget_first_and_then_children_of_the_seed(controls: dict[str, Path]) -> None:
    run = stop.load(controls["best-of-n"])
    assert run.source(run.sha(1)) == whole_budget(run.source(run.sha(0)))
    assert set(run.versions.parent_id[1:]) == {0} and set(run.versions.generation[1:]) == {1}
    tested = run.outcomes[run.outcomes.split == "test"]
    assert {0, 1, run.best} == set(tested.version)
    assert set(tested[tested.version == 1].llm_calls) == {16}  # four prompts of four replies: the whole budget


def test_the_fixed_improver_is_the_seed_and_what_it_rewrites_moves(tiny_run: Path, controls: dict[str, Path]) -> None:
    run = stop.load(controls["fixed-improver"])
    first = [stop.load(path).sha(1) for path in (tiny_run, controls["fixed-improver"])]
    assert first[0] == first[1]  # the first step of the run is the seed's own
    kept = [v for v, verdict in run.standing.items() if verdict in ("seed", "kept")]
    for version in run.versions.itertuples():
        if version.id:
            assert version.parent_id == max(k for k in kept if k < version.id)
    asked = run.outcomes.llm_calls.max()
    steps = (
        run.versions.llm_calls[1:]
        - run.outcomes[run.outcomes.split == "val"].groupby("unit").llm_calls.sum()[1:].values
    )
    assert asked >= 4 and (steps > 0).all()


def test_a_random_parent_is_one_that_runs_and_is_drawn(controls: dict[str, Path]) -> None:
    run = stop.load(controls["random-parent"])
    runnable = [0]
    for version in run.versions.itertuples():
        if version.id:
            assert version.parent_id == runnable[drawn_index("parent", 0, version.id, among=len(runnable))]
            runnable += [version.id] if run.standing[version.id] == "kept" else []


def test_a_child_that_is_compared_with_another_than_its_parent_says_so(controls: dict[str, Path]) -> None:
    run = stop.load(controls["best-of-n"])
    if run.standing[1] == "kept":
        scored = run.decisions[(run.decisions.id > 1) & (run.decisions.verdict != "failed")]
        assert all("compared with the current version, " in why for why in scored.why)
        assert all(evidence["compared_with"] >= 1 for evidence in scored.evidence)


def test_a_control_is_the_same_however_many_workers_it_has(
    tiny_run: Path, controls: dict[str, Path], tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    argv = ["--control", "fixed-improver", "--like", tiny_run, "--workers", "5", "--out", tmp_path / "r"]
    assert stop_run(*argv).status == 0
    left = {"pending.jsonl"}  # of the step that was abandoned, as far as each got
    one, other = ({k: v for k, v in records(p).items() if k not in left and not k.startswith(("texts", "solutions"))}
                  for p in (controls["fixed-improver"], tmp_path / "r"))  # fmt: skip
    assert one == other


def test_a_finished_control_says_again_what_ended_it_and_measures_nothing(
    tiny_run: Path, controls: dict[str, Path], stop_run: Callable[..., Said]
) -> None:
    before = contents(controls["reword"])
    said = stop_run("--control", "reword", "--like", tiny_run, "--out", controls["reword"])
    assert said.status == 0 and "stopped: search_calls" in said.out and contents(controls["reword"]) == before


def test_a_control_without_a_run_has_the_default_calls_and_its_name_in_the_folder(
    tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_run: Callable[..., Said]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert stop_run(*tiny, "--control", "rename", "--generations", "1").status == 0
    run = stop.load(tmp_path / "results" / "cut-mutation-s0-rename")
    config = run.settings["config"]
    assert config["control"] == "rename" and config["search_calls"] == 8000 and len(run.versions) == 2
    assert "control, without a change" in run.settings["axes"]["mechanism"] and "like" not in run.settings


def test_a_control_of_a_run_stands_beside_others_under_both_names(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_run: Callable[..., Said]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert stop_run("--control", "rename", "--like", tiny_run, "--dry-run").status == 0
    assert not list(tmp_path.iterdir())
    assert stop_run("--control", "rename", "--like", tiny_run).status == 0
    assert stop.load(tmp_path / "results" / "tiny-rename").settings["like"] == "tiny"


@pytest.mark.parametrize(("arm", "tested"), [("fixed-improver", 2), ("best-of-n", 3)])
def test_the_dry_run_of_a_control_knows_its_calls(
    arm: str, tested: int, tiny_run: Path, stop_run: Callable[..., Said]
) -> None:
    said = stop_run("--control", arm, "--like", tiny_run, "--dry-run", "--out", "nowhere")
    # four improver runs of each version on test (2 x 1 + 2), 24 replies each at the most
    assert f"calls_worst: {stop.load(tiny_run).search_calls + tested * 4 * 24}\n" in said.out


def test_without_history_a_report_says_the_score_alone(
    tiny: list[str], tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    scaffold = tmp_path / "reports.py"
    scaffold.write_text(
        "def improve_algorithm(initial_solution, utility, language_model):\n"
        "    report = utility.report(initial_solution)\n"
        "    language_model.prompt('You are told.', f\"{sorted(report)} {len(report['instances'])} instances\")\n"
        "    return initial_solution\n"
    )
    argv = [tiny[0], "--scaffold", scaffold, "--generations", "1", *ONE]
    for out, more in (("plain", []), ("control", ["--control", "no-history"])):
        assert stop_run(*argv, *more, "--out", tmp_path / out).status == 0
    told = {out: {c["messages"][0]["text"] for c in stop.load(tmp_path / out).rows("calls.jsonl")}
            for out in ("plain", "control")}  # fmt: skip
    assert told["control"] == {"['instances', 'score'] 0 instances"}
    assert "['instances', 'score'] 2 instances" in told["plain"]
    assert stop_run("--replay", "--out", tmp_path / "control").status == 0


def test_the_mutation_arm_is_the_run_of_another_model_without_it(
    tiny: list[str], tmp_path: Path, scripted: Callable[..., str], stop_run: Callable[..., Said]
) -> None:
    argv = [*tiny[:3], "--generations", "1", *ONE]
    assert stop_run(*argv, "--model", scripted("no program"), "--out", tmp_path / "run").status == 0
    assert stop_run("--control", "mutation", "--like", tmp_path / "run", "--out", tmp_path / "control").status == 0
    run = stop.load(tmp_path / "control")
    assert run.settings["model"] == "mutation" and run.settings["config"]["model"] == "mutation"


# -- mistakes ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--control", "identiti"], "no control 'identiti'; nearest: identity"),
        (["--control", ""], "no control ''"),
        (["--like", "RUN"], "--like goes with --control ARM"),
        (["--control", "rename", "--like", "RUN", "--seed", "3"], "--seed cannot be given beside it"),
        (["maxcut", "--control", "rename", "--like", "RUN"], "tasks cannot be given beside it"),
        (["--control", "rename", "--like", "RUN", "--budget-calls", "9"], "--budget-calls cannot be given beside it"),
        (["--control", "rename", "--like", "nowhere"], "--like nowhere: no run there."),
        (["--control", "mutation"], "--control mutation: the model is 'mutation' as it is."),
        (["--control", "mutation", "--like", "RUN"], "the model is 'mutation' as it is."),
        (["--control", "no-history"], "the scaffold 'seed' does not use utility.report"),
        (["--control", "no-history", "--like", "RUN"], "does not use utility.report"),
        (["--control", "rename", "--like", "CONTROL"], "is itself the control rename"),
        (
            ["--replay", "--control", "rename", "--out", "RUN"],
            "--replay takes its settings from run.json, not --control",
        ),
    ],
)
def test_a_control_that_cannot_be_is_one_line_with_status_2(
    argv: list[str], line: str, tiny_run: Path, controls: dict[str, Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, stop_run: Callable[..., Said],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    named = {"RUN": tiny_run, "CONTROL": controls["rename"]}
    said = stop_run(*[named.get(a, a) for a in argv])
    assert said.status == 2 and line in said.line and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("source", "arm", "line"),
    [
        ("    return initial_solution\n", "rename", "has no name that can be changed"),
        ("    x = locals()\n    return initial_solution\n", "rename", "has no name that can be changed"),
        ("    return 'too short'\n", "reword", "has no text of 3 words that could be a prompt"),
    ],
)
def test_a_scaffold_that_an_arm_cannot_change_is_refused_before_anything_is_made(
    source: str, arm: str, line: str, tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    (tmp_path / "mine.py").write_text("def improve_algorithm(initial_solution, utility, language_model):\n" + source)
    said = stop_run("--scaffold", tmp_path / "mine.py", "--control", arm, "--out", tmp_path / "run")
    assert said.status == 2 and line in said.line and not (tmp_path / "run").exists()


def test_a_run_that_is_not_finished_or_does_not_hold_is_refused(
    tiny: list[str], tiny_run: Path, tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    assert stop_run(*tiny, "--budget-calls", "5", "--out", tmp_path / "cut").status == 0
    said = stop_run("--control", "rename", "--like", tmp_path / "cut", "--out", tmp_path / "c")
    assert said.status == 2 and "is not finished: 0 of 2 steps, test not looked at" in said.line
    broken = shutil.copytree(tiny_run, tmp_path / "broken")
    (broken / "seal.json").unlink()
    said = stop_run("--control", "rename", "--like", broken, "--out", tmp_path / "c")
    assert said.status == 2 and "its seal is none" in said.line and not (tmp_path / "c").exists()


def test_a_run_whose_tasks_changed_since_is_refused(
    tiny: list[str], tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    task = shutil.copytree(tiny[0], tmp_path / "mine")
    assert stop_run(task, *tiny[1:3], "--generations", "0", *ONE, "--out", tmp_path / "run").status == 0
    with (task / "statement.md").open("a") as f:
        f.write("\nOne more line.\n")
    said = stop_run("--control", "rename", "--like", tmp_path / "run", "--out", tmp_path / "c")
    assert said.status == 2 and "the files of task mine are not those of the run" in said.line


def test_a_session_refuses_an_arm_that_does_not_exist(tiny: list[str], tmp_path: Path) -> None:
    with pytest.raises(BadControl, match="no control 'nothing'"):
        begin(tiny[0], out=tmp_path / "run", control="nothing")
    assert not (tmp_path / "run").exists() and "control" in json.dumps(run_json("maxcut"))


def test_a_session_of_a_control_has_the_calls_and_the_model_of_the_arm(
    tiny: list[str], tmp_path: Path, scripted: Callable[..., str]
) -> None:
    settings = {"scaffold": tiny[2], "model": scripted("no program"), "control": "mutation"}
    with begin(tiny[0], out=tmp_path / "run", **settings) as session:
        config = session.plan.config
    assert (config.model, config.search_calls, config.generations) == ("mutation", 8000, 1000)


def test_a_folder_that_only_compares_scaffolds_has_no_control(
    tiny: list[str], tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    with begin(tiny[0], out=tmp_path / "run", generations=0, test_repeats=1, responses_per_prompt=1) as session:
        session.compare([Arm("one", read_scaffold("seed"))])
    said = stop_run("--control", "rename", "--like", tmp_path / "run", "--out", tmp_path / "c")
    assert said.status == 2 and "has no version, it compares scaffolds on test" in said.line
