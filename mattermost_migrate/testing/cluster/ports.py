"""Free ports that stay ours from the moment they are chosen, also while a process restarts.

A port that is merely looked up may be taken before the process listens on it. Here a socket stays
bound to it (never listening, so it gets no connection) with SO_REUSEPORT, and etcd and
kube-apiserver are told to share: the kernel gives the port to nobody else's wildcard search.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

__all__ = ["Port"]


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
        holder.bind(("127.0.0.1", 0))
        return cls(holder.getsockname()[1], holder)

    def release(self) -> None:
        """Let go of it; also right when it was let go of before."""
        self._holder.close()
