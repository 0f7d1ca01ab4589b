"""Runs a program as a container engine would: its own root, its own user, no right but its own.

Linux' namespaces do it without an engine, without root and without a daemon: the program sees the
machine's system folders read-only, Python, and what is mounted for it, at exactly the paths it will
have in a pod. It shares the network, so it reaches the local cluster on loopback.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["Container", "Mount", "command_line"]

_BEGIN: Final = Path(__file__).with_name("container_begin.py")
#: What a container gets from its image's base, here the machine's own.
_SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc")


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of this machine that the program sees elsewhere.

    Attributes:
        source: here; None for an empty folder in memory.
        target: in the container.
        writable: whether it may be written to.
    """

    source: Path | None
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What is run, and all that it is given.

    Attributes:
        command: the program, looked up on its PATH, and its arguments.
        environment: all its variables.
        mounts: what it sees besides the system.
        user: its user and group.
        workdir: where it starts.
        network: whether it has any.
    """

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: Sequence[Mount] = ()
    user: int = 65532
    workdir: str = "/"
    network: bool = True


def command_line(container: Container) -> list[str]:
    """The command that runs it; needs util-linux, and a kernel that lets users make namespaces."""
    told = {
        "command": list(container.command),
        "environment": dict(container.environment),
        "system": [*_SYSTEM, sys.base_prefix],
        "mounts": [
            {
                "source": str(mount.source) if mount.source else None,
                "target": mount.target,
                "writable": mount.writable,
            }
            for mount in container.mounts
        ],
        "workdir": container.workdir,
    }
    namespaces = ["--user", "--mount", "--keep-caps", "--propagation=private"]
    namespaces += [f"--map-user={container.user}", f"--map-group={container.user}"]
    namespaces += [] if container.network else ["--net"]
    begin = [sys.executable, "-I", "-S", str(_BEGIN), json.dumps(told)]
    return ["/usr/bin/unshare", *namespaces, *begin]
