"""Kill, resume, replay: records equal to those of a run that nobody disturbed."""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import ONE, Background, Said, answered, contents, records, small_task

from stop.model import Request
from stop.run import main
from stop.session import Session, begin

MOMENTS_SEED = 20231003


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody disturbed: its arguments, what it left, the bytes of its answers, the seconds it took."""

    argv: list[str]
    records: dict[str, bytes]
    answered: int
    seconds: float

    def started(self, out: Path, *more: str) -> subprocess.Popen[bytes]:
        """The same command with a folder of its own, in a process of its own."""
        return started(self.argv, out, *more)


def started(argv: list[str], out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "stop.run", *argv, "--out", str(out), "--cache", str(out) + ".cache", *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def finished(argv: list[str], out: Path) -> Undisturbed:
    start = time.monotonic()
    process = started(argv, out)
    _, said = process.communicate()
    assert process.returncode == 0, said.decode()
    return Undisturbed(argv, records(out), answered(out), time.monotonic() - start)


def descendants(pid: int) -> set[int]:
    """All processes below `pid`."""
    children: dict[int, set[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), set()).add(int(entry.name))
    found, queue = set(), [pid]
    while queue:
        below = children.get(queue.pop(), set())
        found |= below
        queue += below
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def undisturbed(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """A run on two small tasks with a short scaffold."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return finished([small_task("string_grid", folder / "grid"), *tiny], folder / "run")


