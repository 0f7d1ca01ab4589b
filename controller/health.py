"""``/healthz``, ``/readyz`` and ``/metrics``, answered by the loop that does the work.

So an answer proves that the loop turns; a thread of its own would go on answering for a dead one.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from mattermost_migrate.addresses import address_of
from mattermost_migrate.domain.names import Resource
from mattermost_migrate.kube import Informer

__all__ = ["serving"]


@asynccontextmanager
async def serving(
    host: str, port: int, informers: Mapping[Resource, Informer]
) -> AsyncIterator[None]:
    """Answer as long as the context lasts; port 0 is nobody.

    A standby is ready when its informers are: then it can take over at once.
    """
    if not port:
        yield
        return

    async def ready(_: web.Request) -> web.Response:
        missing = [str(kind) for kind, each in informers.items() if not each.synced.is_set()]
        if missing:
            return web.Response(status=503, text=f"not yet listed: {', '.join(missing)}\n")
        return web.Response(text="ready\n")

    app = web.Application()
    app.router.add_get("/healthz", _alive)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", _metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await _site(runner, address_of(host), port).start()
        yield
    finally:
        await runner.cleanup()


def _site(runner: web.AppRunner, host: str, port: int) -> web.BaseSite:
    if host != "::":
        return web.TCPSite(runner, host, port)
    # asyncio makes its own sockets take IPv6 alone.
    both = socket.create_server(
        (host, port), family=socket.AF_INET6, dualstack_ipv6=socket.has_dualstack_ipv6()
    )
    return web.SockSite(runner, both)


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="alive\n")


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
