"""What several test files share: one sandbox, small runs, a scripted model, commands, folders that take no more."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from stop.cache import Answers
from stop.records import Records
from stop.run import main as run_main
from stop.sandbox import Sandbox
from stop.settings import RunConfig
from stop.task import Split, find_tasks
from stop.utility import Alone, Evaluation, Utility

TASKS = Path(__file__).resolve().parent.parent / "tasks"
ONE = ["--repeats", "1", "--noise-repeats", "0"]  # one improver run per task and score, and no others of the seed
WHOLE = "train = 8, val = 8, test = 16"  # instances of a block, as most tasks have them
SMALL = ["maxcut", "--generations", "2", *ONE, "--workers", "2"]


def run_json(*tasks: str) -> dict:
    """run.json of a run that is made by hand."""
    config = RunConfig(tasks=tasks).record()
    return {"config": config, "model": "m", "scaffold": "s", "tasks": {}, "looks": {"val": [], "test": []}}


TINY = """
from helpers import extract_code

def improve_algorithm(initial_solution, utility, language_model):
    message = "Improve this:\\n```python\\n" + initial_solution + "\\n```"
    replies = language_model.prompt("You improve programs.", message, n_responses=4)
    candidates = [initial_solution] + [extract_code(reply) for reply in replies]
    scores = utility.map(candidates)
    return candidates[scores.index(max(scores))]
"""


def contents(path: Path) -> dict[str, bytes]:
    """Every file below a folder, and what is in it."""
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def records(path: Path) -> dict[str, bytes]:
    """Every file of a run folder but the measured times, and the report, which shows them."""
    return {name: data for name, data in contents(path).items() if name not in ("timing.jsonl", "report.html")}


def answered(path: Path) -> int:
    """How many bytes of replies and evaluations a run folder holds by now."""
    files = [path / name for name in ("calls.jsonl", "evaluations.jsonl", "pending.jsonl")]
    return sum(file.stat().st_size for file in files if file.exists())


@dataclass(frozen=True)
class Said:
    """What a command came to: its exit status, stdout, and the lines on stderr."""

    status: int
    out: str
    lines: list[str]

    @property
    def line(self) -> str:
        """The only line on stderr."""
        (line,) = self.lines
        return line


def said_by(main: Callable[[Sequence[str] | None], int], capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """A command in this process."""

    def command(*argv: object) -> Said:
        capsys.readouterr()
        try:
            status = main([str(a) for a in argv])
        except SystemExit as left:
            status = int(left.code or 0)
        found = capsys.readouterr()
        return Said(status, found.out, found.err.splitlines())

    return command


@pytest.fixture
def stop_run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """`python -m stop.run` in this process."""
    return said_by(run_main, capsys)


class Background:
    """A command in a process of its own, forked from this one, so that nothing is imported again."""

    def __init__(
        self, *argv: object, most_bytes: int = 0, main: Callable[[Sequence[str] | None], int] = run_main
    ) -> None:
        """most_bytes: no file that it writes may grow beyond that, as on a disk that is full. main: of the command."""
        self._main = main
        self._said, said = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self._be_the_command([str(a) for a in argv], said, most_bytes)
        os.close(said)

    def _be_the_command(self, argv: list[str], said: int, most_bytes: int) -> None:
        status = 70
        try:
            os.dup2(said, 1)
            os.dup2(said, 2)
            sys.stdout, sys.stderr = open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
            if most_bytes:
                resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
            status = self._main(argv)
        except SystemExit as left:
            status = int(left.code or 0)
        except BaseException:  # noqa: BLE001 - it is shown as the command would show it
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)

    def zygotes(self) -> list[int]:
        """The processes that it forks programs from."""
        return zygotes_of(self.pid)

    def stopped(self) -> bool:
        """Whether all of its threads are stopped."""
        states = [
            path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{self.pid}/task").glob("*/stat")
        ]
        return set(states) == {"T"}

    def ended(self) -> bool:
        """Whether it has ended, without waiting."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> Said:
        """What it came to; the status is negative where a signal ended it. `out` holds all that it said."""
        with open(self._said) as said:
            text = said.read()
        _, how = os.waitpid(self.pid, 0)
        return Said(os.waitstatus_to_exitcode(how), text, text.splitlines())


