"""A few requests with the standard library alone, for a command that asks, prints and ends.

To import aiohttp takes longer than all else that ``status`` does. What is wanted of it there, four
lists at once, a thread each does as well.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mattermost_migrate.kube.connect import Connection

__all__ = ["Limits", "Plain", "Response"]

_GZIP: Final = 31  #: zlib's word for: with a gzip header


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds after which a request counts as lost; None is never.

    Attributes:
        total: from its beginning to the end of the answer.
        connect: until there is a connection.
        silence: without a byte.
    """

    total: float | None = None
    connect: float = 10.0
    silence: float | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, in the words of an aiohttp response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    async def read(self) -> bytes:
        """All of it."""
        return self.body


class _Secure(HTTPSConnection):
    """Expects the name in the certificate that the kubeconfig says, which may not be the host's."""

    expected: str = ""

    def connect(self) -> None:
        HTTPConnection.connect(self)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]  # as its own connect
        self.sock = context.wrap_socket(self.sock, server_hostname=self.expected or self.host)


class Plain:
    """The part of the official client's transport that a request needs, without aiohttp.

    Args:
        connection: where to; not by a proxy.
    """

    def __init__(self, connection: Connection) -> None:
        self._configuration = connection.configuration
        self._address = urlsplit(connection.server)
        self._context = _context(self._configuration) if self._address.scheme == "https" else None
        self._idle: list[HTTPConnection] = []
        self._closed = False

    async def close(self) -> None:
        """Close what is idle; a request under way closes its connection as it ends."""
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: Any,
        limits: Limits,
    ) -> Response:
        """Send it from a thread of its own, which nobody has to wait for in the end.

        Raises:
            OSError: no connection, a lost one, or no answer in time.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()

        def ask() -> None:
            told: Response | Exception
            try:
                told = self._ask(method, url, headers, body, limits)
            except Exception as error:  # noqa: BLE001 - it is raised where it is awaited
                told = error
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_tell, answer, told)

        threading.Thread(target=ask, daemon=True).start()
        return await answer

    def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Any,
        limits: Limits,
    ) -> Response:
        try:
            connection = self._idle.pop()
        except IndexError:  # asked for first, another thread could take it meanwhile
            connection = self._new(limits)
        try:
            if connection.sock is not None:
                connection.sock.settimeout(limits.total)
            target = urlsplit(url)
            sent = json.dumps(body).encode() if body is not None else None
            connection.putrequest(
                method,
                f"{target.path}?{target.query}" if target.query else target.path,
                skip_accept_encoding=True,
            )
            for name, value in (*headers.items(), ("Accept-Encoding", "gzip")):
                connection.putheader(name, value)
            if sent is not None:
                connection.putheader("Content-Length", str(len(sent)))
            connection.endheaders(sent)
            got = connection.getresponse()
            content = got.read()
        except HTTPException as error:
            connection.close()
            raise ConnectionError(str(error) or type(error).__name__) from error
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        if self._closed:
            self._close_idle()
        if got.headers.get("Content-Encoding") == "gzip":
            content = zlib.decompress(content, _GZIP)
        return Response(got.status, dict(got.headers.items()), content)

    def _new(self, limits: Limits) -> HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._context is None:
            connection = HTTPConnection(host, port, timeout=limits.connect)
        else:
            connection = _Secure(host, port, timeout=limits.connect, context=self._context)
            connection.expected = self._configuration.tls_server_name or ""
        try:
            connection.connect()
        except BaseException:
            connection.close()  # its socket may be open already
            raise
        return connection


def _tell(answer: asyncio.Future[Response], told: Response | Exception) -> None:
    if answer.done():
        return  # whoever asked was told to stop
    if isinstance(told, Exception):
        answer.set_exception(told)
    else:
        answer.set_result(told)


def _context(configuration: Any) -> ssl.SSLContext:
    """The TLS of the official client's transport."""
    context = ssl.create_default_context(
        cafile=configuration.ssl_ca_cert, cadata=configuration.ca_cert_data
    )
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.disable_strict_ssl_verification:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
