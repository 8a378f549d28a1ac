"""What an unsafe sandbox starts: the same child loop in a plain interpreter. Started by path, never imported.

Owns: preloading and the resource limits that this platform has.  Does not own: any confinement; there is none.
"""

from __future__ import annotations

import importlib
import os
import resource
import runpy
import sys


def limit_resources(memory_mb: int) -> None:
    """Set what the platform accepts; macOS refuses the limit on memory."""
    pairs = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, 3600)]
    if sys.platform == "linux":
        with open("/proc/self/statm") as statm:
            address_bytes = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        pairs.append((resource.RLIMIT_AS, address_bytes + (memory_mb << 20)))
    for kind, value in pairs:
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def main() -> None:
    fd, here, memory_mb, packages = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4].split(",")
    start = runpy.run_path(os.path.join(here, "zygote.py"))
    start["fix_addresses"]()
    start["make_bare_packages"](here)
    standard = list(sys.path)
    sys.path[:] = [*standard, *sys.argv[5:]]
    for name in packages:
        if name:
            importlib.import_module(name)
    shim = importlib.import_module("stop.sandbox.shim")
    shim.warm()
    start["forget_project"]()
    sys.path[:] = standard
    sys.argv[:] = [""]
    os.environ.clear()
    limit_resources(memory_mb)
    os.write(fd, b"!")
    shim.serve(fd)
    os._exit(0)


if __name__ == "__main__":
    main()
