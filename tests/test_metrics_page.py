"""docs/metrics.md: its examples print what they say; and the modules that it describes open and start nothing."""

from __future__ import annotations

import ast
import doctest
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "stop" / "analysis").glob("*.py"))
HEAVY = {"numpy", "scipy", "pandas"}
CLOSED = {"os", "io", "pathlib", "shutil", "subprocess", "socket", "multiprocessing", "threading", "random", "time"}


def test_the_examples_print_what_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = doctest.testfile(str(ROOT / "docs" / "metrics.md"), module_relative=False, encoding="utf-8")
    assert found.attempted > 20 and found.failed == 0


def test_every_public_function_of_the_metrics_is_on_the_page() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    for name in ("curves", "gaps", "gain", "reference", "credit", "edits", "strategies"):
        tree = ast.parse((ROOT / "stop" / "analysis" / f"{name}.py").read_text())
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and ast.get_docstring(node):
                assert f"{node.name}(" in page, f"{name}.{node.name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_analysis_opens_nothing_starts_nothing_and_loads_what_is_heavy_only_when_used(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        tops = {name.split(".")[0] for name in names}
        assert not tops & CLOSED and not (node in tree.body and tops & HEAVY)
        assert not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "print")
        )
