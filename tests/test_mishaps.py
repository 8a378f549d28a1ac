"""What may happen to a run from outside: a full disk, a lost process, a second run, a clock set back."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import ONE, TASKS, Background, Said, answered, children, contents, records

from stop.cache import Answers
from stop.chain import CHAINED, read_lines
from stop.records import CannotWrite, Records
from stop.sandbox import Sandbox
from stop.scorer import Scorer
from stop.task import read_task
from stop.utility import Alone, Utility

STOP = Path(__file__).resolve().parent.parent / "stop"
StopRun = Callable[..., Said]


def wait_for(found: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


# -- a full disk ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kilobytes", [4, 60, 180])
def test_a_full_disk_ends_the_run_in_one_line_and_the_same_command_goes_on(
    kilobytes: int, tiny: list[str], tiny_run: Path, tmpfs: Callable[[str], Path], stop_run: StopRun
) -> None:
    disk = tmpfs(f"size={kilobytes}k")
    out = disk / "above" / "run"
    said = stop_run(*tiny, "--out", out)
    assert said.status == 1 and said.out == ""
    assert said.lines[-1] == (
        f"python -m stop.run: {out} cannot be written: No space left on device. What was finished is kept. "
        "Free some space, then give the same command again."
    )
    assert kilobytes > 4 or list(disk.iterdir()) == []  # a run that could not start leaves nothing
    assert all(read_lines(out / name)[1] is None for name in CHAINED)
    assert stop_run(*tiny, "--out", out).status == 1  # still full
    subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
    assert stop_run(*tiny, "--out", out).status == 0
    assert records(out) == records(tiny_run)


def test_a_limit_on_the_size_of_files_ends_the_run_in_one_line_and_no_program_pays_for_it(
    tiny: list[str], tiny_run: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    said = Background(*tiny, "--out", tmp_path / "r", most_bytes=9_000).wait()
    assert said.status == 1 and f"{tmp_path / 'r'} cannot be written: File too large" in said.lines[-1]
    lines = (tmp_path / "r" / "pending.jsonl").read_bytes()
    assert lines.endswith(b"\n") and len(lines) <= 9_000
    kept = [json.loads(line) for line in lines.splitlines()]
    expected = {row["key"]: row for row in read_lines(tiny_run / "evaluations.jsonl")[0]}
    for row in (row for row in kept if row["kind"] == "evaluation"):
        assert row["instances"] == expected[row["key"]]["instances"]
    assert stop_run(*tiny, "--out", tmp_path / "r").status == 0
    assert records(tmp_path / "r") == records(tiny_run)


def test_after_a_write_that_failed_nothing_more_is_written_and_the_folder_can_be_opened(
    tmpfs: Callable[[str], Path],
) -> None:
    path = tmpfs("size=64k") / "run"
    kept = Records(path)
    with pytest.raises(CannotWrite, match="No space left on device"):
        for number in range(100):
            spent = {"input_tokens": 1, "output_tokens": 1, "usd": 0.0}
            kept.note(
                {"kind": "call", "unit": "seed", "key": str(number), "reply": "x" * 3000, "stop_reason": "", **spent}
            )
    before = contents(path)
    for write in (
        lambda: kept.note({"kind": "call", "unit": "seed", "key": "small"}),
        lambda: kept.put("texts", "a", "b"),
        lambda: kept.commit({}),
        kept.seal,
    ):
        with pytest.raises(CannotWrite):
            write()
    assert contents(path) == before
    kept.close()
    again = Records(path)
    assert [row["key"] for row in again.unfinished(set())] == [str(n) for n in range(number)]
    again.close()


def test_a_full_cache_ends_the_run_in_one_line_and_loses_no_reply(
    tiny: list[str], tiny_run: Path, tmpfs: Callable[[str], Path], tmp_path: Path, stop_run: StopRun
) -> None:
    cache = tmpfs("size=220k") / "cache"
    said = stop_run(*tiny, "--cache", cache, "--out", tmp_path / "r")
    assert said.status == 1 and f"--cache {cache} cannot be used: " in said.lines[-1], said
    assert "Free some space, then give the same command again." in said.lines[-1]
    assert stop_run(*tiny, "--out", tmp_path / "r").status == 0
    assert records(tmp_path / "r") == records(tiny_run)


# -- lost processes -------------------------------------------------------------------------------------------------
def test_a_run_survives_the_death_of_its_zygote_several_times(tiny: list[str], tiny_run: Path, tmp_path: Path) -> None:
    run = Background(*tiny, "--out", tmp_path / "r")
    for size in (1, 20_000, 40_000):
        wait_for(lambda size=size: run.ended() or answered(tmp_path / "r") > size)
        for pid in run.zygotes():
            os.kill(pid, signal.SIGKILL)
    said = run.wait()
    assert said.status == 0, said.out
    assert records(tmp_path / "r") == records(tiny_run)


def test_a_run_whose_programs_are_killed_again_and_again_ends_in_one_line_and_goes_on_later(
    tiny: list[str], tiny_run: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    run = Background(*tiny, "--out", tmp_path / "r")
    wait_for(lambda: (tmp_path / "r" / "pending.jsonl").exists())
    while not run.ended():
        with suppress(FileNotFoundError, ProcessLookupError):
            for pid in (pid for zygote in run.zygotes() for pid in children(zygote)):
                os.kill(pid, signal.SIGKILL)
    said = run.wait()
    assert said.status == 1 and "Traceback" not in said.out
    assert said.lines[-1].endswith("times in a row. What was finished is kept. Give the same command again.")
    assert stop_run(*tiny, "--out", tmp_path / "r").status == 0
    assert records(tmp_path / "r") == records(tiny_run)


def test_a_solution_killed_from_outside_is_measured_again(sandbox: Sandbox, tmp_path: Path) -> None:
    slow = "def algorithm(weights):\n    sum(range(3_000_000))\n    return [0] * len(weights)\n"
    kept = Records(tmp_path / "r")
    utility = Utility(read_task(TASKS / "maxcut"), sandbox, Answers(kept), Alone())
    utility.scorer.inputs("train", 0)
    zygote = sandbox._zygote.pid  # type: ignore[union-attr]
    before = set(children(zygote))

    def kill_the_solution() -> None:
        wait_for(lambda: set(children(zygote)) - before)
        os.kill(min(set(children(zygote)) - before), signal.SIGKILL)

    killer = threading.Thread(target=kill_the_solution)
    killer.start()
    found = utility.evaluate(slow, "train", 0)
    killer.join()
    assert found.counts == {"scored": 8}
    utility.close()
    kept.close()


def test_a_scorer_killed_from_outside_is_built_again_and_scores_the_same(sandbox: Sandbox) -> None:
    scorer = Scorer(read_task(TASKS / "maxcut"), sandbox)
    outputs = [(0, b"\x90"), (1, b"\xc0")]
    scorer.inputs("train", 0)
    before = scorer.scores("train", 0, outputs)
    scorer._child._process.kill()  # type: ignore[union-attr]
    assert scorer.scores("train", 0, outputs) == before and not any(s.incident for s in before)
    scorer.close()


# -- a second run, a clock ------------------------------------------------------------------------------------------
def test_a_second_run_in_the_same_folder_is_refused_and_disturbs_nothing(
    tiny: list[str], tiny_run: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    first = Background(*tiny, "--out", tmp_path / "r")
    wait_for(lambda: (tmp_path / "r" / "pending.jsonl").exists())
    first.signal(signal.SIGSTOP)  # it holds the folder until the second has been there
    wait_for(first.stopped)
    before = contents(tmp_path / "r")
    said = stop_run(*tiny, "--out", tmp_path / "r")
    assert said.status == 2 and contents(tmp_path / "r") == before
    assert said.line == (
        f"python -m stop.run: {tmp_path / 'r'} is in use by another process. Wait for it, or give another --out."
    )
    first.signal(signal.SIGCONT)
    assert first.wait().status == 0
    assert records(tmp_path / "r") == records(tiny_run)


@pytest.mark.parametrize("moment", [0, 4_000_000_000])
def test_a_clock_that_was_set_back_or_forward_changes_nothing(
    moment: int, tiny: list[str], tiny_run: Path, tmp_path: Path, stop_run: StopRun
) -> None:
    out = shutil.copytree(tiny_run, tmp_path / "r")
    (out / "seal.json").unlink()  # as after a kill
    for path in [*out.rglob("*"), out]:
        os.utime(path, (moment, moment))
    assert stop_run("--replay", "--out", out).status == 0
    assert stop_run(*tiny, "--out", out).status == 0
    assert records(out) == records(tiny_run)


def test_nothing_depends_on_the_clock_of_the_day_or_on_the_age_of_a_file() -> None:
    named = {"time_ns", "now", "utcnow", "today", "st_mtime", "st_mtime_ns", "getmtime", "st_ctime", "localtime"}
    for path in STOP.rglob("*.py"):
        if path.name in ("scoring.py", "retry.py"):
            # the one sets the clock of a task's own process forward, to see whether instances depend on it; the other
            # waits until the date that a server names, at most two minutes
            continue
        nodes = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Attribute)]
        used = {n.attr for n in nodes} | {f"{ast.unparse(n.value)}.{n.attr}" for n in nodes}
        assert not used & (named | {"time.time"}), path


# -- replay ---------------------------------------------------------------------------------------------------------
def test_a_replay_names_an_incident_that_was_removed(task_folder: Path, tmp_path: Path, stop_run: StopRun) -> None:
    with (task_folder / "task.py").open("a") as f:
        f.write("\n\ndef score(instance, output):\n    return 2.0\n")
    out = tmp_path / "r"
    said = stop_run(task_folder, "--generations", "0", *ONE, "--out", out)
    assert said.status == 0 and "incidents: 0" not in said.out
    assert stop_run("--replay", "--out", out).status == 0
    lines = (out / "incidents.jsonl").read_bytes().splitlines(keepends=True)
    (out / "incidents.jsonl").write_bytes(b"".join(lines[:-1]))
    said = stop_run("--replay", "--out", out)
    assert said.status == 1 and f"differs: incidents.jsonl line {len(lines)}: incident of solution" in said.lines[-1]
