"""Every task folder that is found keeps the contract of a task, and so does each of its presets: folders are listed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from trusted import reference

from stop.cache import Answers
from stop.check import BLOCKS, CHECKS, Bench, hostile
from stop.check import made as made_apart
from stop.records import Records
from stop.sandbox import Sandbox, wire
from stop.scaffold import sha
from stop.scorer import Scorer
from stop.task import SPLITS, Split, Task, known_tasks, open_sentence, read_task
from stop.utility import Alone, Utility

FIRST_BLOCKS: list[tuple[Split, int]] = [(split, 0) for split in SPLITS]  # of a preset, which may take seconds each
WITHOUT_REFERENCE: dict[str, str] = {}  # task -> why there is no strong solution
UNEXPLAINED = ("lpn", "maxcut", "modified_qap", "parity", "string_grid", "three_sat", "tsp")
MEASURED = {  # seeds whose figures are published: a change of one is another task
    "bin_packing": "048232b33d76", "blocksworld": "38afce7f0112", "contest": "14d32d2c30bc",
    "countdown": "d21f5f0eb5ac",
    "game_of_24": "e927e7f0c351", "gripper": "a48df5093b90", "integer_sequences": "8cfbe33df907",
    "job_shop": "8ff54e10167d", "linear_diophantine": "d8b8875c1307", "logistics": "709f780c472b",
    "lpn": "c496d3544fb9", "maxcut": "96a369c59ae5", "modified_qap": "80b129d87252", "parity": "c496d3544fb9",
    "polynomials": "6d22f01b5d7a", "sliding_tiles": "9170c427404d", "sokoban": "ad7d5a6123b5",
    "string_grid": "41aadb5f0726", "three_sat": "d90e48b1c384", "tower_of_hanoi": "11b36fb3fbfd", "tsp": "68650a9de75a",
    "word_problems": "8af4029293af",
}  # fmt: skip
READINGS = [(name, preset) for name, path in sorted(known_tasks().items()) for preset in ("", *read_task(path).presets)]


@pytest.fixture(scope="module", params=READINGS, ids=lambda found: "-".join(filter(None, found)))
def task(request: pytest.FixtureRequest) -> Task:
    name, preset = request.param
    found = read_task(known_tasks()[name], preset)
    assert found.preset == preset
    return found


@pytest.fixture(scope="module")
def blocks(task: Task) -> list[tuple[Split, int]]:
    return FIRST_BLOCKS if task.preset else list(BLOCKS)


@pytest.fixture(scope="module")
def made(task: Task, sandbox: Sandbox) -> list[dict]:
    """The first block of val with its hidden parts, made apart from the scorer."""
    return made_apart(task, sandbox, "val", 0)


@pytest.fixture(scope="module")
def utility(task: Task, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Utility]:
    """What scores solutions of the task, with a record of its own."""
    records = Records(tmp_path_factory.mktemp("records"))
    made = Utility(task, sandbox, Answers(records), Alone())
    yield made
    made.close()
    records.close()


@pytest.fixture(scope="module")
def bench(task: Task, sandbox: Sandbox, utility: Utility) -> Bench:
    return Bench(task, sandbox, utility)


@pytest.fixture(scope="module")
def outputs(bench: Bench) -> list[bytes]:
    """Wrong outputs for the first instance of val."""
    return hostile(bench)


@pytest.mark.parametrize("split", SPLITS)
def test_the_seed_runs_within_its_limits_and_leaves_room(utility: Utility, split: Split) -> None:
    found = utility.evaluate(utility.task.seed_source, split, 0)
    milliseconds = 1000 * found.cpu_seconds / len(found.outcomes)
    print(f"{utility.task.name} {split}: {found.score:.4f}, {milliseconds:.2f} ms each")
    assert {o.status for o in found.outcomes} == {"scored"}, found.outcomes
    assert 0.0 < found.score < 1.0
    assert not found.near_limit and not found.incidents


@pytest.mark.parametrize("split", SPLITS)
def test_a_block_has_as_many_different_instances_as_task_toml_says(utility: Utility, split: Split) -> None:
    inputs = utility.scorer.inputs(split, 0)
    assert len({i.instance_id for i in inputs}) == len({i.packed for i in inputs}) == utility.task.instances[split]


def test_no_input_appears_in_two_splits_or_blocks(utility: Utility, blocks: list[tuple[Split, int]]) -> None:
    packed = [i.packed for split, block in blocks for i in utility.scorer.inputs(split, block)]
    assert len(set(packed)) == len(packed)


def test_the_same_block_has_the_same_instances_every_time(utility: Utility, sandbox: Sandbox) -> None:
    if utility.task.preset:
        pytest.skip("the default size has been asked; val of this one is made twice for the hidden parts")
    another = Scorer(utility.task, sandbox)
    for split, block in reversed(BLOCKS):
        assert another.inputs(split, block) == utility.scorer.inputs(split, block)
    another.close()


def test_inputs_are_plain_lists_of_arguments(utility: Utility) -> None:
    assert all(isinstance(wire.unpack(i.packed), list) for i in utility.scorer.inputs("train", 0))


def test_the_statement_says_so_if_the_best_value_is_not_proved(task: Task) -> None:
    assert (open_sentence(task.score_cap) in task.statement) == task.open


def test_what_is_told_of_the_scoring_does_not_contain_the_generator_of_instances(task: Task) -> None:
    assert "def score(" in task.text
    assert "def instances(" not in task.text


def test_a_wrong_output_costs_no_other_output_its_score(utility: Utility, outputs: list[bytes]) -> None:
    for output in outputs:
        alone = utility.scorer.scores("val", 0, [(0, output)])
        assert alone == utility.scorer.scores("val", 0, [(0, b""), (0, output)])[1:]


def test_the_report_says_why_an_output_scores_0(task: Task, utility: Utility) -> None:
    if task.name in UNEXPLAINED:
        pytest.skip("its published figures were measured without reasons")
    found = utility.evaluate(f"def {task.entry}(*given):\n    return None\n", "train", 0)
    assert found.score == 0.0 and found.counts == {"scored": task.instances["train"]}
    assert all(one["detail"] and len(one["detail"]) <= 200 for one in found.feedback)


def test_a_reason_says_nothing_of_the_hidden_part(task: Task, utility: Utility, made: list[dict]) -> None:
    outputs = [(i, wire.pack([])) for i in range(len(made))]
    for one, found in zip(made, utility.scorer.scores("val", 0, outputs), strict=True):
        assert all(str(value) not in found.reason for value in one["hidden"].values() if len(str(value)) > 3)


@pytest.mark.parametrize("point", sorted(CHECKS))
def test_each_point_of_the_contract_is_kept(bench: Bench, point: str) -> None:
    if bench.task.preset and point in ("instances", "deterministic"):
        pytest.skip("the default size has been asked; blocks of a published one take seconds each")
    assert CHECKS[point](bench)


def test_a_strong_solution_reaches_what_is_called_1(task: Task, utility: Utility) -> None:
    if task.name in WITHOUT_REFERENCE:
        pytest.skip(WITHOUT_REFERENCE[task.name])
    found = utility.evaluate(reference(task.name), "val", 0)
    assert found.counts == {"scored": len(found.outcomes)}, found.outcomes
    assert found.score >= 0.95
    assert task.preset or not found.near_limit  # limits of a preset are published ones


def test_scores_are_equal_beside_two_processes_that_take_all_they_can(
    task: Task, utility: Utility, sandbox: Sandbox, tmp_path: Path
) -> None:
    if task.preset:
        pytest.skip("limits of a preset are published ones, some too tight for a busy machine")
    sources = [task.seed_source, *([] if task.name in WITHOUT_REFERENCE else [reference(task.name)])]
    alone = [utility.evaluate(source, "val", 0) for source in sources]
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    records = Records(tmp_path)
    loaded = Utility(task, sandbox, Answers(records), Alone())
    try:
        beside = [loaded.evaluate(source, "val", 0) for source in sources]
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
        loaded.close()
        records.close()
    assert beside == alone


def test_a_solution_never_sees_the_hidden_part(utility: Utility, made: list[dict]) -> None:
    assert [wire.unpack(i.packed) for i in utility.scorer.inputs("val", 0)] == [one["input"] for one in made]


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_the_seed_is_the_one_that_was_measured(name: str) -> None:
    assert sha(read_task(known_tasks()[name]).seed_source) == MEASURED[name]


def test_every_folder_is_found_by_name() -> None:
    listed = {p.parent.name for p in (Path(__file__).parents[1] / "tasks").glob("[!_]*/task.toml")}
    assert listed <= set(known_tasks())
