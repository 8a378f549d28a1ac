"""What several test files share: one sandbox, small runs, a scripted model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stop.run import main as run_main
from stop.sandbox import Sandbox
from stop.settings import RunConfig

SMALL = ["maxcut", "--generations", "2", "--repeats", "1", "--workers", "2"]


def run_json(*tasks: str) -> dict:
    """run.json of a run that is made by hand."""
    config = RunConfig(tasks=tasks).record()
    return {"config": config, "model": "m", "scaffold": "s", "tasks": {}, "looks": {"val": [], "test": []}}


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with two steps on one task; do not change it, copy it."""
    out = tmp_path_factory.mktemp("runs") / "small"
    assert run_main([*SMALL, "--out", str(out)]) == 0
    return out


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[..., str]:
    """Writes replies to a file and gives the --model that answers with them."""

    def write(*replies: str) -> str:
        path = tmp_path / "replies.json"
        path.write_text(json.dumps(list(replies)))
        return f"scripted:{path}"

    return write
