"""A real browser without a screen, driven over two pipes by its own protocol.

Chromium speaks its DevTools protocol on file descriptors 3 and 4 (``--remote-debugging-pipe``):
no port, no driver, no client library. Without a browser, Debian's package is installed where we
may; else the run fails and says what is missing.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

__all__ = ["Browser", "BrowserError", "find_browser"]

_NAMES: Final = ("chromium-headless-shell", "chrome-headless-shell", "chromium", "google-chrome")
_PACKAGE: Final = "chromium-headless-shell"
#: The protocol is spoken on 3 and 4, whichever numbers our pipes have.
_LAUNCH: Final = """
import fcntl, os, sys
reads, writes = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(reads, 3)
os.dup2(writes, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",  # CI runs as root; what is shown is our own file
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--hide-scrollbars",
    "about:blank",
)


class BrowserError(Exception):
    """There is no browser, or it did not do as it was told."""


def find_browser() -> str:
    """The browser's program; installed from Debian's package when we may.

    Raises:
        BrowserError: there is none, and it could not be installed; says how to.
    """
    if found := _on_path():
        return found
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise BrowserError(f"no Chromium on PATH: install one, as by: apt-get install {_PACKAGE}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (("update",), ("install", "--yes", "--no-install-recommends", _PACKAGE)):
        done = subprocess.run(  # noqa: S603 - the system's own
            [apt, *words], env=environment, capture_output=True, text=True, check=False
        )
    if not (found := _on_path()):
        raise BrowserError(f"apt-get install {_PACKAGE} failed: {done.stderr.strip()}")
    return found


def _on_path() -> str | None:
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page. A context manager.

    Args:
        folder: for the browser's own files.

    Attributes:
        complaints: what the page wrote to its console as a warning or an error, or threw.
        requests: addresses the page asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._sent = 0
        self._session = ""
        self._buffer = b""

    def __enter__(self) -> Self:
        program = find_browser()
        with _pipes() as (child_reads, we_write, we_read, child_writes):
            self._process = subprocess.Popen(  # noqa: S603 - found on PATH
                [
                    *(sys.executable, "-c", _LAUNCH, str(child_reads), str(child_writes)),
                    *(program, *_FLAGS, f"--user-data-dir={self._folder}"),
                ],
                pass_fds=(child_reads, child_writes),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._write, self._read = we_write, we_read
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._session = ""
        self._call("Browser.close")  # it ends its children, who write to the folder
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the page something by its protocol."""
        return self._call(method, **parameters)

    def open(self, path: Path) -> None:
        """Show a file and wait until it is loaded."""
        self.call("Page.navigate", url=path.as_uri())
        self._until(lambda told: told.get("method") == "Page.loadEventFired")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if thrown := answer.get("exceptionDetails"):
            raise BrowserError(f"{script}: {thrown}")
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression in the page is true: some of what we do reaches it later."""
        self.run(
            "new Promise((done) => { const look = () => "
            f"{{ if ({condition}) done(); else setTimeout(look, 10); }}; look(); }})"
        )

    def resize(self, width: int, height: int) -> None:
        """Give the page a window of this size."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, scheme: str) -> None:
        """Let the system prefer ``light`` or ``dark``."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def press(self, key: str, *, text: str = "") -> None:
        """Press a key, as ``Tab``, ``Enter`` or ``/``; ``text`` is what it types."""
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        common = {"key": key, "code": key, "windowsVirtualKeyCode": codes.get(key, 0)}
        typed = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **typed)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.call("Input.insertText", text=text)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    def spoken(self) -> list[tuple[str, str]]:
        """Role and name of everything that a screen reader finds, in its order."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node.get("role", {}).get("value", ""), node.get("name", {}).get("value", ""))
            for node in nodes
            if not node.get("ignored")
        ]

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._sent += 1
        number = self._sent
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda told: told.get("id") == number)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            told = self._next()
            self._note(told)
            if wanted(told):
                return told

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._read, 1 << 16)
            if not part:
                raise BrowserError(f"the browser is gone, with code {self._process.poll()}")
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told

    def _note(self, told: dict[str, Any]) -> None:
        parameters = told.get("params", {})
        match told.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(parameters["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if parameters["type"] in {"error", "warning", "assert"}:
                self.complaints.append(json.dumps(parameters["args"]))
            case "Log.entryAdded" if parameters["entry"]["level"] in {"error", "warning"}:
                self.complaints.append(parameters["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])


@contextmanager
def _pipes() -> Iterator[tuple[int, int, int, int]]:
    """Two pipes; the child's ends are closed with the block."""
    child_reads, we_write = os.pipe()
    we_read, child_writes = os.pipe()
    try:
        yield child_reads, we_write, we_read, child_writes
    finally:
        os.close(child_reads)
        os.close(child_writes)
