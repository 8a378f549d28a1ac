"""A headless Chromium for tests, driven over its own pipe (DevTools protocol): no port, no driver, no package."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

BROWSER = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
PATIENCE = 60.0  # seconds for one answer: a busy machine starts a browser slowly
OPTIONS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
    "--disable-extensions", "--disable-background-networking", "--remote-debugging-pipe",
]  # fmt: skip
TROUBLE = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled", "Page.javascriptDialogOpening"}


def _pipe() -> list[int]:
    """Two ends whose numbers are not those that the browser takes for its own."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved


class Page:
    """One open file: what it asked for, what it said, what an expression in it gives. A context manager."""

    def __init__(self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        assert BROWSER is not None
        self.events: list[dict[str, Any]] = []
        self._number = 0
        self._session = ""
        self._left = b""
        self._home = tempfile.mkdtemp(prefix="chromium")
        (theirs_in, self._to), (self._from, theirs_out) = _pipe(), _pipe()
        quiet = [(os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_WRONLY, 0) for n in (1, 2)]
        piped = [(os.POSIX_SPAWN_DUP2, theirs_in, 3), (os.POSIX_SPAWN_DUP2, theirs_out, 4)]
        command = [BROWSER, *OPTIONS, f"--user-data-dir={self._home}", "about:blank"]
        self._pid = os.posix_spawn(BROWSER, command, os.environ, file_actions=[*quiet, *piped])
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            self._open(path, width, height, dark)
        except BaseException:
            self.close()
            raise

    def _open(self, path: Path, width: int, height: int, dark: bool) -> None:
        target = next(t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")
        self.resize(width, height)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", features=features)
        self.ask("Page.navigate", url=path.resolve().as_uri())
        self._until(lambda e: e["method"] == "Page.loadEventFired")

    def ask(self, method: str, **given: Any) -> dict[str, Any]:
        """The answer to one command. Raises RuntimeError if the browser refuses it, or does not answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": given}
        if self._session:
            message["sessionId"] = self._session
        data = memoryview(json.dumps(message).encode() + b"\0")
        while data:
            data = data[os.write(self._to, data) :]
        while (found := self._next()).get("id") != self._number:
            if "method" in found:
                self.events.append(found)
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']}")
        return dict(found["result"])

    def value(self, expression: str) -> Any:
        """What an expression gives in the page, as plain data."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def click(self, x: float, y: float) -> None:
        """With the mouse, at a place in the window."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", **size)

    def screenshot(self, path: Path) -> None:
        """The whole page, however long."""
        found = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def requested(self) -> list[str]:
        """The addresses that were asked for, those of embedded data left out."""
        asked = (e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent")
        return [url for url in asked if not url.startswith("data:")]

    def complaints(self) -> list[str]:
        """Errors of scripts, what the policy refused, dialogs."""
        return [json.dumps(e["params"])[:500] for e in self.events if e["method"] in TROUBLE]

    def _until(self, happened: Any) -> None:
        while not any(map(happened, self.events)):
            found = self._next()
            if "method" in found:
                self.events.append(found)

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._from], [], [], max(0.0, end - time.monotonic()))
            data = os.read(self._from, 1 << 20) if ready else b""
            if not data:
                raise RuntimeError("the browser does not answer")
            self._left += data
        line, _, self._left = self._left.partition(b"\0")
        return dict(json.loads(line))

    def close(self) -> None:
        os.close(self._to)
        os.close(self._from)
        os.kill(self._pid, signal.SIGTERM)
        os.waitpid(self._pid, 0)
        shutil.rmtree(self._home, ignore_errors=True)

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
