"""The host under attack: what it lays out as bait, and what it notices afterwards.

Owns: files, listeners, a victim process and everything that is looked at to tell whether an attack got out.
Does not own: the attacks, the verdict.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import msgpack
import numpy
import seccompy

import stop
from stop.sandbox import Ran

TOKEN_VARIABLE = "STOP_ATTACK_TOKEN"
RECORDED = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGIO, signal.SIGURG, signal.SIGHUP, signal.SIGTERM, signal.SIGALRM)
SETTLE_SECONDS = 3.0
MOST_GROWTH_KB = 96 << 10  # of the host, while one attack runs
VICTIM = """
import ctypes, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
memory = ctypes.create_string_buffer(os.environ["STOP_ATTACK_TOKEN"].encode() + b"-victim-memory" * 4)
print(ctypes.addressof(memory), flush=True)
sys.stdin.read()
"""
# x86_64: what a program may reach without harm. What the policy allows beyond this is found by `reach_anything_else`.
# 335 and 336 end whoever makes them outside a probe's own page; some kernels let them pass by every filter.
HARMLESS = [
    *range(27), 28, *range(32, 34), *range(35, 40), 44, 45, 53, 60, 63, 72, 79, 89, 95, 96, 97, 98, 99, 100, 102, 104,
    107, 108,
    110, 111, 115, 118, 120, 121, 124, 127, 128, 131, 140, 157, 186, 201, 202, 204, 213, 217, 218, 219, 228,
    229, 230, 231, 232, 233, 257, 262, 267, 269, 270, 271, 273, 274, 281, 283, 284, 286, 287, 290, 291, 292, 293, 295,
    296, 302,
    309, 318, 332, 334, 335, 336, 436, 439, 441, 449, 454, 455,
]  # fmt: skip
# of the packages' folder, what a sandbox shows inside bubblewrap: numpy, and what confines the programs
NEEDED_PACKAGES = frozenset({"numpy", "numpy.libs", "msgpack", "landlockpy", "seccompy", "stop"})
RIGHTS = {"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapAmb": 0, "NoNewPrivs": 1}
SECCOMP_FILTER = 2


class Host:
    """A context manager. `look()` is called before an attack and after it."""

    def __init__(self, folder: Path, project: Path) -> None:
        self.folder = folder
        self.project = project
        self.token = os.environ[TOKEN_VARIABLE]
        self.marker = f"stop-attack-{secrets.token_hex(8)}"
        self.signals: list[int] = []
        self.grown: dict[int, int] = {}

    def __enter__(self) -> Host:
        if not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
            raise RuntimeError("this kernel does not tell whose children there are (CONFIG_PROC_CHILDREN)")
        self._stack = ExitStack()
        for number in RECORDED:
            signal.signal(number, lambda n, _: self.signals.append(n))
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans of ours become our children, where they are seen
        self._lay_out_files()
        self._listen()
        self._start_victim()
        self.memory = ctypes.create_string_buffer(f"{self.token}-host-memory".encode() * 4)
        self.key_fd = os.open(self.key, os.O_RDONLY)
        self._stack.callback(os.close, self.key_fd)
        self.processes = sorted(descendants(os.getpid()))  # whatever is there beside them has come from an attack
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _lay_out_files(self) -> None:
        made = tempfile.TemporaryDirectory(prefix="stop-attack-", dir=self.folder)
        base = Path(self._stack.enter_context(made))
        self.base = base
        (base / "home/.ssh").mkdir(parents=True)
        self.key = base / "home/.ssh/key"
        self.key.write_text(f"{self.token}-key\n" + "x" * secrets.randbelow(5000))
        (base / "soft_folder").symlink_to(base / "home/.ssh")
        (base / "evaluator.py").write_text(f"HIDDEN = {self.token + '-hidden'!r}\n")
        self.target = base / "target"
        self.restore()

    def restore(self) -> None:
        """Lay out again what an attack has removed, which it can without a sandbox."""
        base = self.base
        if not os.path.lexists(base / "soft"):
            (base / "soft").symlink_to(self.key)
        if not (base / "hard").exists():
            os.link(self.key, base / "hard")
        if not (base / "empty").exists():
            (base / "empty").mkdir()
        if not self.target.exists():
            self.target.write_text("as it was")
        with suppress(OSError):
            os.setxattr(self.target, "user.mark", self.token.encode())

    def _listen(self) -> None:
        self.listeners: dict[str, socket.socket] = {}
        self.ports: dict[str, int] = {"tcp4": 9, "tcp6": 9, "udp": 9}
        for name, family, address in (("tcp4", socket.AF_INET, "127.0.0.1"), ("tcp6", socket.AF_INET6, "::1")):
            with suppress(OSError):  # a machine may have no IPv6
                server = socket.create_server((address, 0), family=family)
                self.listeners[name] = self._stack.enter_context(server)
                self.ports[name] = server.getsockname()[1]
        udp = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        self.listeners["udp"] = udp
        self.ports["udp"] = udp.getsockname()[1]
        for name, address in (("unix", str(self.base / "socket")), ("abstract", f"\0{self.marker}-listening")):
            server = self._stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(address)
            server.listen()
            self.listeners[name] = server
        datagrams = self._stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagrams.bind(str(self.base / "datagrams"))
        self.listeners["datagrams"] = datagrams
        for listener in self.listeners.values():
            listener.setblocking(False)

    def _start_victim(self) -> None:
        command = [sys.executable, "-c", VICTIM, f"{self.token}-argument"]
        pipe = subprocess.PIPE
        environment = {TOKEN_VARIABLE: self.token}
        self.victim = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, start_new_session=True)
        self._stack.callback(self._end_victim)
        assert self.victim.stdout is not None
        self.victim_address = int(self.victim.stdout.readline())

    def _end_victim(self) -> None:
        self.victim.kill()
        self.victim.wait()
        for stream in (self.victim.stdin, self.victim.stdout):
            assert stream is not None
            stream.close()

    def bait(self) -> dict[str, object]:
        """What every attack is told: where things are, never what is in them."""
        pids = [os.getpid(), self.victim.pid, *descendants(os.getpid())]
        package = str(Path(str(numpy.__file__)).parent)
        installed = [sysconfig.get_path("platlib"), sysconfig.get_path("purelib"), str(Path(package).parent)]
        return {
            "key": str(self.key),
            "soft": str(self.base / "soft"),
            "soft_folder": str(self.base / "soft_folder"),
            "hard": str(self.base / "hard"),
            "target": str(self.target),
            "empty": str(self.base / "empty"),
            "folder": str(self.base),
            "homes": [str(self.base / "home"), str(Path.home())],
            "project": str(self.project),
            "cwd": os.getcwd(),
            "evaluators": self._evaluators(),
            "foreign": [str(module.__file__) for module in (msgpack, seccompy)],
            "package": package,
            "package_folders": list(dict.fromkeys(installed)),
            "pids": list(dict.fromkeys(pids)),
            "memory_pids": [os.getpid(), self.victim.pid],
            "memory": [ctypes.addressof(self.memory), self.victim_address],
            "key_fd": self.key_fd,
            **self.ports,
            "unix": str(self.base / "socket"),
            "datagrams": str(self.base / "datagrams"),
            "abstract": f"{self.marker}-listening",
            "marker": self.marker,
            "marker_number": int(self.marker[-7:], 16),
            "harmless": HARMLESS,
            "missing_pids": self._missing_pids(),
            **self._installation(),
        }

    @staticmethod
    def _missing_pids() -> list[int]:
        most = int(Path("/proc/sys/kernel/pid_max").read_text())
        return [pid for pid in range(most - 1, most // 2, -97) if not os.path.exists(f"/proc/{pid}")][:3]

    def _installation(self) -> dict[str, object]:
        """What lies beside the files that a sandbox needs, and the names that may be seen there."""
        package = Path(str(stop.__file__)).parent
        site = Path(str(numpy.__file__)).parent.parent
        beside = [package / "sandbox/inside/scoring.py", package / "sandbox/child.py", package / "sandbox", package,
                  package / "scorer.py", package.parent / "pyproject.toml", site, Path(sys.prefix, "bin"),
                  Path("/usr/lib/python3/dist-packages"), Path("/usr/share/doc"), Path("/etc/passwd"),
                  Path(sysconfig.get_path("stdlib"), "site-packages"),
                  *sorted(one for one in site.iterdir() if one.name not in NEEDED_PACKAGES)]  # fmt: skip
        real = Path(os.path.realpath(sys.executable))
        if not real.is_relative_to(sys.prefix):  # else an interpreter that was copied needs it to find its library
            beside.append(Path(sys.prefix, "pyvenv.cfg"))
        found = [path for path in dict.fromkeys(beside) if path.exists()][:60]
        folders = {str(path): path.stat().st_mtime_ns for path in found if path.is_dir()}
        return {
            "installed": [str(path) for path in found if not path.is_dir()],
            "folders": list(folders),
            "changed": [str(when) for when in folders.values()],
            "links": [one for one in (sys.executable, str(Path(sys.prefix, "lib64"))) if os.path.islink(one)],
            "needed": sorted(NEEDED_PACKAGES),
            "site_packages": str(site),
        }

    def _evaluators(self) -> list[str]:
        package = Path(str(stop.__file__)).parent
        found = [self.base / "evaluator.py", Path(__file__), package / "scorer.py", package / "sandbox/child.py"]
        found += [package / "sandbox/inside/scoring.py", *self.project.glob("tasks/*/task.py")]
        return [str(path) for path in found if path.exists()]

    # what is looked at

    def look(self) -> dict[str, object]:
        """Everything that an attack could have changed, once what has ended is gone."""
        self.settle()
        with suppress(OSError), open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        known = [os.getpid(), *self.processes]
        return {
            "files": files_below(self.base),
            "processes": sorted(descendants(os.getpid())),
            **{f"process {pid}": _state(pid) for pid in known},
            "memory_kb": _status_kb(os.getpid(), "VmRSS"),
            "descriptors": len(os.listdir("/proc/self/fd")),
        }

    def changes(self, before: dict[str, object], rans: list[Ran]) -> list[str]:
        """What differs from before, in words; empty when the host is as it was."""
        self.settle()
        peak_kb = _status_kb(os.getpid(), "VmHWM")
        after = self.look()
        grown = peak_kb - int(str(before.pop("memory_kb")))
        found = [f"the host grew by {grown} kB"] if grown > MOST_GROWTH_KB else []
        for name, was in before.items():
            if after.get(name) != was:
                found.append(f"{name} changed: {_difference(was, after.get(name))}")
        found += [f"the host was sent signal {number}" for number in self.signals]
        self.signals.clear()
        return [*found, *self._arrivals(), *self._new_things(), *self._secrets_in(rans)]

    def settle(self) -> None:
        """Wait for what an attack, or the program after it, has left to end."""
        end = time.monotonic() + SETTLE_SECONDS
        while (here := descendants(os.getpid())) and sorted(here) != self.processes and time.monotonic() < end:
            for pid in set(here) - set(self.processes):
                with suppress(OSError):  # only what has become our own child can be reaped by us
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(0.002)

    def _arrivals(self) -> list[str]:
        found = []
        for name, listener in self.listeners.items():
            with suppress(BlockingIOError):
                if name in ("udp", "datagrams"):
                    found.append(f"a packet arrived: {listener.recv(100)!r}")
                else:
                    listener.accept()[0].close()
                    found.append(f"a connection arrived: {name}")
        return found

    def _new_things(self) -> list[str]:
        package = Path(str(numpy.__file__)).parent
        places = [Path(p) for p in ("/", "/tmp", "/var/tmp", "/dev/shm", "/run", "/dev/mqueue")]
        places += [Path.home(), self.project, Path.cwd(), package, package.parent, Path(os.__file__).parent]
        found = []
        for place in places:
            for path in (place / self.marker, place / f"sem.{self.marker}"):
                if os.path.lexists(path):
                    found.append(f"{path} was made")
                    with suppress(OSError):
                        path.rmdir() if path.is_dir() else path.unlink()
        for kind in ("shm", "sem", "msg"):
            with suppress(OSError):
                lines = Path(f"/proc/sysvipc/{kind}").read_text().splitlines()[1:]
                keys = {line.split()[0] for line in lines}
                found += [f"a {kind} segment was made"] if str(int(self.marker[-7:], 16)) in keys else []
        return found

    def _secrets_in(self, rans: list[Ran]) -> list[str]:
        told = b"".join([*(ran.payload for ran in rans), *((ran.detail + ran.output).encode() for ran in rans)])
        return (
            [f"a secret came out: {told[told.find(self.token.encode()) :][:80]!r}"]
            if self.token.encode() in told
            else []
        )


def files_below(base: Path) -> dict[str, object]:
    """Every file with all that can be changed of it; reading changes none of this."""
    found: dict[str, object] = {}
    for path in sorted(base.rglob("*")):
        info = path.lstat()
        what: list[object] = [info.st_mode, info.st_uid, info.st_gid, info.st_size, info.st_nlink]
        what += [info.st_mtime_ns, info.st_ctime_ns]
        if path.is_file() and not path.is_symlink():
            what.append(hashlib.sha256(path.read_bytes()).hexdigest()[:8])
            with suppress(OSError):
                what.append(os.listxattr(path))
        found[str(path.relative_to(base))] = what
    return found


def descendants(pid: int) -> list[int]:
    """The processes below one, those that have ended but are not reaped included."""
    found = []
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
        for thread in os.listdir(f"/proc/{pid}/task"):
            text = Path(f"/proc/{pid}/task/{thread}/children").read_text()
            for child in map(int, text.split()):
                found += [child, *descendants(child)]
    return found


def _state(pid: int) -> object:
    """What others can change of a process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in status if ":" in line)
        wanted = ("TracerPid", "Cpus_allowed", "Uid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "SigPnd", "ShdPnd")
        found: list[object] = [f"{name}: {fields.get(name, '').strip()}" for name in wanted]
        found.append("stopped" if fields["State"].strip()[0] in "tT" else "runs")
        found.append(os.getpriority(os.PRIO_PROCESS, pid))
        found.append(os.sched_getscheduler(pid))
        for name in ("limits", "oom_score_adj"):
            with suppress(OSError):
                found.append(Path(f"/proc/{pid}/{name}").read_text())
        with suppress(OSError):
            found.append([resource.prlimit(pid, kind) for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU)])
    except (OSError, KeyError) as why:
        return f"gone ({type(why).__name__})"
    return found


