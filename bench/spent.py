"""What processes have used: of processor and memory, and of patience in the queue for a core."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from mattermost_migrate.testing.cluster import Process

__all__ = ["family", "peak_mib", "processor_seconds", "waited_seconds"]


def family(pid: int) -> list[int]:
    """A process and its children; one that ends meanwhile has none."""
    found = [pid]
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found += family(int(child))
    return found


def processor_seconds(process: Process) -> float:
    """What a process and its children have used."""
    total = 0
    for pid in family(process.pid):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def waited_seconds(process: Process) -> float:
    """How long it and its children could have gone on, had there been a core for them."""
    threads = [Path(f"/proc/{pid}/task").glob("*/schedstat") for pid in family(process.pid)]
    return sum(int(each.read_text().split()[1]) for found in threads for each in found) / 1e9


def peak_mib(process: Process) -> float:
    """The most memory that a process had, with its children's."""
    status = [Path(f"/proc/{pid}/status").read_text() for pid in family(process.pid)]
    return sum(int(text.split("VmHWM:")[1].split()[0]) for text in status) / 1024
