"""Every address is that of both families where there are two, and never none."""

from __future__ import annotations

import errno
import socket
from typing import Any, Self

import pytest

from mattermost_migrate import addresses
from mattermost_migrate.addresses import EVERY, address_of

IPV4 = "0.0.0.0"  # noqa: S104 - said, not bound


class Probe:
    """A socket of IPv6, on a system that a test describes.

    Args:
        alone: it takes IPv6 alone.
        error: of the attempt to bind it.
    """

    def __init__(self, *, alone: bool = False, error: OSError | None = None) -> None:
        self.alone = alone
        self.error = error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def getsockopt(self, *option: int) -> int:
        assert option == (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        return int(self.alone)

    def bind(self, address: tuple[str, int]) -> None:
        assert address == ("::", 0)
        if self.error:
            raise self.error


@pytest.mark.parametrize(
    ("found", "address"),
    [
        pytest.param(Probe(), "::", id="both"),
        pytest.param(Probe(alone=True), IPV4, id="bindv6only"),
        pytest.param(Probe(error=OSError(errno.EADDRNOTAVAIL, "no")), IPV4, id="none to bind"),
        pytest.param(OSError(errno.EAFNOSUPPORT, "no"), IPV4, id="a kernel without IPv6"),
    ],
)
def test_every_address(
    monkeypatch: pytest.MonkeyPatch, found: Probe | OSError, address: str
) -> None:
    def made(family: int) -> Any:
        assert family == socket.AF_INET6
        if isinstance(found, OSError):
            raise found
        return found

    monkeypatch.setattr(addresses.socket, "socket", made)

    assert address_of(EVERY) == address


@pytest.mark.parametrize("said", ["", "::", "fd00::1", "127.0.0.1", IPV4])
def test_what_is_said_is_kept(said: str) -> None:
    assert address_of(said) == said
