"""Free ports that stay ours from the moment they are chosen, also while a process restarts.

A port that is merely looked up may be taken before the process listens on it. Here a socket stays
bound to it (never listening, so it gets no connection) with SO_REUSEPORT, and etcd and
kube-apiserver are told to share: the kernel gives the port to nobody else's wildcard search.

Where a program cannot share, the port is let go of before it starts, and whenever it restarts. So
it is chosen below those that the kernel hands out itself: no outgoing connection takes it then.
And it is claimed for the life of this process, by a name that whoever chooses a port asks for:
another worker of the tests will not choose it, whoever listens there at the moment.
"""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Port", "free_port"]

_HANDED_OUT: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
#: How many ports below those there are to choose from, and how often one is tried.
_CHOICE: Final = 12_000
_ATTEMPTS: Final = 100
_PRIVILEGED: Final = 1024
#: The claims of this process, by file descriptor. The kernel lets go of them when it ends.
_CLAIMED: Final[list[int]] = []


@dataclass(frozen=True, slots=True)
class Port:
    """A reserved loopback port."""

    number: int
    _holder: socket.socket

    @classmethod
    def reserve(cls) -> Port:
        """Choose a free port and hold it."""
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", _free()))
        return cls(holder.getsockname()[1], holder)

    def release(self) -> None:
        """Let a program listen on it; also right when it was let go of before."""
        self._holder.close()


def free_port() -> int:
    """A port for a program that cannot share it: it may take it whenever it starts."""
    reserved = Port.reserve()
    reserved.release()
    return reserved.number


def _free() -> int:
    """A port that nobody has and the kernel hands to nobody; 0, for any, where there is none."""
    end = int(_HANDED_OUT.read_text().split()[0])
    below = range(max(_PRIVILEGED, end - _CHOICE), end)
    for number in random.sample(below, min(_ATTEMPTS, len(below))):
        # Without sharing: who shares a port with us in all innocence would be found only later.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                continue
            if _claim(number):
                return number
    return 0


def _claim(number: int) -> bool:
    """Keep a port from being chosen again; False where it was chosen before.

    The names are those of abstract sockets, of which there is one in a network namespace, as of
    each port.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0mattermost-migrate/port/{number}")
    except OSError:
        claim.close()
        return False
    _CLAIMED.append(claim.detach())
    return True
