"""Gunicorn's threaded worker with its traps closed (webhook facts 4.6, measured with 27.0.1).

Its threads wait for the network without a limit, so a few silent clients stop it for good, and it
counts a connection twice that ends during the handshake. Here the event loop itself shakes hands
and gathers each request, without blocking and with one deadline for both. It answers what needs
no waiting itself (`lane.py`); threads see whole requests only. Every connection is counted where it
comes and where it goes, and nowhere else.
"""

from __future__ import annotations

import errno
import selectors
import socket
import ssl
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Final

from gunicorn.http import get_parser
from gunicorn.sock import ssl_context
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from webhook.app import BODY_LIMIT, CONVERSION_LIMIT
from webhook.arrival import Arrival
from webhook.endpoint import AT_ONCE
from webhook.lane import Lane, Later
from webhook.metrics import CONNECTIONS_DROPPED
from webhook.tls import NoCertificateError

__all__ = ["ConversionWorker", "Worker"]

#: From the first byte (or the connection) to the whole request. The API server gives an admission
#: call 5 s in all, so what takes longer to arrive is lost to it anyway.
REQUEST_SECONDS: Final = 5.0
#: After the last answer on a connection, for the client to have read it.
LINGER_SECONDS: Final = 2.0
#: Between two looks at all who are awaited: hundreds of them must not make each event dear.
_LOOKING_SECONDS: Final = 0.1
GATHERED_LIMIT: Final = 64 * 1024 * 1024
_CHUNK: Final = 64 * 1024
#: No event: who was told to end and goes on and on costs no more time, until his own is over.
_NOTHING: Final = 0


