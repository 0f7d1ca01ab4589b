"""Processes end when they should, and say why when they should not have."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mattermost_migrate.testing.cluster import Process, ProcessError


def wait_for(holds: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_the_end_of_the_log_is_shown_when_a_process_has_ended(tmp_path: Path) -> None:
    process = Process("oops", ["/bin/sh", "-c", "echo no such flag; exit 3"], log=tmp_path / "log")
    process.start()
    wait_for(lambda: not process.running)

    with pytest.raises(ProcessError, match=r"oops is not running \(exit 3\):\nno such flag"):
        process.check()


def test_a_paused_process_can_be_stopped(tmp_path: Path) -> None:
    process = Process("sleeper", ["/bin/sleep", "60"], log=tmp_path / "log")
    process.start()
    process.pause()

    process.stop(seconds=2)

    assert not process.running


def test_one_that_ignores_the_request_is_killed_with_its_children(tmp_path: Path) -> None:
    deaf = "trap '' TERM; sleep 60 & echo $!; wait; wait"
    process = Process("deaf", ["/bin/sh", "-c", deaf], log=tmp_path / "log")
    process.start()
    wait_for(process.tail)
    child = int(process.tail())

    process.stop(seconds=0.1)

    assert not process.running
    wait_for(lambda: not alive(child))


def test_a_process_dies_with_the_one_that_started_it(tmp_path: Path) -> None:
    script = f"""
import signal
from pathlib import Path
from mattermost_migrate.testing.cluster import Process
process = Process("orphan", ["/bin/sleep", "60"], log=Path({str(tmp_path)!r}) / "log")
process.start()
print(process.pid, flush=True)
signal.pause()
"""
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        os.kill(parent.pid, signal.SIGKILL)

    wait_for(lambda: not alive(pid))