@pytest.fixture(scope="module")
def undisturbed_in_full(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """A run on two whole tasks with the scaffold of the paper."""
    argv = ["maxcut", "string_grid", "--generations", "2", *ONE, "--workers", "2"]
    return finished(argv, tmp_path_factory.mktemp("undisturbed") / "run")


def until_answered(size: int, out: Path) -> None:
    """Waits until a run folder holds so many bytes of answers."""
    deadline = time.monotonic() + 60
    while answered(out) < size:
        assert time.monotonic() < deadline, f"{out} does not get to {size} bytes"
        time.sleep(0.005)


def killed_and_resumed(run: Undisturbed, out: Path, wait: Callable[[], None]) -> dict[str, bytes]:
    """Kills a run with SIGKILL after waiting, checks that nothing survives, and runs the same command again."""
    process = run.started(out)
    wait()
    below = descendants(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 1.0
    while (left := [p for p in below if alive(p)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left, f"{len(left)} processes are alive a second after the kill"
    again = run.started(out)
    _, said = again.communicate()
    assert again.returncode == 0, said.decode()
    return records(out)


def assert_same(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    different = [n for n in sorted(set(found) | set(expected)) if found.get(n) != expected.get(n)]
    assert not different, f"{len(different)} files differ: {different[:5]}"


@pytest.mark.parametrize("share", [0.35, 0.7])
def test_a_killed_run_goes_on_to_the_records_of_an_undisturbed_one(
    undisturbed: Undisturbed, tmp_path: Path, share: float
) -> None:
    out = tmp_path / "run"
    resumed = killed_and_resumed(undisturbed, out, lambda: until_answered(int(share * undisturbed.answered), out))
    assert_same(resumed, undisturbed.records)


@pytest.mark.slow
def test_ten_kills_at_moments_from_a_printed_seed_change_nothing(
    undisturbed_in_full: Undisturbed, tmp_path: Path
) -> None:
    run, rng = undisturbed_in_full, random.Random(MOMENTS_SEED)
    moments = sorted(rng.uniform(0.05, run.seconds) for _ in range(10))
    said = ", ".join(f"{m:.2f}" for m in moments)
    print(f"\nseed {MOMENTS_SEED}, a run of {run.seconds:.1f} s, killed after {said} s")
    for number, moment in enumerate(moments):
        wait = functools.partial(time.sleep, moment)
        assert_same(killed_and_resumed(run, tmp_path / f"run{number}", wait), run.records)


@pytest.mark.slow
def test_two_runs_are_equal_ten_times_of_ten_one_of_them_beside_two_cpu_hogs(
    undisturbed_in_full: Undisturbed, tmp_path: Path
) -> None:
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        for number in range(10):
            undisturbed_in_full.started(tmp_path / f"run{number}").communicate()
            assert_same(records(tmp_path / f"run{number}"), undisturbed_in_full.records)
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def test_the_number_of_workers_changes_no_record(undisturbed: Undisturbed, tmp_path: Path) -> None:
    undisturbed.started(tmp_path / "run", "--workers", "5").communicate()
    assert_same(records(tmp_path / "run"), undisturbed.records)


def test_ctrl_c_saves_everything_prints_the_command_and_ends_with_130(undisturbed: Undisturbed, tmp_path: Path) -> None:
    process = undisturbed.started(tmp_path / "run")
    until_answered(undisturbed.answered // 2, tmp_path / "run")
    below = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    again = f"To go on: python -m stop.run {undisturbed.argv[0]}"
    assert process.returncode == 130 and again in said.decode()
    assert not [p for p in below if alive(p)]
    undisturbed.started(tmp_path / "run").communicate()
    assert_same(records(tmp_path / "run"), undisturbed.records)


def test_a_replay_reproduces_writes_nothing_and_asks_no_model(
    small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p: p.stat().st_mtime_ns for p in small_run.rglob("*")}
    assert main(["--replay", "--out", str(small_run)]) == 0
    assert "equal" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in small_run.rglob("*")} == before


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("calls.jsonl", 3, "calls.jsonl: call "),
        ("calls.jsonl", -1, "calls.jsonl"),
        ("evaluations.jsonl", 4, "evaluations.jsonl: the evaluation of solution "),
        ("outcomes.jsonl", 1, "outcomes.jsonl line 2: "),
        ("lineage.jsonl", -1, "version 2"),
        ("decisions.jsonl", 1, "decisions.jsonl line 2: decision on version 1 is missing"),
        ("decisions.jsonl", -1, "decision on version 2 is missing"),
    ],
)
def test_a_replay_names_the_record_that_is_missing(
    small_run: Path, tmp_path: Path, name: str, line: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shutil.copytree(small_run, tmp_path / "copy")
    lines = (out / name).read_bytes().splitlines(keepends=True)
    del lines[line]
    (out / name).write_bytes(b"".join(lines))
    assert main(["--replay", "--out", str(out)]) == 1
    found = capsys.readouterr()
    assert said in found.err and "replay" in found.out


def without_look_at_test(run_folder: Path, out: Path) -> Path:
    """A copy without seal and look at test, as a kill leaves a folder after the last step."""
    return without_last_decisions(0, run_folder, out)


def without_last_decisions(number: int, run_folder: Path, out: Path) -> Path:
    """A copy without seal and look at test: for 1, as a kill leaves a folder just before the decisions on step 2."""
    shutil.copytree(run_folder, out)
    run = json.loads((out / "run.json").read_text())
    run["looks"]["test"] = []
    (out / "run.json").write_text(json.dumps(run))
    (out / "seal.json").unlink()
    for path in out.glob("*.jsonl"):
        kept = [line for line in path.read_bytes().splitlines(keepends=True) if b'"unit":"test ' not in line]
        path.write_bytes(b"".join(kept))
    decisions = (out / "decisions.jsonl").read_bytes().splitlines(keepends=True)
    units = list(dict.fromkeys(json.loads(line)["unit"] for line in decisions))  # of a step that is kept: two
    kept_units = units[: len(units) - number]
    lasting = [line for line in decisions if json.loads(line)["unit"] in kept_units]
    (out / "decisions.jsonl").write_bytes(b"".join(lasting))
    return out


def test_a_replay_leaves_out_the_step_that_a_kill_cut_short(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = without_last_decisions(1, small_run, tmp_path / "copy")
    assert main(["--replay", "--out", str(out)]) == 0
    assert "the unit in which the run was cut short has no end and is left out" in "".join(capsys.readouterr())


def test_a_replay_names_a_lost_decision_before_the_step_that_a_kill_cut_short(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = without_last_decisions(2, small_run, tmp_path / "copy")
    assert main(["--replay", "--out", str(out)]) == 1
    assert "decisions.jsonl line 2: decision on version 1 is missing" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["texts", "solutions"])
def test_a_replay_names_a_text_that_was_edited(
    folder: str, small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shutil.copytree(small_run, tmp_path / "copy")
    path = min((out / folder).iterdir())
    path.write_text(path.read_text() + "\n")
    assert main(["--replay", "--out", str(out)]) == 1
    assert f"differs: {folder}/{path.name} line 1: is not what its name says: it was edited" in capsys.readouterr().err


def test_a_replay_names_a_text_that_is_missing(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shutil.copytree(small_run, tmp_path / "copy")
    path = min((out / "texts").iterdir())
    path.unlink()
    assert main(["--replay", "--out", str(out)]) == 1
    assert f"differs: texts/{path.name} line 1: is missing" in capsys.readouterr().err


def test_a_replay_names_a_score_that_was_edited(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shutil.copytree(small_run, tmp_path / "copy")
    lines = (out / "lineage.jsonl").read_text().splitlines()
    row = json.loads(lines[-1]) | {"meta_utility": 0.9999}
    (out / "lineage.jsonl").write_text("\n".join([*lines[:-1], json.dumps(row, separators=(",", ":"))]) + "\n")
    assert main(["--replay", "--out", str(out)]) == 1
    assert "meta_utility is 0.9999" in capsys.readouterr().err


def looks_at_test(out: Path) -> list[str]:
    return [look["unit"] for look in json.loads((out / "run.json").read_text())["looks"]["test"]]


def test_more_generations_go_on_after_test_was_seen_if_another_look_is_asked_for_and_it_is_counted(
    small_run: Path, tmp_path: Path, stop_run: Callable[..., Said]
) -> None:
    out = shutil.copytree(small_run, tmp_path / "longer")
    longer = ["maxcut", "--generations", "3", *ONE, "--out", out]
    said = stop_run(*longer)
    assert said.status == 2 and "test was looked at in 'test after step 2'; 'test after step 3' would be" in said.line
    assert "--look-again: the look is counted" in said.line and contents(out) == contents(small_run)
    said = stop_run(*longer, "--look-again")
    assert said.status == 0 and "test_looks: 2" in said.out.splitlines()
    assert looks_at_test(out) == ["test after step 2", "test after step 3"]
    assert stop_run("--replay", "--out", out).status == 0
    assert "test_looks: 2" in stop_run(*longer).out.splitlines()  # printed again: no look, and none is asked for


def interrupt(event: str) -> None:
    raise KeyboardInterrupt(event)


def test_a_look_that_a_kill_cut_short_is_the_same_look(small_run: Path, tmp_path: Path) -> None:
    out = without_look_at_test(small_run, tmp_path / "copy")
    with begin("maxcut", out=out, generations=2, repeats=1, noise_repeats=0, test_repeats=4, sandbox="auto") as session:
        session._recursion._tell = interrupt
        with pytest.raises(KeyboardInterrupt):
            session.look_at_test()
    assert looks_at_test(out) == ["test after step 2"]
    assert main(["maxcut", "--generations", "2", *ONE, "--out", str(out)]) == 0
    assert records(out) == records(small_run)


def test_what_is_asked_beside_the_units_stays_out_of_their_records_and_is_known_to_later_sittings(
    tiny: list[str], scripted: Callable[..., str], stop_run: Callable[..., Said], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    settings = {"out": out, "scaffold": tiny[2], "model": scripted("a reply"), "generations": 1, "repeats": 1}

    def ask(session: Session, message: str) -> int:
        """Calls by then."""
        session.model.reply(Request("", message, 1.0, 10, "aa"))
        return session._meter.calls

    with begin(tiny[0], **settings) as session:
        session.score_seed()
        ask(session, "between")
        session._recursion._tell = lambda event: ask(session, "during")
        session.step()
    with begin(tiny[0], **settings) as session:
        before = session._meter.calls
        assert ask(session, "between") == ask(session, "during") == before
    rows = [json.loads(line) for line in (out / "pending.jsonl").open()]
    assert [row["messages"][0]["text"] for row in rows] == ["between", "during"]
    assert "equal" in stop_run("--replay", "--out", out).out


def test_a_run_that_was_stepped_in_a_notebook_is_continued_by_the_command_line(
    tiny: list[str], tiny_run: Path, tmp_path: Path
) -> None:
    with begin(tiny[0], out=tmp_path / "tiny", **as_tiny(tiny)) as session:  # each line as in a cell of its own
        session.score_seed()
        session.step()
    assert main([*tiny, "--out", str(tmp_path / "tiny")]) == 0
    assert records(tmp_path / "tiny") == records(tiny_run)


def test_a_run_that_the_command_line_left_is_stepped_on_in_a_notebook(
    tiny: list[str], tiny_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tiny"
    process = Background(*tiny, "--out", out)
    while not (out / "decisions.jsonl").exists():  # the seed is scored
        time.sleep(0.005)
    process.signal(signal.SIGKILL)
    process.wait()
    with begin(tiny[0], out=out, **as_tiny(tiny)) as session:
        while session.recorded.steps < 2:
            session.step()
        if not session.recorded.settings["looks"]["test"]:
            session.look_at_test()
    assert records(out) == records(tiny_run)


def as_tiny(tiny: list[str]) -> dict[str, Any]:
    """The settings of a tiny run for `begin`."""
    return {"scaffold": tiny[2], "generations": 2, "repeats": 1, "test_repeats": 4, "noise_repeats": 2}
