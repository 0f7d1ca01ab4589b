"""From --bind to where gunicorn listens, and to where our own probe knocks."""

from __future__ import annotations

import pytest

from webhook import launch
from webhook.launch import address, bound, own

IPV4 = "0.0.0.0"  # noqa: S104 - said, not bound


@pytest.mark.parametrize(
    ("bind", "every", "listens", "knocks"),
    [
        pytest.param("*:9443", "::", "[::]:9443", "127.0.0.1", id="every, of both"),
        pytest.param("*:9443", IPV4, f"{IPV4}:9443", "127.0.0.1", id="every, of IPv4"),
        pytest.param(f"{IPV4}:9443", "::", f"{IPV4}:9443", "127.0.0.1", id="all of IPv4"),
        pytest.param("[::]:9443", IPV4, "[::]:9443", "::1", id="all of IPv6"),
        pytest.param("[fd00::1]:9443", IPV4, "[fd00::1]:9443", "fd00::1", id="one of IPv6"),
        pytest.param("10.0.0.1:9443", "::", "10.0.0.1:9443", "10.0.0.1", id="one of IPv4"),
    ],
)
def test_where_it_listens_and_reaches_itself(
    monkeypatch: pytest.MonkeyPatch, bind: str, every: str, listens: str, knocks: str
) -> None:
    monkeypatch.setattr(launch, "address_of", lambda host: every if host == "*" else host)

    host, port = address(bind)

    assert bound(host, port) == listens
    assert own(host) == knocks
