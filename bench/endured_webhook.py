"""The webhook with a leak in it, so that the proof of endurance can be seen to fail.

The first word says which leak; the rest are the webhook's options.
"""

from __future__ import annotations

import itertools
import os
import socket
import sys
from typing import Any, Final

from webhook import __main__ as webhook
from webhook.worker import Worker

#: It leaks once in so many requests.
_REQUESTS: Final = 20
_KEPT: Final[list[Any]] = []

LEAKS: Final = {
    "memory": lambda: _KEPT.append(os.urandom(4096) * 16),
    "descriptors": lambda: _KEPT.append(socket.socket()),
}


def wear(leak: str) -> None:
    """Serve by a worker that keeps what it has no use for."""
    turns = itertools.count(1)

    class Leaking(Worker):
        def on_client_socket_readable(self, conn: Any, client: Any) -> None:
            if next(turns) % _REQUESTS == 0:
                LEAKS[leak]()
            super().on_client_socket_readable(conn, client)

    vars(webhook)["Worker"] = Leaking


if __name__ == "__main__":
    wear(sys.argv.pop(1))
    webhook.main()
