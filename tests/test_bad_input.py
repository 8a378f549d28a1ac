"""Bad input as a user meets it: one clear line, nothing half-written, what was there is as it was."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ONE, Said, contents, records

from stop.cache import Answers
from stop.chain import encode, link
from stop.records import Records
from stop.sandbox import Sandbox
from stop.scorer import Scorer
from stop.task import FILES, BadTask, read_task
from stop.utility import Alone, Utility

StopRun = Callable[..., Said]
QUICK = ["--generations", "0", *ONE]


def assert_refused(said: Said, *parts: str, status: int = 2) -> None:
    assert said.status == status and said.out == "", said
    assert said.line.startswith("python -m stop.run: ")
    for part in parts:
        assert part in said.line


# -- task folders ---------------------------------------------------------------------------------------------------
TOML_FAULTS = [
    ('entry = "algorithm"', 'entri = "algorithm"', "unknown key 'entri'. Nearest: entry"),
    ('entry = "algorithm"', "", "key 'entry' is missing"),
    ("memory_mb = 256", 'memory_mb = "256"', "memory_mb = '256': give a whole number"),
    ("memory_mb = 256", "memory_mb = ", "task.toml: "),
    ("cpu_seconds_per_instance = 0.25", "cpu_seconds_per_instance = nan", "a number above 0, at most 1e+06"),
    ("train = 8", "train = 0", "give positive numbers for train, val and test"),
    ('sets = ["quick", "paper"]', "sets = [1]", "sets = [1]; give names"),
]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_of_a_task_is_named(name: str, task_folder: Path, tmp_path: Path, stop_run: StopRun) -> None:
    (task_folder / name).unlink()
    said = stop_run(task_folder, "--out", tmp_path / "r")
    assert_refused(said, f"task {task_folder}: no {name}. A task folder holds task.toml, ")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(("old", "new", "why"), TOML_FAULTS)
def test_a_fault_in_task_toml_is_named(
    old: str, new: str, why: str, task_folder: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    text = (task_folder / "task.toml").read_text()
    assert old in text
    (task_folder / "task.toml").write_text(text.replace(old, new))
    assert_refused(stop_run(task_folder, "--out", tmp_path / "r"), str(task_folder), why)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("statement.md", b"caf\xe9 {limits}", "not UTF-8 text. Save it as UTF-8"),
        ("statement.md", b"no limits", "statement.md lacks {limits}"),
        ("task.py", b"def instances(", "task.py does not parse"),
        ("task.py", b"\x00", "task.py does not parse"),
        ("seed.py", b"x = " + b"1" * 70_000, "seed.py does not parse: the program has 70004 characters"),
    ],
)
def test_a_file_of_a_task_that_cannot_be_read_is_named(
    name: str, data: bytes, why: str, task_folder: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    (task_folder / name).write_bytes(data)
    assert_refused(stop_run(task_folder, "--out", tmp_path / "r"), str(task_folder), why)
    assert not (tmp_path / "r").exists()


def test_a_task_that_is_no_folder_is_named(tmp_path: Path, stop_run: StopRun) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    (tmp_path / "file").write_text("x")
    for name, why in [("link", "is a link to nothing"), ("file", "is no folder"), ("none", "is no folder")]:
        assert_refused(stop_run(tmp_path / name, "--out", tmp_path / "r"), f"task {tmp_path / name}: {why}", "maxcut")


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_task_that_may_not_be_read_is_named(task_folder: Path, tmp_path: Path, stop_run: StopRun) -> None:
    (task_folder / "task.py").chmod(0)
    assert_refused(stop_run(task_folder, "--out", tmp_path / "r"), "task.py: Permission denied. Make it readable")


# -- what task.py makes ---------------------------------------------------------------------------------------------
@pytest.fixture
def scorer(task_folder: Path, sandbox: Sandbox) -> Iterator[Callable[[str], Scorer]]:
    """The scorer of a task whose task.py ends with the given lines."""
    made = []

    def write(lines: str) -> Scorer:
        with (task_folder / "task.py").open("a") as f:
            f.write("\n\n" + lines + "\n")
        made.append(Scorer(read_task(task_folder), sandbox))
        return made[-1]

    yield write
    for one in made:
        one.close()


def making(expression: str) -> str:
    """instances() that gives the expression, in which `made` is a right block."""
    head = "right = instances\n\ndef instances(split, block, n, seed):\n    made = right(split, block, n, seed)\n"
    return f"{head}    return {expression}"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("raise OSError('no data')", "error, OSError: no data"),
        ("[0] * 10**10", "error, MemoryError"),
        (making("1 // 0"), "error, ZeroDivisionError"),
        (making("iter(made)"), "instances() gives a list_iterator, not a list"),
        (making("made[1:]"), "instances() gives 7 instances, not 8"),
        (making("[*made[:7], 3]"), "instance 7 is a int, not a dict"),
        (making("[{k: v for k, v in m.items() if k != 'id'} for m in made]"), "instance 0 has no 'id'"),
        (making("[{k: v for k, v in m.items() if k != 'input'} for m in made]"), "instance 0 has no 'input'"),
        (making("[{k: v for k, v in m.items() if k != 'hidden'} for m in made]"), "instance 0 has no 'hidden'"),
        (making("[{**m, 'input': 'abc'} for m in made]"), "instance 0: its input is a str, not a list of arguments"),
        (making("[{**m, 'input': [object()]} for m in made]"), "instance 0: its input is not plain data"),
        (making("[{**m, 'id': 'same'} for m in made]"), "two instances of train block 0 have the id 'same'"),
        ("del instances", "NameError"),
    ],
)
def test_instances_that_are_none_are_named(scorer: Callable[[str], Scorer], lines: str, why: str) -> None:
    with pytest.raises(BadTask, match="Mend task.py; python -m stop.tasks ") as found:
        scorer(lines).check("train", 0)
    assert why in str(found.value)


@pytest.mark.slow
def test_a_task_that_hangs_is_stopped(scorer: Callable[[str], Scorer]) -> None:
    with pytest.raises(BadTask, match="timeout, more than 10 s of CPU time"):
        scorer("while True: pass").check("train", 0)


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        ("import time\n" + making("[{**m, 'hidden': {'optimum': time.time()}} for m in made]"), "hidden"),
        ("import time\n" + making("[{**m, 'id': f'{int(time.time())}-{i}'} for i, m in enumerate(made)]"), "id"),
        ("import random\n" + making("[{**m, 'input': [random.random()]} for m in made]"), "input"),
        ("import os\n" + making("[{**m, 'input': [os.urandom(4)]} for m in made]"), "input"),
        (making("[{**m, 'input': [np.random.rand(2)]} for m in made]"), "input"),
        ("count = []\n" + making("[{**m, 'input': [len(count)]} for m in made if not count.append(1)]"), "input"),
        (making("[{**m, 'hidden': object} if block else {**m, 'hidden': {str(id(m)): 1}} for m in made]"), "hidden"),
    ],
)
def test_instances_that_differ_from_call_to_call_are_named(
    scorer: Callable[[str], Scorer], lines: str, part: str
) -> None:
    with pytest.raises(BadTask, match=rf"instance 0 of train block 0 differs between two calls .* in its {part}: "):
        scorer(lines).check("train", 0)


def test_a_scorer_that_makes_other_instances_after_its_process_died_is_stopped(
    scorer: Callable[[str], Scorer],
) -> None:
    made = scorer("import os\nsalt = os.urandom(4)\n" + making("[{**m, 'hidden': {'optimum': salt}} for m in made]"))
    made.inputs("val", 0)
    made._child.close()  # type: ignore[union-attr]
    with pytest.raises(BadTask, match="instance 0 of val block 0 differs between two calls"):
        made.scores("val", 0, [(0, b"\xc0")])


def test_a_score_that_changes_its_instance_is_an_incident_each_time(
    task_folder: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    with (task_folder / "task.py").open("a") as f:
        f.write("\n\ndef score(instance, output):\n    instance['hidden']['optimum'] += 1\n    return 0.5\n")
    records = Records(tmp_path / "r")
    utility = Utility(read_task(task_folder), sandbox, Answers(records), Alone())
    for source in ("def algorithm(w): return [0]", "def algorithm(w): return [1]"):
        found = utility.evaluate(source, "train", 0)
        assert found.counts == {"unscorable": 8} and len(found.incidents) == 8
        assert "score() changed instance" in found.incidents[0]
    utility.close()
    records.close()


def test_a_hidden_part_may_be_more_than_plain_data(scorer: Callable[[str], Scorer]) -> None:
    made = scorer(making("[{**m, 'hidden': {'optimum': 1, 'known': {1, 2}}} for m in made]"))
    assert len(made.check("train", 0)) == 12


def test_instances_that_differ_end_a_run_before_its_folder_is_made(
    task_folder: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    with (task_folder / "task.py").open("a") as f:
        f.write("\n\nimport os\n" + making("[{**m, 'input': [os.urandom(4)]} for m in made]") + "\n")
    said = stop_run(task_folder, *QUICK, "--out", tmp_path / "above" / "r")
    assert_refused(said, f"task {task_folder}: instance 0 of train block 0 differs", "in its input")
    assert not (tmp_path / "above").exists()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise KeyError('x')", "the scorer failed: error, KeyError: 'x'"),
        ("return float('nan')", "the scorer gave nan, not a number in [0, 1]"),
        ("return 1.5", "the scorer gave 1.5, not a number in [0, 1]"),
        ("return 'high'", "the scorer failed: error, ValueError"),
        ("import os; os._exit(1)", "the scorer failed: crash"),
    ],
)
def test_a_score_that_is_none_counts_0_and_is_an_incident(
    task_folder: Path, sandbox: Sandbox, tmp_path: Path, body: str, why: str
) -> None:
    with (task_folder / "task.py").open("a") as f:
        f.write(f"\n\ndef score(instance, output):\n    {body}\n")
    records = Records(tmp_path / "records")
    utility = Utility(read_task(task_folder), sandbox, Answers(records), Alone())
    found = utility.evaluate(utility.task.seed_source, "train", 0)
    assert found.counts == {"unscorable": 8} and found.score == 0.0 and why in found.outcomes[0].detail
    assert '"incidents":["' in (tmp_path / "records" / "pending.jsonl").read_text()
    utility.close()
    records.close()


# -- scaffolds ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "defines no function improve_algorithm"),
        (b"\x89PNG\r\n\x1a\n\xff", "not UTF-8 text"),
        (b"\x00" * 100, "does not parse"),
        (b"#" * 70_000, "the program has 70000 characters; at most 64000"),
    ],
)
def test_a_scaffold_file_that_is_none_is_named(data: bytes, why: str, tmp_path: Path, stop_run: StopRun) -> None:
    (tmp_path / "mine.py").write_bytes(data)
    said = stop_run("maxcut", "--scaffold", tmp_path / "mine.py", "--out", tmp_path / "r")
    assert_refused(said, f"scaffold {tmp_path / 'mine.py'}: ", why)
    assert not (tmp_path / "r").exists()


def test_a_scaffold_that_is_a_folder_or_a_link_to_nothing_is_named(tmp_path: Path, stop_run: StopRun) -> None:
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "link.py").symlink_to(tmp_path / "nothing")
    for name, why in [("folder.py", "is a folder"), ("link.py", "no scaffold file")]:
        assert_refused(stop_run("maxcut", "--scaffold", tmp_path / name), why, str(tmp_path / name), "Give the path of")


# -- run folders ----------------------------------------------------------------------------------------------------
def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def cut(path: Path, size: int, lines: int = 0) -> None:
    """The file without its last lines, or without so many bytes at its end."""
    kept = path.read_bytes().splitlines(keepends=True)
    data = b"".join(kept[: len(kept) - lines])
    path.write_bytes(data[: len(data) - size])


def made_by_hand(out: Path) -> None:
    """A chain that holds, of lines that no run makes."""
    first = encode({"unit": "seed", "prev": ""})
    (out / "calls.jsonl").write_bytes(first + b"\n" + encode({"unit": "seed", "prev": link(first)}) + b"\n")


RUN_FOLDER_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "run.json is damaged": (lambda out: (out / "run.json").write_text("{"), "run.json: "),
    "run.json is no object": (lambda out: (out / "run.json").write_text("[]"), "run.json: not an object. Start"),
    "run.json is no text": (lambda out: (out / "run.json").write_bytes(b"\xff\xfe"), "run.json: "),
    "run.json is newer": (
        lambda out: (out / "run.json").write_text('{"format": 9}'),
        "run.json: has the format 9, this version of stop reads 1. Use the version of stop that made it",
    ),
    "run.json lacks a key": (lambda out: edited(out / "run.json", '"looks"', '"locks"'), "the key 'looks' is missing"),
    "run.json has other tasks": (lambda out: edited(out / "run.json", '"tasks": {', '"tasks": 3, "x": {'), "run.json"),
    "run.json was edited": (lambda out: edited(out / "run.json", '"python"', '"Python"'), "edited since it was sealed"),
    "a record was edited": (lambda out: edited(out / "calls.jsonl", '"unit":"seed"', '"unit":"step"'), "line 2: does"),
    "the last record was edited": (
        lambda out: edited(out / "decisions.jsonl", '"block":1000002', '"block":1000003'),
        "decisions.jsonl line 4: edited since sealed. The run cannot go on from it; start another with --out.",
    ),
    "a line is damaged": (
        lambda out: edited(out / "evaluations.jsonl", '{"unit"', '"unit"'),
        "evaluations.jsonl line 1: not a whole record. The run cannot go on",
    ),
    "a pending line is damaged": (
        lambda out: (out / "pending.jsonl").write_text('{"kind":"ca\n{"kind":"call","unit":"u","key":"k"}\n'),
        "pending.jsonl line 1: not a whole record",
    ),
    "half of the last lines are missing": (
        lambda out: (out / "calls.jsonl").write_bytes((out / "calls.jsonl").read_bytes()[:3000]),
        "calls.jsonl line 3: sealed with ",
    ),
    "a finished unit lost the end of its line": (
        lambda out: [(out / "seal.json").unlink(), cut(out / "lineage.jsonl", 40)],
        "lineage.jsonl: the last line, of a finished unit, is not whole. The run cannot go on",
    ),
    "a finished unit lost its decision": (
        lambda out: [(out / "seal.json").unlink(), cut(out / "decisions.jsonl", 7)],
        "has no end, though later units have. The run cannot go on",
    ),
    "a finished unit lost a line": (
        lambda out: [(out / "seal.json").unlink(), cut(out / "lineage.jsonl", 0, lines=1)],
        "lineage.jsonl: version 2 is missing. The run cannot go on",
    ),
    "the seal is damaged": (lambda out: (out / "seal.json").write_text("[1]"), "seal.json line 1: not a whole record"),
    "made by hand": (made_by_hand, "calls.jsonl line 1: lacks 'key': it was not made by a run"),
    "a source was edited": (
        lambda out: [edited(p, "return", "return  ") for p in (out / "sources").iterdir()],
        "was edited. The run cannot go on",
    ),
    "a text was edited": (
        lambda out: edited(next((out / "texts").iterdir()), "e", "E"),
        "it was edited. The run cannot go on",
    ),
    "a source is missing": (lambda out: [p.unlink() for p in (out / "sources").iterdir()], "is missing. The run"),
}


@pytest.mark.parametrize("fault", RUN_FOLDER_FAULTS)
def test_a_run_folder_with_a_fault_is_refused_in_one_line_and_left_as_it_is(
    fault: str, small_run: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    spoil, why = RUN_FOLDER_FAULTS[fault]
    out = shutil.copytree(small_run, tmp_path / "copy")
    spoil(out)
    before = contents(out)
    said = stop_run("maxcut", "--generations", "3", *ONE, "--look-again", "--out", out)
    assert_refused(said, str(out), why)
    assert contents(out) == before


def test_an_edited_record_of_a_finished_run_is_refused_too(small_run: Path, tmp_path: Path, stop_run: StopRun) -> None:
    out = shutil.copytree(small_run, tmp_path / "copy")
    edited(out / "outcomes.jsonl", '"utility":0', '"utility":1')
    before = contents(out)
    said = stop_run("maxcut", "--generations", "2", *ONE, "--out", out)
    assert_refused(said, "outcomes.jsonl line 2: does not continue")
    assert contents(out) == before


def test_a_torn_last_line_is_cut_off_with_one_notice_and_the_run_goes_on(
    small_run: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    out = shutil.copytree(small_run, tmp_path / "copy")
    (out / "seal.json").unlink()  # as after a kill
    with (out / "calls.jsonl").open("ab") as f:
        f.write(b'{"unit":"step 3","key":"')
    said = stop_run("maxcut", "--generations", "2", *ONE, "--out", out)
    notices = [line for line in said.lines if "cut off" in line]
    assert said.status == 0 and notices == ["calls.jsonl: its last line was not whole and is cut off"]
    assert records(out) == records(small_run)


def test_rows_of_a_unit_without_its_end_are_left_out_of_a_replay_sealed_or_not(
    small_run: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    """As Ctrl-C leaves them between the rows of a look at test and the word that it is done."""
    out = shutil.copytree(small_run, tmp_path / "copy")
    run = json.loads((out / "run.json").read_text())
    run["looks"]["test"][-1]["done"] = False
    (out / "run.json").write_text(json.dumps(run, indent=1))
    (out / "seal.json").unlink()
    argv = ["maxcut", "--generations", "2", *ONE, "--out", out]
    assert stop_run("--replay", "--out", out).status == 0
    assert stop_run(*argv, "--cache", "/dev/null/x").status == 2
    assert stop_run("--replay", "--out", out).status == 0
    assert stop_run(*argv).status == 0
    assert records(out) == records(small_run)


def test_calls_count_against_the_budget_though_their_timing_is_lost(
    small_run: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    out = shutil.copytree(small_run, tmp_path / "copy")
    (out / "timing.jsonl").write_text("")
    longer = "--generations", "4", "--look-again", "--budget-calls", "20"
    said = stop_run("maxcut", *longer, *ONE, "--out", out)
    assert said.status == 0 and "stopped: budget_calls" in said.out


def test_a_finished_run_that_was_killed_before_it_was_sealed_is_sealed_by_the_same_command(
    small_run: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    out = shutil.copytree(small_run, tmp_path / "copy")
    (out / "seal.json").unlink()
    said = stop_run("maxcut", "--generations", "2", *ONE, "--out", out)
    assert "seal: whole" in said.out and records(out) == records(small_run)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"instances_sha": "', '"instances_sha": "x', "does not make the instances of the run any more"),
        ('"scorer_sha": "', '"scorer_sha": "x', "task maxcut (scorer_sha)"),
    ],
)
def test_a_task_that_is_not_the_one_of_the_run_is_refused(
    old: str, new: str, why: str, small_run: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    out = shutil.copytree(small_run, tmp_path / "copy")
    edited(out / "run.json", old, new)
    (out / "seal.json").unlink()
    said = stop_run("maxcut", "--generations", "3", *ONE, "--look-again", "--out", out)
    assert_refused(said, why, "Give another --out")


def test_other_package_versions_are_told_in_one_line_and_the_run_goes_on(
    small_run: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    out = shutil.copytree(small_run, tmp_path / "copy")
    run = json.loads((out / "run.json").read_text())
    run["packages"]["numpy"] = "1.0"
    (out / "run.json").write_text(json.dumps(run, indent=1))
    (out / "seal.json").unlink()
    said = stop_run("maxcut", "--generations", "2", *ONE, "--out", out)
    (notice,) = [line for line in said.lines if "other versions" in line]
    assert said.status == 0 and notice.startswith("made with other versions: numpy 1.0 then, ")


def test_a_read_only_out_is_refused_and_a_replay_from_there_works(
    small_run: Path, read_only: Callable[[Path | None], Path], stop_run: StopRun
) -> None:
    folder = read_only(small_run)
    assert_refused(stop_run("maxcut", "--out", folder / "new"), f"{folder} is not writable. Give another --out.")
    longer = "maxcut", "--generations", "3", *ONE, "--look-again", "--out", folder / "run"
    assert_refused(stop_run(*longer), f"--out {folder / 'run'}: ", "is not writable. Give another --out.")
    assert "equal" in stop_run("--replay", "--out", folder / "run").out


# -- replies shared between runs -------------------------------------------------------------------------------------
def test_a_cache_that_cannot_be_used_is_named_and_no_run_folder_is_made(
    tmp_path: Path, stop_run: StopRun, read_only: Callable[[Path | None], Path]
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "cache.db").write_bytes(b"no database" * 1000)
    for cache, why in [
        (tmp_path / "file", "File exists"),
        (tmp_path / "damaged", "file is not a database"),
        (read_only(None) / "cache", "Read-only" if os.geteuid() == 0 else "Permission denied"),
    ]:
        said = stop_run("maxcut", *QUICK, "--cache", cache, "--out", tmp_path / "r")
        assert_refused(said, f"--cache {cache} cannot be used: {why}", "Give another --cache, or --no-cache")
        assert not (tmp_path / "r").exists()


def test_a_cache_with_a_damaged_reply_is_named_and_what_was_finished_is_kept(tmp_path: Path, stop_run: StopRun) -> None:
    import diskcache

    argv = ["maxcut", *QUICK, "--cache", tmp_path / "cache"]
    assert stop_run(*argv, "--out", tmp_path / "first").status == 0
    with diskcache.Cache(str(tmp_path / "cache")) as cache:
        (row,) = cache._sql("SELECT MAX(rowid) FROM Cache").fetchall()
        cache._sql("UPDATE Cache SET value = ? WHERE rowid = ?", (b"no reply", row[0]))
    said = stop_run(*argv, "--out", tmp_path / "second")
    assert said.status == 1 and f"--cache {tmp_path / 'cache'} cannot be used: " in said.lines[-1]
    assert stop_run("maxcut", *QUICK, "--out", tmp_path / "second").status == 0
    assert (tmp_path / "second" / "calls.jsonl").read_bytes() == (tmp_path / "first" / "calls.jsonl").read_bytes()