class BoundedSocket(ssl.SSLSocket):
    """A socket on which "blocking" has an end: a thread's write to a client that does not read."""

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the standard library's signature
        """Block for so long, or not at all."""
        self.settimeout(REQUEST_SECONDS if flag else 0.0)


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no annotations
    """A connection as the event loop sees it: handshake, then bytes until a request is whole."""

    def __init__(
        self, cfg: Any, sock: socket.socket, client: Any, server: Any, *, limit: int, seconds: float
    ) -> None:
        secure = ssl_context(cfg).wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        super().__init__(cfg, secure, client, server)
        self.initialized = True  # the handshake is ours; gunicorn must not wrap again
        self.parser = get_parser(cfg, self.sock, client)
        self.arrival = Arrival(limit)
        self.unsent = b""
        self.later: Later | None = None
        self.shaken = False
        self.kept = False
        self.lingering = False
        self.ignored = 0
        self.deadline = time.monotonic() + seconds

    def advance(self) -> int | None:
        """Do what can be done without waiting.

        Returns:
            The event to wait for, or None when a request is whole.

        Raises:
            OSError: the connection is of no use any more.
        """
        try:
            if not self.shaken:
                self.sock.do_handshake()
                self.shaken = True
            while not self.arrival.complete:
                self._receive()
        except ssl.SSLWantReadError:
            return selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            return selectors.EVENT_WRITE
        return None

    def say(self, answer: bytes) -> bool:
        """Send an answer; whether all of it went without waiting. The rest is kept in ``unsent``.

        Raises:
            OSError: the connection is of no use any more.
        """
        try:
            sent = self.sock.send(answer)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            sent = 0
        self.unsent = answer[sent:]
        return not self.unsent

    def _receive(self) -> None:
        chunk = self.sock.recv(_CHUNK)
        if not chunk:
            raise ConnectionResetError(errno.ECONNRESET, "the client closed the connection")
        self.arrival.feed(chunk)

    def excuse(self, error: Exception) -> str:
        """Why it ended, for the count of those that ended too early."""
        if isinstance(error, ssl.SSLError):
            return "tls"
        return "gone" if len(self.arrival) or not self.shaken else "done"

    def drained(self) -> bool:
        """While lingering: whether the client is done too."""
        try:
            heard = len(self.sock.recv(_CHUNK))
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        self.ignored += heard
        return not heard

    def close(self, graceful: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - gunicorn's
        """Close at once; being closed already is no error."""
        with suppress(OSError):
            self.sock.close()


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no annotations
    """The worker class for ``gunicorn``'s configuration.

    Attributes:
        body_limit: bytes of one body that are waited for.
        request_seconds: for a whole request, from its first byte or from the connection on.
        gathered_limit: bytes of requests in memory, all connections together: of unfinished ones,
            and as many again of those that threads have yet to answer.
    """

    body_limit = BODY_LIMIT
    request_seconds = REQUEST_SECONDS
    gathered_limit = GATHERED_LIMIT

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Connections whose next request is not whole yet, and those that linger.
        self.waiting: dict[Connection, int] = {}
        #: What threads have in hand, or before them, in bytes.
        self.handed: dict[Connection, int] = {}
        self.looks_again = 0.0
        self.lane = Lane(self.cfg, {})

    def load_wsgi(self) -> None:
        """Load the application, and what it answers at once."""
        super().load_wsgi()
        self.lane = Lane(self.cfg, self.wsgi.extensions.get(AT_ONCE, {}))

    def accept(self, listener: socket.socket) -> None:
        """Take a connection, if one is still there."""
        try:
            plain, client = listener.accept()
        except OSError:
            return  # taken by somebody else, or gone again
        plain.settimeout(0.0)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            connection = Connection(
                self.cfg,
                plain,
                client,
                listener.getsockname(),
                limit=self.body_limit,
                seconds=self.request_seconds,
            )
        except (OSError, NoCertificateError):
            CONNECTIONS_DROPPED.labels("tls").inc()
            plain.close()
            return
        self.nr_conns += 1
        self._gather(connection)

    def on_client_socket_readable(self, conn: Connection, _: ssl.SSLSocket) -> None:
        """A kept-alive connection has something to say."""
        conn.deadline = time.monotonic() + self.request_seconds
        self._gather(conn)

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        """After a thread is done with a request: keep the connection, or see it off."""
        self.handed.pop(conn, None)
        kept = not fs.cancelled() and fs.exception() is None and fs.result() is True
        if not kept:
            self._see_off(conn)
            return
        conn.sock.settimeout(0.0)
        if ahead := conn.parser.unreader.take_buffered():
            conn.arrival.feed(ahead)
            conn.deadline = time.monotonic() + self.request_seconds
            self._gather(conn)
            return
        self._keep(conn)

    def handle(self, conn: Connection) -> bool:
        """Handle a request, or the rest of an answer, in a thread that may wait for the client."""
        if conn.later is not None:
            later, conn.later = conn.later, None
            with suppress(Exception):  # whatever it is, the long way meets it again and says so
                conn.unsent = later()
                conn.arrival.clear()
        if len(conn.arrival):
            conn.parser.unreader.unread(conn.arrival.take())
        if not conn.unsent:
            return bool(super().handle(conn))
        conn.sock.settimeout(REQUEST_SECONDS)
        conn.sock.sendall(conn.unsent)
        conn.unsent = b""
        return True

    def murder_pending(self) -> None:
        """Drop what has not come in time. Called by gunicorn's loop after every few events."""
        now = time.monotonic()
        if now < self.looks_again:
            return
        self.looks_again = now + _LOOKING_SECONDS
        for conn in [conn for conn in self.waiting if conn.deadline <= now]:
            self._drop(conn, "done" if conn.lingering else "slow")
        gathered = sum(len(conn.arrival) for conn in self.waiting)
        while gathered > self.gathered_limit:
            largest = max(self.waiting, key=lambda conn: len(conn.arrival))
            gathered -= len(largest.arrival)
            self._drop(largest, "memory")

    def _gather(self, conn: Connection) -> None:
        """Go on with a handshake or a request; have it answered when it is whole."""
        try:
            wanted = conn.advance()
            answer = self._at_once(conn) if wanted is None else None
            sent = isinstance(answer, bytes) and conn.say(answer)
        except (OSError, ValueError) as error:
            self._drop(conn, conn.excuse(error))
            return
        if wanted is not None:
            self._await(conn, wanted)
        elif sent:
            self._keep(conn)
        else:
            self._hand_over(conn)

    def _at_once(self, conn: Connection) -> bytes | Later | None:
        """The answer to the request that has come, or how to get it, unless the way is long."""
        if not self.alive or len(self.keepalived_conns) >= self.max_keepalived:
            return None  # the last on its connection, and gunicorn says so
        answer = self.lane.answer(conn.arrival)
        if isinstance(answer, bytes):
            conn.arrival.clear()
        else:
            conn.later = answer
        return answer

    def _hand_over(self, conn: Connection) -> None:
        """Let a thread go on, which may wait for the client and for the API server."""
        size = len(conn.arrival)
        if self.handed and size + sum(self.handed.values()) > self.gathered_limit:
            self._drop(conn, "memory")
            return
        self.handed[conn] = size
        self._forget(conn)
        conn.data_ready = True
        self.enqueue_req(conn)

    def _keep(self, conn: Connection) -> None:
        """Wait for the next request; the one that waits longest is the first of them."""
        if conn.kept:
            self.keepalived_conns.remove(conn)
        else:
            self._forget(conn)
            ready = partial(self.on_client_socket_readable, conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, ready)
            conn.kept = True
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        self.keepalived_conns.append(conn)

    def _see_off(self, conn: Connection) -> None:
        """End our side, and read on until the client ends its own.

        To close at once with bytes unread would reset the connection, and the client might lose
        the answer it was sent.
        """
        conn.lingering = True
        conn.deadline = time.monotonic() + LINGER_SECONDS
        try:
            conn.sock.settimeout(0.0)
            conn.sock.shutdown(socket.SHUT_WR)
        except (OSError, ValueError):
            self._drop(conn, "done")
            return
        self._await(conn, selectors.EVENT_READ)

    def _await(self, conn: Connection, event: int) -> None:
        if self.waiting.get(conn) == event:
            return
        self._forget(conn)
        self.waiting[conn] = event
        if event != _NOTHING:
            self.poller.register(conn.sock, event, partial(self._woken, conn))

    def _woken(self, conn: Connection, _: ssl.SSLSocket) -> None:
        if not conn.lingering:
            self._gather(conn)
            return
        try:
            done = conn.drained()
        except (OSError, ValueError):
            done = True
        if done:
            self._drop(conn, "done")
        elif conn.ignored > 2 * self.body_limit:
            self._await(conn, _NOTHING)

    def _forget(self, conn: Connection) -> None:
        """Wait for nothing of it any more."""
        if conn.kept:
            conn.kept = False
            self.keepalived_conns.remove(conn)
            self.poller.unregister(conn.sock)
        if self.waiting.pop(conn, None) is not None:
            with suppress(KeyError, ValueError):
                self.poller.unregister(conn.sock)

    def _drop(self, conn: Connection, reason: str) -> None:
        """The one place where a connection that was taken ends, besides an idle kept-alive one."""
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()
        if reason != "done":
            CONNECTIONS_DROPPED.labels(reason).inc()


class ConversionWorker(Worker):
    """The same for lists of objects in one piece."""

    body_limit = CONVERSION_LIMIT
    #: The API server gives a conversion 30 s, and a list of thousands takes its time to arrive.
    request_seconds = 15.0
    gathered_limit = 2 * CONVERSION_LIMIT
