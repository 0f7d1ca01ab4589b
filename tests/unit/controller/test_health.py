"""The loop that works answers for itself."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import aiohttp

from controller.health import serving
from controller.measures import IN_FLIGHT
from mattermost_migrate.domain.names import POD
from mattermost_migrate.testing.cluster.ports import free_port


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


def test_port_zero_is_nobody() -> None:
    async def main() -> None:
        async with serving("127.0.0.1", 0, {}):
            pass

    asyncio.run(main())
