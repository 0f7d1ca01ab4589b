"""On which address our processes listen: on every one there is, if nobody says otherwise."""

from __future__ import annotations

import socket
from typing import Final

__all__ = ["EVERY", "address_of"]

#: What a user says for every address, of IPv6 and of IPv4.
EVERY: Final = "*"


def address_of(host: str) -> str:
    """The address to bind a socket to, for what a user said.

    ``EVERY`` is ``::`` where that takes IPv4 as well, as it does wherever Linux knows of IPv6, also
    where no interface has any; else ``0.0.0.0``.
    """
    if host != EVERY:
        return host
    return "::" if _takes_both() else "0.0.0.0"  # noqa: S104 - what was asked for


def _takes_both() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            # As whoever binds it leaves it: the sysctl bindv6only can say otherwise.
            if probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
                return False
            probe.bind(("::", 0))
    except OSError:
        return False
    return True
