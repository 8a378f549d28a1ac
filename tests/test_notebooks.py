"""Every notebook runs from top to bottom, and what is committed of it says nothing of the machine that ran it."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from stop.progress import InNotebook, in_notebook

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
MACHINE = re.compile(r"(/home/|/root/|/tmp/|/Users/|/var/folders/|[A-Z]:\\\\Users)")
MOST_SECONDS_PER_CELL = 180


def cells(path: Path, kind: str) -> list[dict]:
    return [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == kind]


def code(cell: dict) -> str:
    """The source of a cell without its magics; none where it is a file that the cell writes."""
    if cell["source"][:1] and cell["source"][0].startswith("%%writefile"):
        return ""
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
    assert max(len([line for line in cell["source"] if line.strip()]) for cell in cells(path, "code")) <= 17
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


def test_a_cell_at_work_says_how_far_it_is_in_one_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    display = pytest.importorskip("IPython.display")
    shell = SimpleNamespace(kernel=object(), execution_count=3)
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setattr(InNotebook, "SECONDS", -1.0)
    shown: list[tuple[str, str, bool]] = []
    monkeypatch.setattr(
        display, "display", lambda data, raw, display_id, update: shown.append((data["text/plain"], display_id, update))
    )
    progress = in_notebook()
    assert progress is not None
    progress.tell("step 1: version 0 rewrites itself\x1b[2J")
    progress.notify("candidate"), progress.notify("run")
    shell.execution_count = 4
    progress.tell("step 2")
    texts, lines, updates = zip(*shown, strict=True)
    assert texts[0].startswith("step 1: version 0 rewrites itself") and "\x1b" not in texts[0]
    assert texts[2] == f"{texts[0]} ... 1 improver runs" and texts[3] == "step 2"
    assert updates == (False, True, True, False) and lines[0] == lines[1] == lines[2] != lines[3]


def test_outside_of_a_notebook_nothing_is_shown() -> None:
    assert in_notebook() is None
