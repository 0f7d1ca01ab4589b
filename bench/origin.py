"""What was measured, and on what: the head of every record."""

from __future__ import annotations

import os
import platform
import subprocess
from typing import Any, Final

__all__ = ["origin"]

#: A record that was just written is no other program.
_PROGRAM: Final = (":(top)", ":(top,exclude)bench/*.json")


def origin() -> dict[str, Any]:
    """Commit, machine, and how busy it was with others' work when the measurement began."""
    commit = _git("rev-parse", "--short", "HEAD").strip()
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", *_PROGRAM)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return {
        "commit": f"{commit}-dirty" if changed else commit,
        "machine": machine,
        "loadAverageBefore": [round(each, 1) for each in os.getloadavg()],
    }


def _git(*words: str) -> str:
    command = ["git", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - ours
