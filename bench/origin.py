"""What was measured, and on what: the head of every record."""

from __future__ import annotations

import os
import platform
import subprocess
from typing import Any

__all__ = ["origin"]


def origin() -> dict[str, Any]:
    """Commit, machine, and how busy it was with others' work when the measurement began."""
    described = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    commit = subprocess.run(described, capture_output=True, text=True, check=True)  # noqa: S603 - fixed words
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return {
        "commit": commit.stdout.strip(),
        "machine": machine,
        "loadAverageBefore": [round(each, 1) for each in os.getloadavg()],
    }
