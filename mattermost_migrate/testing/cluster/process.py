"""A program that runs as long as we do and not a moment longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["Process", "ProcessError", "stop_all"]

#: Runs in the new process before the program: on Linux, ask the kernel to kill it when its parent
#: dies, however that happens; then become the program. (A ``preexec_fn`` would run Python between
#: fork and exec, which may deadlock beside threads.)
_LEASH: Final = """
import os, signal, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent died first")
os.execv(sys.argv[2], sys.argv[2:])
"""

#: The kernel counts the *thread* that started a process as its parent. This one never ends.
_STARTER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-starter")

_TAIL_BYTES: Final = 8192
_STOP_SECONDS: Final = 5


class ProcessError(Exception):
    """A program ended or does not answer; the message shows the last lines of its log."""


class Process:
    """One program of the cluster, which tests may pause, kill and start again.

    Its session is its own, so a Ctrl-C at the terminal reaches only us; we then stop it in order.

    Args:
        name: what people call it.
        command: the program's path and its arguments.
        log: the file its output is added to.
        environment: its variables; default: ours.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = [str(word) for word in command]
        self._environment = environment
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id.

        Raises:
            ProcessError: it is not running.
        """
        self.check()
        return self._running.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended. A paused one is running."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start it; nothing happens when it is running."""
        if not self.running:
            self._child = _STARTER.submit(self._spawn).result()

    def pause(self) -> None:
        """Stop it in its tracks (SIGSTOP): connections stay open, nothing is read or written."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once (SIGKILL), paused or not, with every process it started."""
        if self._child is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()

    def terminate(self) -> None:
        """Ask it to end (SIGTERM) without waiting; a paused one is continued, so it can."""
        if self._child is not None:
            self._child.send_signal(signal.SIGTERM)
            self._child.send_signal(signal.SIGCONT)

    def stop(self, seconds: float = _STOP_SECONDS) -> None:
        """Ask it to end, and kill what is left of it after that long."""
        self.terminate()
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(seconds)
        self.kill()

    def restart(self) -> None:
        """Kill it and start it anew with the same arguments."""
        self.kill()
        self.start()

    def until_done(self, seconds: float = 60.0) -> None:
        """Wait until it has ended by itself, as a Job's process does.

        Raises:
            ProcessError: it failed, or goes on after that long; with the end of its log.
        """
        try:
            code = self._running.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ProcessError(f"{self.name} goes on after {seconds} s:\n{self.tail()}") from None
        if code:
            raise ProcessError(f"{self.name} failed (exit {code}):\n{self.tail()}")

    def check(self) -> None:
        """Raise ProcessError, with the end of its log, unless it is running."""
        if not self.running:
            code = self._child.returncode if self._child else "never started"
            raise ProcessError(f"{self.name} is not running (exit {code}):\n{self.tail()}")

    def tail(self, lines: int = 20) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise ProcessError(f"{self.name} was never started")
        return self._child

    def _signal(self, number: signal.Signals) -> None:
        self.check()
        self._running.send_signal(number)

    def _spawn(self) -> subprocess.Popen[bytes]:
        leash = [sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid())]
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - the programs that we built
                [*leash, *self._command],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def stop_all(processes: Iterable[Process], seconds: float = _STOP_SECONDS) -> None:
    """Ask all to end, in that order, and kill those that have not after that long."""
    asked = list(processes)
    for process in asked:
        process.terminate()
    deadline = time.monotonic() + seconds
    for process in asked:
        process.stop(max(0, deadline - time.monotonic()))
