"""Stands between programs and an API server, on loopback and with TLS, and lets things go wrong."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp
from aiohttp import web

from mattermost_migrate.testing.cluster import LocalCluster
from mattermost_migrate.testing.faults.exchange import Exchange
from mattermost_migrate.testing.faults.fault import Answer, Drop, Fault, Hold, LoseWatches

__all__ = ["Gate", "Gateway", "Script"]

T = TypeVar("T")
#: Decides about each request; None: it passes.
Script = Callable[[Exchange], Fault | None]

_HOST: Final = "127.0.0.1"
#: How long connections may take to end that were aborted: more than TLS gives a farewell.
_GONE_SECONDS: Final = 40.0
#: What concerns one connection only.
_HOP: Final = frozenset({"connection", "host", "transfer-encoding", "keep-alive", "content-length"})
_ERROR_EVENT: Final = {"type": "ERROR", "object": json.loads(Answer(410).body())}


class Gateway:
    """A context manager with an event loop of its own; each program goes through a gate of its own.

    Args:
        cluster: whose API server, and whose authority signs the certificate shown.
    """

    def __init__(self, cluster: LocalCluster) -> None:
        pair = cluster.authority.issue("gateway", hosts=(_HOST, "localhost"))
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(pair.certificate, pair.key)
        self._upstream_tls = ssl.create_default_context(cafile=str(cluster.authority.bundle))
        self.upstream = cluster.server
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="gateway", daemon=True)
        self._gates: list[Gate] = []
        #: Of connections to the API server: what ends one says its TLS farewell in the background.
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.session: aiohttp.ClientSession

    def __enter__(self) -> Self:
        self._thread.start()
        self.session = self.do(self._open())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for gate in self._gates:
            gate.close()
        self.do(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0, ssl=self._upstream_tls, socket_factory=self._socket
        )
        limits = aiohttp.ClientTimeout(total=None)
        return aiohttp.ClientSession(connector=connector, timeout=limits, auto_decompress=False)

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        self._sockets.add(made)
        return made

    async def _close(self) -> None:
        await self.session.close()
        async with asyncio.timeout(_GONE_SECONDS):
            while any(each.fileno() >= 0 for each in self._sockets):  # noqa: ASYNC110 - as below
                await asyncio.sleep(0.01)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done in the gateway's loop, from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def gate(self, script: Script = lambda _: None) -> Gate:
        """A new way through, open at once."""
        gate = Gate(self, script)
        self.do(gate.open())
        self._gates.append(gate)
        return gate


class Gate:
    """A port of its own, for one program: what happens here happens to that program only.

    Attributes:
        script: decides about each request; may be exchanged at any time.
        lag: seconds by which what this watch tells is late. It is asked once, when one begins.
        server: the URL that the program is to be given instead of the API server's.
    """

    def __init__(self, gateway: Gateway, script: Script) -> None:
        self.script = script
        self.lag: Callable[[Exchange], float] = lambda _: 0.0
        self.server = ""
        self._gateway = gateway
        self._let_go = asyncio.Event()
        self._closed = False
        self._watches: dict[int, tuple[web.BaseRequest, web.StreamResponse]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._held: set[asyncio.Task[Any]] = set()
        self._site: asyncio.Server | None = None
        self._handlers: web.Server | None = None

    async def open(self) -> None:
        """Listen."""
        self._handlers = web.Server(self._pass)
        loop = asyncio.get_running_loop()
        self._site = await loop.create_server(self._handlers, _HOST, 0, ssl=self._gateway.tls)
        self.server = f"https://{_HOST}:{self._site.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Break every connection and take no more: as if one end were dead."""
        if not self._closed:
            self._gateway.do(self._close())

    def let_go(self) -> None:
        """Nothing is held any more; returns when what was held has been answered."""
        self._gateway.do(self._release())

    def break_held(self) -> None:
        """Whoever waits for what is held loses the connection; from now on all passes."""
        self._gateway.do(self._break_held())

    async def _break_held(self) -> None:
        self.script = lambda _: None
        ending = tuple(self._held)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._let_go.set()

    async def _release(self) -> None:
        self._let_go.set()
        await asyncio.gather(*tuple(self._held), return_exceptions=True)

    async def _close(self) -> None:
        self._closed = True
        if self._site is not None:
            self._site.close()
        if self._handlers is not None:
            _abort(self._handlers)
        ending = tuple(self._tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        if self._handlers is not None:
            await _hang_up(self._handlers)

    async def _end_watches(self, *, expired: bool) -> None:
        for request, response in list(self._watches.values()):
            if expired:
                with suppress(ConnectionError):
                    await response.write(json.dumps(_ERROR_EVENT).encode() + b"\n")
            _break(request)

    async def _pass(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            body = await request.read()
            if self._closed:  # it was read before its connection was aborted
                return web.Response(status=502)
            exchange = Exchange.of(request.method, request.path, request.query)
            fault = self.script(exchange)
            if fault is not None:
                return await self._fail(request, body, fault)
            if not exchange.watches:
                return await self._ask(request, body)
            return await self._watch(request, body, late=self.lag(exchange))
        except asyncio.CancelledError:
            _break(request)
            raise
        except (aiohttp.ClientError, ConnectionError):
            _break(request)  # the API server is away
            return web.Response(status=502)

    async def _fail(
        self, request: web.BaseRequest, body: bytes, fault: Fault
    ) -> web.StreamResponse:
        if isinstance(fault, LoseWatches):
            await self._end_watches(expired=fault.expired)
            return await self._ask(request, body)
        if isinstance(fault, Drop):
            _break(request)
            return web.Response()
        answered = await self._ask(request, body) if fault.applied else None
        match fault:
            case Answer():
                after = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
                return web.Response(
                    status=fault.code,
                    body=fault.body(),
                    headers={"Content-Type": "application/json", **after},
                )
            case Hold():
                if task := asyncio.current_task():
                    self._held.add(task)
                    task.add_done_callback(self._held.discard)
                await self._let_go.wait()
                if self._closed:
                    return web.Response()
                return answered or await self._ask(request, body)

    async def _ask(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """Have the API server answer in one piece."""
        async with self._request(request, body) as answer:
            content = await answer.read()
            return web.Response(status=answer.status, headers=_passed(answer.headers), body=content)

    async def _watch(
        self, request: web.BaseRequest, body: bytes, *, late: float
    ) -> web.StreamResponse:
        async with self._request(request, body) as answer:
            response = web.StreamResponse(status=answer.status, headers=_passed(answer.headers))
            await response.prepare(request)
            self._watches[id(request)] = (request, response)
            try:
                async for chunk in answer.content.iter_any():
                    await asyncio.sleep(late)
                    await response.write(chunk)
            finally:
                self._watches.pop(id(request), None)
            return response

    def _request(self, request: web.BaseRequest, body: bytes) -> Any:
        return self._gateway.session.request(
            request.method,
            f"{self._gateway.upstream}{request.rel_url}",
            headers=_passed(request.headers),
            data=body or None,
        )


def _passed(headers: Any) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key.lower() not in _HOP}


def _abort(handlers: web.Server) -> None:
    """Not one more byte passes; who is connected is told in a moment."""
    for connection in handlers.connections:
        if connection.transport is not None:
            connection.transport.abort()


async def _hang_up(handlers: web.Server) -> None:
    """End every connection, and return when the last of them is closed.

    A farewell by TLS would take as long as the other end likes, and that may be dead. A connection
    left open when the loop ends is found by the garbage collector in the middle of another test.

    Raises:
        TimeoutError: one stays.
    """
    async with asyncio.timeout(_GONE_SECONDS):
        while handlers.connections:
            _abort(handlers)
            await asyncio.sleep(0.01)  # whose handshake ends only now is met the next time


def _break(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
