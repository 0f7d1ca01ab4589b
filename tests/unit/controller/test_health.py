"""The loop that works answers for itself."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest

from controller.health import serving
from controller.measures import IN_FLIGHT
from mattermost_migrate.addresses import EVERY, address_of
from mattermost_migrate.domain.names import POD
from mattermost_migrate.testing.cluster.ports import free_port


def has_loopback_of_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return address_of(EVERY) == "::"


def test_it_is_alive_at_once_and_ready_when_all_is_listed() -> None:
    async def main() -> list[tuple[int, str]]:
        pods = SimpleNamespace(synced=asyncio.Event())
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        answers = []
        async with (
            serving("127.0.0.1", port, cast("Any", {POD: pods})),
            aiohttp.ClientSession() as session,
        ):
            for path in ("/healthz", "/readyz", "/readyz", "/metrics"):
                async with session.get(base + path) as answer:
                    answers.append((answer.status, await answer.text()))
                    pods.synced.set() if path == "/readyz" else None
        return answers

    alive, unready, ready, metrics = asyncio.run(main())

    assert alive == (200, "alive\n")
    assert unready == (503, "not yet listed: Pod\n")
    assert ready == (200, "ready\n")
    assert f"# TYPE {IN_FLIGHT._name} gauge" in metrics[1]


@pytest.mark.skipif(not has_loopback_of_ipv6(), reason="no IPv6 here")
@pytest.mark.parametrize("said", [EVERY, "::"])
def test_every_address_is_of_ipv4_too(said: str) -> None:
    async def main() -> list[int]:
        port = free_port()
        answers = []
        async with serving(said, port, {}), aiohttp.ClientSession() as session:
            for host in ("127.0.0.1", "[::1]"):
                async with session.get(f"http://{host}:{port}/healthz") as answer:
                    answers.append(answer.status)
        return answers

    assert asyncio.run(main()) == [200, 200]


def test_port_zero_is_nobody() -> None:
    async def main() -> None:
        async with serving("127.0.0.1", 0, {}):
            pass

    asyncio.run(main())
