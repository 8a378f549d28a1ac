"""The shape that matters: imports run one way, one place executes, README and disk agree, the licence of words."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = {p.relative_to(ROOT / "stop").with_suffix("").as_posix(): p for p in (ROOT / "stop").rglob("*.py")}
LAYERS = [  # a module may import from its own line and from those below it
    {"run", "show", "compare", "plot", "tasks", "check", "models", "transfer", "report", "__init__"},
    {"replay"},
    {"session", "closing", "like", "forecast", "progress"},
    {"plan", "improve", "godel"},
    {"frames", "meta", "ledger", "choose", "accept", "noise", "controls", "analysis"},
    {"rewrite", "utility"},
    {"cache", "scorer", "lineage", "hostile"},
    {"sandbox", "model", "records"},
    {"task", "chain"},
    {"scaffold", "budget", "draw", "settings", "betting", "clade", "definitions"},
    {"syntax", "markup", "arguments", "libraries"},
    {"neutral"},
]


def imported(path: Path) -> set[str]:
    """The stop modules that a file imports when it is imported: not those inside functions or for types only."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "stop":
            parts = node.module.split(".")[1:]
            found |= {parts[0]} if parts else {a.name for a in node.names}
    return found


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_run_one_way(name: str) -> None:
    top = name.split("/")[0]
    level = next(i for i, layer in enumerate(LAYERS) if top in layer)
    above = {module for layer in LAYERS[:level] for module in layer}
    assert not imported(MODULES[name]) & above


PURE = [
    "scaffold", "budget", "choose", "accept", "betting", "clade", "noise", "draw", "definitions", "controls",
    "analysis/intervals", "analysis/pairs", "analysis/transfer",
]  # fmt: skip


@pytest.mark.parametrize("name", PURE)
def test_the_pure_modules_import_no_process_network_or_disk(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text())
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
    assert not names & {"subprocess", "socket", "multiprocessing", "urllib.request", "http.client", "shutil", "sqlite3"}


def test_only_the_sandbox_executes_and_nothing_unpickles() -> None:
    for name, path in MODULES.items():
        text = path.read_text()
        calls = {
            n.func.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }
        assert "eval" not in calls
        assert "exec" not in calls or name.startswith("sandbox/"), name
        assert not re.search(r"^\s*(import|from) (pickle|marshal|shelve|dill)\b", text, re.M), name


def test_importing_the_package_reads_nothing_and_starts_nothing() -> None:
    code = "import sys, stop, stop.run; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "pandas", "matplotlib", "dspy", "anthropic", "rich", "scipy", "subprocess", "socket"}
    assert not heavy & set(ran.stdout.split())


def test_the_file_tree_of_the_readme_is_that_of_the_disk() -> None:
    block = (ROOT / "README.md").read_text().split("<!-- tree -->")[1]
    named = set(re.findall(r"^([\w./]+) ", block, re.M))
    tracked = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, text=True, check=True).stdout.split()  # fmt: skip
    files = {f for f in tracked if (ROOT / f).is_file()}
    shown = {f for f in files if f.startswith(("stop/", "tasks/")) and f.count("/") == 1} | {
        f.split("/")[0] + "/" for f in files if "/" in f
    }
    shown |= {"/".join(f.split("/")[:2]) + "/" for f in files if f.startswith(("stop/", "tasks/")) and f.count("/") > 1}
    shown |= {f for f in files if "/" not in f} | {
        f for f in files if f.startswith(("scaffolds/", "benchmarks/", "docs/", "notebooks/"))
    }
    assert named == shown - {".gitignore", ".ci/"} | ({".ci/run"})


def test_no_file_names_a_machine_or_what_lies_beside_the_project() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in tracked:
        if not name.startswith("tests/") and (ROOT / name).is_file():
            text = (ROOT / name).read_text(errors="replace")
            assert not re.search(r"\.\./shared|/root/|/home/\w|--index-url", text), name
