"""Whatever happens to a run, in whatever order: nothing finished is lost, and the end is that of an undisturbed run."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Background, Said, answered, contents, records

from stop.chain import Record, check_seal

SEED = 20231003
NAMES = ("calls.jsonl", "evaluations.jsonl", "pending.jsonl")
MEASURED = ("prev", "kind", "fresh", "cpu_seconds", "near_limit", "unit")  # may differ, or are not there at first


def answers(out: Path) -> dict[str, Record]:
    """Every reply and evaluation that is in the folder, in whole lines, by key.

    One result for each, and each once in a file: what a kill leaves in pending.jsonl after a commit is the same answer,
    but an answer that is twice in one file was asked for or measured twice.
    """
    found: dict[str, Record] = {}
    for name in NAMES:
        lines = (out / name).read_bytes().split(b"\n")[:-1] if (out / name).exists() else []
        rows = [{k: v for k, v in json.loads(line).items() if k not in MEASURED} for line in lines]
        assert len({row["key"] for row in rows}) == len(rows), f"{name} has an answer twice"
        for row in rows:
            assert found.setdefault(row["key"], row) == row, f"two results of {row['key']}"
    return found


class Disturbed:
    """One run folder and all that befalls it."""

    def __init__(self, argv: list[str], out: Path, most: int, rng: random.Random) -> None:
        """most: bytes of the answers of an undisturbed run; disturbances come at a random number of them."""
        self.argv = [*argv, "--out", str(out)]
        self.out = out
        self.most = most
        self.rng = rng
        self.known: dict[str, Record] = {}

    def kill(self) -> Said:
        return self._sent(signal.SIGKILL, (-signal.SIGKILL, 0))

    def interrupt(self) -> Said:
        return self._sent(signal.SIGINT, (130, 0))

    def full_disk(self) -> Said:
        most = int(2 ** self.rng.uniform(10, 18))
        said = Background(*self.argv, most_bytes=most).wait()
        assert said.status == 0 or (said.status == 1 and f"{self.out} cannot be written: File too" in said.lines[-1])
        return said

    def kill_zygotes(self) -> Said:
        run = Background(*self.argv)
        for _ in range(self.rng.randint(1, 3)):
            self._wait(run)
            with suppress(FileNotFoundError, ProcessLookupError):
                for pid in run.zygotes():
                    os.kill(pid, signal.SIGKILL)
        said = run.wait()
        assert said.status == 0 or (said.status == 1 and "python -m stop.run: " in said.lines[-1])
        return said

    def resume(self) -> Said:
        said = Background(*self.argv).wait()
        assert said.status == 0
        return said

    def look_in(self) -> Said:
        """With its calls spent: what opening the folder loses is not asked for again."""
        said = Background(*self.argv, "--budget-calls", 1).wait()
        assert said.status == 0
        return said

    def replay(self) -> Said:
        if not (self.out / "run.json").exists():
            return Said(0, "", [])
        before = contents(self.out)
        said = Background("--replay", "--out", self.out).wait()
        assert said.status == 0 and said.lines[-1].endswith(": equal") and contents(self.out) == before
        return said

    def check(self, said: Said) -> None:
        """What must hold after every action."""
        assert "Traceback" not in said.out
        assert not [str(b) for b in check_seal(self.out)[1] if not b.torn]
        now = answers(self.out)
        assert {key: now.get(key) for key in self.known} == self.known
        self.known = now

    def _sent(self, number: int, expected: tuple[int, int]) -> Said:
        run = Background(*self.argv)
        self._wait(run)
        run.signal(number)
        said = run.wait()
        assert said.status in expected
        return said

    def _wait(self, run: Background) -> None:
        """Until some more is recorded, then a moment more: between two answers, inside a commit, at the very end."""
        target = self.rng.uniform(0.9 * answered(self.out), self.most)
        deadline = time.monotonic() + 60
        while not run.ended() and answered(self.out) < target and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(self.rng.uniform(0.01, 0.15))


ACTIONS: list[Callable[[Disturbed], Said]] = [
    Disturbed.kill, Disturbed.interrupt, Disturbed.full_disk, Disturbed.kill_zygotes, Disturbed.look_in,
    Disturbed.resume, Disturbed.replay,
]  # fmt: skip
WEIGHTS = [4, 3, 4, 3, 4, 1, 2]


@pytest.mark.parametrize("number", [*range(6), *(pytest.param(n, marks=pytest.mark.slow) for n in range(6, 60))])
def test_whatever_happens_nothing_finished_is_lost_and_the_records_are_those_of_an_undisturbed_run(
    number: int, tiny: list[str], tiny_run: Path, tmp_path: Path
) -> None:
    rng = random.Random(f"{SEED}/{number}")
    run = Disturbed(tiny, tmp_path / "run", answered(tiny_run), rng)
    actions = [*rng.choices(ACTIONS, WEIGHTS, k=rng.randint(2, 4)), Disturbed.resume, Disturbed.replay]
    for action in actions:
        said = action(run)
        print(f"{SEED}/{number} {action.__name__}: {said.status}, {said.lines[-1:]}")  # shown if the test fails
        run.check(said)
    assert records(run.out) == records(tiny_run)
