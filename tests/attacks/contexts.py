"""Where the attacks are run: as whom, under which kernel, at which level.

Owns: the list of contexts, a copy of the interpreter that other users can read, starting runners.
Does not own: the attacks, what came of them.
"""

from __future__ import annotations

import concurrent.futures
import functools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import landlockpy
import msgpack
import numpy
import seccompy

import stop

TESTS = Path(__file__).resolve().parent.parent
PROJECT = TESTS.parent
ORDINARY_USER = 65_533  # nobody's, on most systems
RUNNER_SECONDS = 400
AT_ONCE = 4  # they wait more than they compute
NOT_COPIED = ("test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages",
              "dist-packages", "config-*", "*.a")  # fmt: skip


@dataclass(frozen=True)
class Context:
    """One way to run every attack. abi: pretend that the kernel has no more of Landlock than this."""

    level: str
    user: str = "as is"  # or "ordinary"
    kernel: str = "plain"  # or "docker"
    abi: int | None = None

    @property
    def name(self) -> str:
        parts = [self.level, *([f"abi {self.abi}"] if self.abi is not None else []), self.user_name]
        return ", ".join([*parts, *([self.kernel] if self.kernel != "plain" else [])])

    @property
    def user_name(self) -> str:
        if os.getuid() != 0:
            return "user" if self.user == "as is" else "another user"
        return "root" if self.user == "as is" else "user"

    @property
    def slow(self) -> bool:
        """Left to `pytest -m slow`: what is least likely to differ from the others."""
        return self.abi is not None or (self.kernel == "docker" and self.user == "as is" and os.getuid() == 0)


def contexts() -> list[Context]:
    """Those of this machine, whether they can be used or not."""
    found = []
    for user in ("as is", "ordinary"):
        found += [Context(level, user) for level in ("landlock", "strict", "bwrap")]
        found += [Context(level, user, "docker") for level in ("landlock", "strict", "bwrap")]
        found += [Context("landlock", user, abi=abi) for abi in (1, 4)] + [Context("bwrap", user, abi=0)]
    return found


UNCONFINED = Context("none", "ordinary" if os.getuid() == 0 else "as is")


class Copies:
    """A Python that any user can read, made once. A context manager."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def python(self) -> Path:
        """The interpreter of the copy, which finds its own standard library, this project and the attacks."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="stop-python-", dir="/tmp", ignore_cleanup_errors=True)
            os.chmod(self._folder.name, 0o755)
            copy_python(Path(self._folder.name))
        return Path(self._folder.name, "bin", "python")

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def copy_python(target: Path) -> None:
    """Put an interpreter with its library, the packages of the sandbox, this package and the suite below target."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = target / "lib" / version
    ignore = shutil.ignore_patterns(*NOT_COPIED)
    shutil.copytree(sysconfig.get_path("stdlib"), library, ignore=ignore)
    shared = sysconfig.get_config_var("DESTSHARED")
    if shared and os.path.isdir(shared) and not (library / "lib-dynload").exists():
        shutil.copytree(shared, library / "lib-dynload")
    site = library / "site-packages"
    site.mkdir()
    for module in (numpy, msgpack, seccompy, landlockpy, stop):
        folder = Path(str(module.__file__)).parent
        shutil.copytree(folder, site / folder.name, ignore=shutil.ignore_patterns("tests", "node_modules"))
        libraries = folder.with_name(folder.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, site / libraries.name)
    shutil.copytree(TESTS / "attacks", site / "attacks")
    (target / "bin").mkdir()
    _copy_binary(target)
    for path in target.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))


def _copy_binary(target: Path) -> None:
    """The interpreter, and its shared library where it has one, found beside it wherever both are put."""
    binary = bytearray(Path(os.path.realpath(sys.executable)).read_bytes())
    for place in (sysconfig.get_config_var("LIBDIR") or "",):
        name = sysconfig.get_config_var("INSTSONAME") or ""
        source = Path(place, name)
        if name.endswith(".a") or not source.is_file():
            continue
        shutil.copy2(source, target / "lib" / name)
        old, new = os.fsencode(place) + b"\0", b"$ORIGIN/../lib\0"
        at = binary.find(old)
        if at >= 0 and len(new) <= len(old):
            binary[at : at + len(old)] = new.ljust(len(old), b"\0")
    made = target / "bin" / "python"
    made.write_bytes(bytes(binary))
    made.chmod(0o755)


def run(context: Context, copies: Copies) -> dict:
    """What came of every attack in this context; `unavailable` says why there is nothing."""
    folder = tempfile.mkdtemp(prefix="stop-context-", dir="/tmp")
    try:
        return _run(context, copies, Path(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(context: Context, copies: Copies, folder: Path) -> dict:
    python, environment, become = sys.executable, dict(os.environ), None
    environment["PYTHONPATH"] = os.pathsep.join([str(PROJECT), str(TESTS)])
    if context.user == "ordinary":
        if os.getuid() != 0:
            return {"unavailable": "only root can become another user", "attacks": []}
        python, become = str(copies.python()), _become_ordinary
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
        os.chmod(folder, 0o777)
    environment |= {"OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(folder), "HOME": str(folder)}
    out = folder / "out.json"
    command = [python, "-m", "attacks.runner", "--level", context.level, "--out", str(out)]
    command += [] if context.abi is None else ["--abi", str(context.abi)]
    if context.kernel == "docker":
        command = [python, "-m", "attacks.docker", *command]
    done = subprocess.run(command, env=environment, cwd=folder, preexec_fn=become, timeout=RUNNER_SECONDS,
                          capture_output=True, text=True, check=False)  # fmt: skip
    if not out.exists():
        raise RuntimeError(f"the runner of {context.name} ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(out.read_text())  # type: ignore[no-any-return]


def _become_ordinary() -> None:
    os.setgroups([])
    os.setgid(ORDINARY_USER)
    os.setuid(ORDINARY_USER)


class Runs:
    """The outcomes of all contexts, each run once and several at a time."""

    def __init__(self, wanted: list[Context]) -> None:
        self._copies = Copies()
        if any(context.user == "ordinary" for context in wanted) and os.getuid() == 0:
            self._copies.python()
        self._pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        start: Callable[[Context], concurrent.futures.Future[dict]]
        start = functools.partial(self._pool.submit, run, copies=self._copies)  # type: ignore[arg-type]
        self._futures = {context: start(context) for context in wanted}

    def of(self, context: Context) -> dict:
        return self._futures[context].result()

    def finished(self) -> dict[Context, dict]:
        """Those that came to an end, for the summary."""
        done = {c: f for c, f in self._futures.items() if f.done() and not f.cancelled() and f.exception() is None}
        return {context: future.result() for context, future in done.items()}

    def close(self) -> None:
        for future in self._futures.values():
            future.cancel()
        self._pool.shutdown()
        self._copies.close()