def children(pid: int) -> list[int]:
    """The processes that any thread of a process has started and not yet seen the end of."""
    return [int(one) for path in Path(f"/proc/{pid}/task").glob("*/children") for one in path.read_text().split()]


def zygotes_of(pid: int) -> list[int]:
    """The zygotes below a process, those inside bubblewrap too."""
    found: list[int] = []
    for child in children(pid):
        program, *words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        if program.endswith(b"bwrap"):
            found += zygotes_of(child)
        elif any(word.endswith(b"zygote.py") for word in words):
            found.append(child)
    return found


@pytest.fixture
def task_folder(tmp_path: Path) -> Path:
    """A task folder of one's own, to be spoilt: a copy of maxcut."""
    return shutil.copytree(TASKS / "maxcut", tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a small file system of its own; what needs one is skipped where none can be mounted."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        path = tmp_path / f"tmpfs{len(mounted)}"
        path.mkdir()
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", path], capture_output=True, text=True)
        if made.returncode != 0:
            pytest.skip(f"no tmpfs can be mounted here: {made.stderr.strip()}")
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        subprocess.run(["umount", "--lazy", path], check=True)


@pytest.fixture
def read_only(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[Path | None], Path]:
    """A folder that nothing can be written into, with a copy of a run in it if one is given."""

    def make(run: Path | None) -> Path:
        if os.geteuid() == 0:  # permissions do not bind root
            folder = request.getfixturevalue("tmpfs")("size=8m")
        else:
            folder = tmp_path / "locked"
            folder.mkdir()
            request.addfinalizer(lambda: folder.chmod(0o755))
        if run is not None:
            shutil.copytree(run, folder / "run")
        if os.geteuid() == 0:
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        else:
            for path in (*folder.rglob("*"), folder):
                path.chmod(0o555 if path.is_dir() else 0o444)
        return folder

    return make


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


@pytest.fixture(scope="module")
def utility_of(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Utility]]:
    """What scores solutions of a task, by its name and a preset; made once each, with records of their own."""
    made: dict[tuple[str, str], Utility] = {}
    records = Records(tmp_path_factory.mktemp("records"))

    def of(name: str, preset: str = "") -> Utility:
        if (name, preset) not in made:
            made[name, preset] = Utility(find_tasks([name], preset)[0], sandbox, Answers(records), Alone())
        return made[name, preset]

    yield of
    for one in made.values():
        one.close()
    records.close()


@pytest.fixture(scope="module")
def evaluate(utility_of: Callable[..., Utility]) -> Callable[..., Evaluation]:
    """Evaluates a source on a task's first block of val, or of another split."""

    def on(source: str, name: str, split: Split = "val", preset: str = "") -> Evaluation:
        return utility_of(name, preset).evaluate(source, split, 0)

    return on


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with two steps on one task; do not change it, copy it."""
    out = tmp_path_factory.mktemp("runs") / "small"
    assert run_main([*SMALL, "--out", str(out)]) == 0
    return out


def small_task(name: str, to: Path) -> str:
    """A copy of a task with two instances a block, where 8 and 16 would show no more."""
    shutil.copytree(TASKS / name, to, ignore=shutil.ignore_patterns("__pycache__"))
    text = (to / "task.toml").read_text()
    assert WHOLE in text
    (to / "task.toml").write_text(text.replace(WHOLE, "train = 2, val = 2, test = 2"))
    return str(to)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The arguments of a run of two steps that is over in a moment: a small task, a short scaffold."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "short.py").write_text(TINY)
    sizes = ["--generations", "2", "--repeats", "1", "--noise-repeats", "2", "--workers", "2"]
    return [small_task("maxcut", folder / "cut"), "--scaffold", str(folder / "short.py"), *sizes]


@pytest.fixture(scope="session")
def tiny_run(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an undisturbed tiny run leaves; do not change it, copy it."""
    out = tmp_path_factory.mktemp("runs") / "tiny"
    assert run_main([*tiny, "--out", str(out)]) == 0
    return out


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[..., str]:
    """Writes replies to a file and gives the --model that answers with them."""

    def write(*replies: str) -> str:
        path = tmp_path / "replies.json"
        path.write_text(json.dumps(list(replies)))
        return f"scripted:{path}"

    return write
