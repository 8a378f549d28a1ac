"""A task's own code and its reference, run in the test's process: what comes with the project is trusted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from stop.task import find_tasks

REFERENCES = Path(__file__).parent / "references"


def code(name: str, preset: str = "", **sizes: Any) -> dict[str, Any]:
    """The functions of a task.py and its libraries, at sizes of our choice."""
    task = find_tasks([name], preset)[0]
    made: dict[str, Any] = {}
    for file, source in task.scorer_texts:
        exec(compile(source, file, "exec"), made)  # noqa: S102
    made["SIZES"].update(sizes)
    return made


def block(name: str, split: str = "val", n: int = 8, preset: str = "", **sizes: Any) -> list[dict]:
    """The first n instances of the first block, with their hidden parts."""
    return code(name, preset, **sizes)["instances"](split, 0, n, find_tasks([name])[0].seed)  # type: ignore[no-any-return]


def reference(name: str) -> str:
    """The source of a strong solution of the task; it is no part of the package."""
    return (REFERENCES / f"{name}.py").read_text()


def solver(name: str) -> Callable[..., Any]:
    """The function that the strong solution defines."""
    made: dict[str, Any] = {}
    exec(compile(reference(name), f"{name}.py", "exec"), made)  # noqa: S102
    return made[find_tasks([name])[0].entry]  # type: ignore[no-any-return]
