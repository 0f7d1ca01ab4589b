"""Ctrl-C on a terminal reaches us, and not who started us."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
from pathlib import Path

LOOKING = """
import asyncio, sys
from helm_mattermost_migrate.keyboard import own_interrupt

async def look():
    try:
        with own_interrupt():
            print("looking", flush=True)
            await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("stopped looking", flush=True)
        return 2

sys.exit(asyncio.run(look()))
"""
ECHO = 3
PATIENCE = 30


def test_who_started_us_lives_and_sees_our_exit_code(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    script = tmp_path / "looking.py"
    script.write_text(LOOKING)
    # As Helm does, the shell waits for us in our process group, and dies of a signal at once.
    command = f'"{sys.executable}" "{script}"; echo "code $?"'
    with subprocess.Popen(  # noqa: S603 - ourselves
        ["/usr/bin/setsid", "--ctty", "/bin/sh", "-c", command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as running:
        told = until(ours, "looking")
        os.write(ours, b"typed\x03")
        told += until(ours, "code 2")
        running.wait()

    assert told.split() == ["looking", "stopped", "looking", "code", "2"]
    assert termios.tcgetattr(theirs)[ECHO] == before[ECHO]


def until(terminal: int, word: str) -> str:
    told = ""
    while word not in told:
        ready, _, _ = select.select([terminal], [], [], PATIENCE)
        assert ready, told
        told += os.read(terminal, 1024).decode()
    return told
