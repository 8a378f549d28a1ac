"""Every notebook runs from top to bottom, and what is committed of it says nothing of the machine that ran it."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
MACHINE = re.compile(r"(/home/|/root/|/tmp/|/Users/|/var/folders/|[A-Z]:\\\\Users)")
MOST_SECONDS_PER_CELL = 180


def cells(path: Path, kind: str) -> list[dict]:
    return [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == kind]


def code(cell: dict) -> str:
    """The source of a cell without its magics."""
    return "".join(line for line in cell["source"] if not line.startswith(("%", "!")))


@pytest.fixture
def quiet_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a kernel writes goes to a folder of this test."""
    for name in ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        folder = tmp_path / name.lower()
        folder.mkdir(mode=0o700)
        monkeypatch.setenv(name, str(folder))


def test_there_are_notebooks() -> None:
    assert "00_start_here.ipynb" in [p.name for p in NOTEBOOKS]


@pytest.mark.usefixtures("quiet_home")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="needs the extra notebooks: pip install 'stop[notebooks]'")
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager

    assert "python3" in KernelSpecManager().find_kernel_specs(), "no kernel python3 here: pip install ipykernel"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.pop("outputs", None)
    where = {"metadata": {"path": str(path.parent)}}
    run = nbclient.NotebookClient(notebook, timeout=MOST_SECONDS_PER_CELL, kernel_name="python3", resources=where)
    run.execute()  # raises CellExecutionError with the cell and its traceback
    assert all(c.execution_count for c in notebook.cells if c.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_names_no_folder_of_a_machine(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)  # base64 has slashes of its own
    assert not MACHINE.findall(json.dumps(notebook))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_defines_nothing_and_installs_nothing(path: Path) -> None:
    for cell in cells(path, "code"):
        kinds = {type(node) for node in ast.walk(ast.parse(code(cell)))}
        assert not kinds & {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda}, code(cell)
        assert not re.search(r"^[%!]+ *(pip|conda|sh|bash)|sys\.path", "".join(cell["source"]), re.M)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_cell_is_short_and_every_notebook_checks_its_claims(path: Path) -> None:
    sources = [code(cell) for cell in cells(path, "code")]
    assert max(source.count("\n") + 1 for source in sources) <= 15
    assert sum("assert " in source for source in sources) >= 3
    assert "import " in sources[0]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_asks_one_question_and_ends_with_what_we_saw(path: Path) -> None:
    words = ["".join(cell["source"]) for cell in cells(path, "markdown")]
    questions = [line for line in words[0].splitlines() if line.startswith("> ")]
    assert words[0].startswith("# ") and len(questions) == 1 and questions[0].endswith("?")
    assert words[-1].startswith("**What we saw.**")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_outputs_are_committed_and_metadata_is_not(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    assert all(not cell["metadata"] for cell in notebook["cells"])
    outputs = [o for cell in cells(path, "code") for o in cell["outputs"]]
    assert outputs and not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
