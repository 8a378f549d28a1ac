"""python -m stop.run on a model behind a server: recorded, resumed, replayed without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ONE

from models.conftest import CANARY
from models.fault_server import RETRIED, FaultServer, always, mixed
from models.shop import same_program
from stop.run import main

SMALL = ["maxcut", "--generations", "1", *ONE, "--workers", "2"]
PASSING = sorted(RETRIED - {"hang"})


@pytest.mark.parametrize("kind", ["anthropic", "openai"])
def test_a_run_survives_faults_replays_without_the_server_and_writes_no_key(tmp_path, monkeypatch, capfd, kind):
    monkeypatch.setenv(f"{kind.upper()}_API_KEY", CANARY)
    out = str(tmp_path / "run")
    with FaultServer(mixed(0.1, faults=PASSING), answer=same_program) as server:
        asked = [*SMALL, "--model", f"{kind}/any", "--base-url", f"{server.url}/", "--out", out]
        assert main(asked) == 0
        served = sum(server.attempts.values())
        assert main(asked) == 0 and sum(server.attempts.values()) == served
    assert served > 0 and server.requests[0]["authorization"].endswith(CANARY)
    assert main(["--replay", "--out", out]) == 0
    said = capfd.readouterr()
    assert CANARY not in said.out + said.err
    for file in Path(out).rglob("*"):
        assert file.is_dir() or CANARY.encode() not in file.read_bytes(), file


def test_another_server_is_another_run(tmp_path, capfd):
    out = str(tmp_path / "run")
    with FaultServer(answer=same_program) as server:
        assert main([*SMALL, "--model", "openai/any", "--base-url", server.url, "--out", out]) == 0
        assert main([*SMALL, "--model", "openai/any", "--base-url", f"{server.url}/v1", "--out", out]) == 2
    assert "was made with config base_url" in capfd.readouterr().err


@pytest.mark.parametrize(("fault", "says"), [("401", "OPENAI_API_KEY"), ("404", "--model"), ("400", "--base-url")])
def test_a_set_up_that_cannot_work_ends_the_run_with_one_line(tmp_path, capfd, fault, says):
    with FaultServer(always(fault)) as server:
        asked = [*SMALL, "--model", "openai/any", "--base-url", server.url, "--out", str(tmp_path / "run")]
        assert main(asked) == 1
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("python -m stop.run: openai/any") and says in last


def test_a_missing_key_is_wrong_usage_and_leaves_no_folder(tmp_path, monkeypatch, capfd):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert main([*SMALL, "--model", "claude-opus-4-8", "--out", str(tmp_path / "run")]) == 2
    assert "set ANTHROPIC_API_KEY" in capfd.readouterr().err and not (tmp_path / "run").exists()
