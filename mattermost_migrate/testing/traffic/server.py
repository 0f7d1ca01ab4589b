"""The process of one pod: what a Mattermost shows to who chats, and no more.

It listens a while after it was started, answers the ping by which it is probed, and holds a
session for every WebSocket. Told to end (SIGTERM), it takes no new connection from that moment on,
finishes what is under way, and then closes the sessions, as Mattermost does.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import uuid

from aiohttp import WSCloseCode, WSMsgType, web

from mattermost_migrate.testing.traffic import PORT

__all__ = ["main"]


class _Server:
    def __init__(self, name: str) -> None:
        self._name = name
        self._sessions: set[web.WebSocketResponse] = set()

    async def ping(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "OK", "server": self._name})

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A session counts what it was told; nobody else could go on counting for it."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sessions.add(socket)
        try:
            await socket.send_json({"event": "hello", "connection": uuid.uuid4().hex})
            count = 0
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    count += 1
                    await socket.send_json({"reply": message.json()["seq"], "count": count})
        finally:
            self._sessions.discard(socket)
        return socket

    async def leave(self) -> None:
        """Send everybody away."""
        closing = (socket.close(code=WSCloseCode.GOING_AWAY) for socket in set(self._sessions))
        await asyncio.gather(*closing, return_exceptions=True)


async def _serve(arguments: argparse.Namespace) -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await asyncio.sleep(arguments.start_seconds)  # what it stands for: migrations, plugins, caches
    server = _Server(arguments.name)
    app = web.Application()
    app.router.add_get("/api/v4/system/ping", server.ping)
    app.router.add_get("/api/v4/websocket", server.websocket)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, arguments.host, PORT, backlog=1024)
    await site.start()
    await told.wait()
    await site.stop()
    await asyncio.sleep(arguments.stop_seconds)
    await server.leave()
    await runner.cleanup()


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--start-seconds", type=float, required=True)
    parser.add_argument("--stop-seconds", type=float, required=True)
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
