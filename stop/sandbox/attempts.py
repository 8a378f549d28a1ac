"""What the probes run inside a child: each function tries one thing that must not work.

Owns: the attempts.  Does not own: the bait and the verdict (probes).
Never imported: its text is started as a generated program. An attempt that raises OSError was blocked; one that
returns says what it got.
"""

from __future__ import annotations

import ctypes
import os
import resource
import socket

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE = 0x4206  # unlike PTRACE_ATTACH it would not stop the host


def read(bait: dict[str, object]) -> str:
    with open(str(bait["secret"])) as secret:
        return f"read {len(secret.read())} characters of a file of the host"


def list_folder(bait: dict[str, object]) -> str:
    return f"listed {len(os.listdir(str(bait['folder'])))} names in a folder of the host"


def write(bait: dict[str, object]) -> str:
    with open(str(bait["new"]), "w") as new:
        new.write("x")
    return "wrote a file of the host"


def tcp(bait: dict[str, object]) -> str:
    socket.create_connection(("127.0.0.1", int(str(bait["tcp_port"]))), timeout=1).close()
    return "connected to a port of the host"


def udp(bait: dict[str, object]) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", 9))
    return "sent a datagram"


def unix_socket(bait: dict[str, object]) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(bait["unix_socket"]))
    return "connected to a socket file of the host"


def fork(bait: dict[str, object]) -> str:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return "made another process"


def execute(bait: dict[str, object]) -> str:
    os.execv("/bin/sh", ["sh", "-c", "exit 7"])


def kill(bait: dict[str, object]) -> str:
    os.kill(int(str(bait["pid"])), 0)
    return "may send signals to the host process"


def prlimit(bait: dict[str, object]) -> str:
    found = resource.prlimit(int(str(bait["pid"])), resource.RLIMIT_NOFILE)
    return f"may look at and change limits of the host process: {found}"


def chmod(bait: dict[str, object]) -> str:
    os.chmod(str(bait["secret"]), 0o600)
    return "changed the mode of a file of the host"


def memfd(bait: dict[str, object]) -> str:
    return f"made a file in memory that no limit counts: descriptor {os.memfd_create('x')}"


def ptrace(bait: dict[str, object]) -> str:
    _raise_if(LIBC.ptrace(PTRACE_SEIZE, int(str(bait["pid"])), None, None) == -1)
    return "attached to the host process"


def read_memory(bait: dict[str, object]) -> str:
    vector = (ctypes.c_size_t * 2)(int(str(bait["address"])), 8)
    buffer = ctypes.create_string_buffer(8)
    local = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
    got = LIBC.process_vm_readv(int(str(bait["pid"])), local, 1, vector, 1, 0)
    _raise_if(got == -1)
    return "read memory of the host process"


def read_environment(bait: dict[str, object]) -> str:
    with open(f"/proc/{bait['pid']}/environ", "rb") as environ:
        return f"read {len(environ.read())} bytes of the host's environment"


def stat(bait: dict[str, object]) -> str:
    return f"saw that a file of the host has {os.stat(str(bait['secret'])).st_size} bytes"


def _raise_if(failed: bool) -> None:
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def attempt(name: str, bait: dict[str, object]) -> list[object]:
    """[whether it was blocked, what was found]"""
    try:
        return [False, globals()[name](bait)]
    except OSError as error:
        return [True, f"{type(error).__name__}: {error.strerror}"]
