"""The levels of confinement: which work here, what a run records of its own, and that it makes no other difference."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ONE

from stop.run import main
from stop.sandbox import LEVELS, Limits, Ran, Sandbox, SandboxError, Text, levels, usable, wire

HERE = [level for level, why_not in levels().items() if not why_not]
RECORDS = ("calls.jsonl", "evaluations.jsonl", "outcomes.jsonl", "lineage.jsonl", "decisions.jsonl")
pytestmark = pytest.mark.skipif(not HERE, reason="nothing can be confined here")


@pytest.fixture(scope="module", params=HERE)
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(level=request.param) as made:
        yield made


@pytest.fixture(scope="module")
def small(tiny: list[str]) -> list[str]:
    """The arguments of a run of one step on a small task."""
    return [*tiny[:3], "--generations", "1", *ONE]


@pytest.fixture(scope="module")
def runs(small: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same run at every level that works here."""
    folder = tmp_path_factory.mktemp("levels")
    for level in HERE:
        assert main([*small, "--sandbox", level, "--out", str(folder / level)]) == 0
    return {level: folder / level for level in HERE}


def run(box: Sandbox, source: str) -> Ran:
    with box.start(Text("p.py", source), limits=Limits(2.0)) as child:
        return child.call("f", wire.pack([]), seed=0) if child.loaded.status == "ok" else child.loaded


def test_the_records_of_a_run_are_equal_at_every_level_and_name_it(runs: dict[str, Path]) -> None:
    assert len({tuple((out / name).read_bytes() for name in RECORDS) for out in runs.values()}) == 1
    for level, out in runs.items():
        found = json.loads((out / "run.json").read_text())
        assert found["config"]["sandbox"] == found["confinement"]["level"] == level


def test_a_run_goes_on_at_its_own_level_and_at_no_other(
    small: list[str], runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    level, out = list(runs.items())[-1]
    assert main([*small, "--out", str(out)]) == 0
    other = next(one for one in LEVELS if one != level)
    if other in HERE:
        assert main([*small, "--sandbox", other, "--out", str(out)]) == 2
        assert f"was made with config sandbox '{level}', now it is '{other}'" in capsys.readouterr().err


def test_a_run_is_replayed_at_any_level(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    for level in HERE:
        assert main(["--replay", "--sandbox", level, "--out", str(runs[HERE[0]])]) == 0
        assert "equal" in capsys.readouterr().out


WITHOUT_BWRAP = {**os.environ, "PATH": "/nowhere"}


def stop_run(*argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stop.run", *argv]
    return subprocess.run(command, env=WITHOUT_BWRAP, capture_output=True, text=True, timeout=120, check=False)


def test_a_level_that_does_not_work_is_refused_with_the_reason_and_one_that_does(
    small: list[str], tmp_path: Path
) -> None:
    done = stop_run(*small, "--sandbox", "bwrap", "--out", str(tmp_path / "r"))
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and not (tmp_path / "r").exists()
    assert "no bwrap (the package bubblewrap) is installed; --sandbox " in done.stderr


@pytest.mark.skipif("bwrap" not in HERE, reason=f"bwrap: {levels()['bwrap']}")
def test_a_run_whose_level_does_not_work_here_is_replayed_and_not_resumed(
    small: list[str], runs: dict[str, Path], tmp_path: Path
) -> None:
    out = shutil.copytree(runs["bwrap"], tmp_path / "r")
    done = stop_run(*small, "--generations", "2", "--out", str(out))
    assert done.returncode == 2 and "was made with sandbox 'bwrap'" in done.stderr
    done = stop_run("--replay", "--out", str(out))
    assert done.returncode == 0 and "the run was made in 'bwrap'" in done.stderr


def test_an_unknown_level_is_named() -> None:
    with pytest.raises(SandboxError, match="no sandbox level 'chroot'; found: auto, bwrap, landlock, strict"):
        usable("chroot")


def test_without_landlock_auto_takes_a_level_that_needs_none() -> None:
    assert usable("auto", most_landlock_abi=0).strict
    with pytest.raises(SandboxError, match="'landlock' on this machine: its kernel has no Landlock"):
        usable("landlock", most_landlock_abi=0)


@pytest.mark.skipif("landlock" not in HERE, reason=f"landlock: {levels()['landlock']}")
@pytest.mark.parametrize("abi", [1, 2, 3, 4, 5, 6])
def test_every_version_of_landlock_is_enough(abi: int) -> None:
    with Sandbox(level="landlock", most_landlock_abi=abi) as box:
        box.require()
        assert box.record["landlock_abi"] <= abi and run(box, "def f(): return 1").value() == 1


USEFUL = """
import asyncio, bisect, cmath, collections.abc, concurrent.futures, csv, dataclasses, decimal, difflib, email.message
import fractions, functools, graphlib, heapq, html.parser, itertools, json, logging.handlers, random, re
import statistics, string, textwrap, unittest.mock, urllib.parse, xml.etree.ElementTree, zoneinfo
import numpy, numpy.linalg, numpy.random, numpy.fft, numpy.polynomial, numpy.ma
"""


def test_at_every_level_the_standard_library_and_numpy_can_be_imported_and_nothing_else(box: Sandbox) -> None:
    work = "\ndef f(): return [*numpy.fft.fft([1, 0]).real, 'é'.encode('cp1252'), asyncio.iscoroutine(1)]"
    assert run(box, USEFUL + work).value() == [1.0, 1.0, b"\xe9", False]
    for package in ("pytest", "pandas", "stop"):
        assert run(box, f"import {package}\ndef f(): pass").kind in ("ModuleNotFoundError", "PermissionError"), package


def test_the_known_leak_is_closed_where_there_is_no_path(box: Sandbox) -> None:
    leaks = [one.name for one in box.require() if not one.blocked]
    assert leaks == (["stat"] if box.level == "landlock" else [])


HANGING = "import time\ntime.sleep(60)\n"


def test_a_zygote_that_hangs_while_it_starts_is_ended_at_every_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hanging.py").write_text(HANGING)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("stop.sandbox.forked.START_SECONDS", 1)
    for level in HERE:
        with pytest.raises(SandboxError, match="zygote did not start"):
            Sandbox(level=level, packages=("hanging",))
    assert not [line for line in _commands() if str(tmp_path) in line]


def _commands() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_text())
    return found