def rights_left(pid: int, level: str) -> list[str]:
    """What a confined process may do that it should not, as the kernel tells of it."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    found = [f"{name} is {status[name]}" for name, value in RIGHTS.items() if int(status[name], 16) != value]
    if int(status["Seccomp"]) != SECCOMP_FILTER:
        found.append(f"Seccomp is {status['Seccomp']}")
    user = os.getuid()
    if int(status["CapBnd"], 16) and (user == 0 or level == "bwrap"):  # others cannot drop it, and gain nothing by it
        found.append(f"CapBnd is {status['CapBnd']}")
    if user and os.stat(f"/proc/{pid}/mem").st_uid == user:  # the kernel gives what cannot be dumped to root
        found.append("its memory can be read by other processes of its user")
    with suppress(PermissionError):
        if user:
            os.close(os.open(f"/proc/{pid}/environ", os.O_RDONLY))
            found.append("its environment can be read by other processes of its user")
    return found


def _status_kb(pid: int, name: str) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
    return 0


def largest_kb(pids: list[int]) -> int:
    """The most memory that any of the processes has held at once."""
    return max((_status_kb(pid, "VmHWM") for pid in pids), default=0)


def _difference(was: object, now: object) -> str:
    if isinstance(was, dict) and isinstance(now, dict):
        return str(
            {key: (was.get(key), now.get(key)) for key in was.keys() | now.keys() if was.get(key) != now.get(key)}
        )
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return str([pair for pair in zip(was, now, strict=True) if pair[0] != pair[1]])[:500]
    return f"{str(was)[:300]} -> {str(now)[:300]}"
