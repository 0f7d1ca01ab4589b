"""One request to the API server: bounded, counted, repeated where that is safe, errors mapped.

Two connection pools: requests share one of ``max_inflight`` connections (and one more, for whoever
is to wait for none of the others), watches have their own without a bound, because a watch keeps
its connection for minutes and a pool smaller than the number of watches stands still in silence.
"""

from __future__ import annotations

import asyncio
import copy
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import urlencode

import aiohttp
import orjson
from multidict import CIMultiDict

from mattermost_migrate.domain.errors import LeaseLostError, TransientError
from mattermost_migrate.domain.spans import doubled
from mattermost_migrate.kube.accounting import (
    READS,
    OnRequest,
    Request,
    current_installation,
)
from mattermost_migrate.kube.connect import Connection
from mattermost_migrate.kube.plain import Limits, Plain, Response
from mattermost_migrate.kube.status import error_of, retry_after, status_of

if TYPE_CHECKING:
    from mattermost_migrate.kube.pool import Pool

__all__ = ["Call", "Patience", "Transport"]

T = TypeVar("T")

_JSON: Final = "application/json"
#: Of what a rehearsal would have stored nobody reads anything; this is the least there is of it.
_LEAST: Final = f"{_JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1,{_JSON}"
_FIRST_ERROR: Final = 400
_TOO_MANY_REQUESTS: Final = 429
_UNAVAILABLE: Final = 503
_FAREWELL: Final = 0.25
#: Connections beyond ``max_inflight``, for who has turns of his own.
_APART: Final = 1
#: Seconds for which a write under way is awaited by whoever is told to stop.
_FINISHING: Final = 4.0
#: Answers after which a request that changes nothing may simply be sent again.
_PASSING: Final = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request is repeated before its caller is told.

    Attributes:
        total: seconds from the first attempt after which none is begun.
        first: the first back-off in seconds; each next one is twice as long.
        longest: the longest back-off in seconds.
        answer: seconds one attempt may take.
    """

    total: float = 30.0
    first: float = 0.1
    longest: float = 5.0
    answer: float = 60.0

    def pause(self, attempt: int, asked: float | None) -> float:
        """Seconds to wait after a number of failed attempts; never less than the server asked."""
        backoff = doubled(self.first, attempt, self.longest)
        return (asked or 0.0) + backoff * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


@dataclass(frozen=True, slots=True)
class Call:
    """What to ask.

    Attributes:
        verb: in the API server's words, for counting and to know what may be repeated.
        method: the HTTP method.
        path: from the root, without query.
        resource: plural with subresource, for counting.
        namespace: for counting and messages.
        name: for counting and messages.
        query: parameters; those that are None are left out.
        body: sent as JSON, unless None.
        content_type: of the body.
    """

    verb: str
    method: str
    path: str
    resource: str
    namespace: str | None = None
    name: str | None = None
    query: Mapping[str, str | None] = field(default_factory=dict)
    body: Any = None
    content_type: str = _JSON

    def __str__(self) -> str:
        place = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {self.resource} {place}".rstrip()

    @property
    def reads(self) -> bool:
        """Whether it changes nothing and so may be repeated after any failure."""
        return self.verb in READS

    @property
    def rehearses(self) -> bool:
        """Whether the server only judges it; what it would have stored is then not even read."""
        return self.query.get("dryRun") is not None

    @property
    def target(self) -> str:
        """Path and query."""
        query = {key: value for key, value in self.query.items() if value is not None}
        return f"{self.path}?{urlencode(query)}" if query else self.path


class Transport:
    """Sends calls over kept connections. An async context manager; close it when done.

    Args:
        connection: where to.
        max_inflight: requests under way at the same time, watches not counted.
        patience: how long a failing call is repeated.
        on_request: told of every attempt.
        plain: for a few requests and no watch: none of aiohttp is loaded, unless a proxy is used.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        max_inflight: int = 64,
        plain: bool = False,
        patience: Patience | None = None,
        on_request: OnRequest | None = None,
    ) -> None:
        self.connection = connection
        self.patience = patience or Patience()
        self.on_request = on_request
        self.held: Callable[[], bool] | None = None
        self._slots = asyncio.Semaphore(max_inflight)
        self._requests, self._watches = _pools(connection, max_inflight, plain=plain)
        self._abandoned = asyncio.Event()  # shared by all fenced copies
        self._agent = f"mattermost-migrate/{version('mattermost-migrate')}"

    def fenced(self, held: Callable[[], bool]) -> Self:
        """The same connections and bounds, but no write is sent once ``held`` answers False.

        It is asked again when the write has waited for its turn: a process that was stopped for a
        while goes on with what it had in hand.
        """
        other = copy.copy(self)
        other.held = held
        return other

    def apart(self, patience: Patience) -> Self:
        """The same connections, with that patience, and with turns that no other request takes."""
        other = copy.copy(self)
        other.patience = patience
        other._slots = asyncio.Semaphore(_APART)  # noqa: SLF001 - a copy of ourselves
        return other

    async def close(self) -> None:
        """Close all connections."""
        await self._requests.close()
        if self._watches is not None:
            await self._watches.close()
        if self._abandoned.is_set():
            # The connection of a cancelled request says its TLS farewell in the background; a loop
            # that ended at once would leave the socket open.
            await asyncio.sleep(_FAREWELL)

    async def send(self, call: Call) -> Any:
        """Send a call until it is answered for good, and give the decoded body.

        Of a rehearsal nothing is given: that it was not refused is the answer.

        A call that only reads is repeated after every passing failure. A write is repeated only
        where the server says that it did not take it up: 429, 503 with Retry-After, or a
        connection that was never made. Else whoever asked looks again first.

        Raises:
            MigrateError: what the answer means (see ``domain.errors``).
        """
        ends = time.monotonic() + self.patience.total
        attempt = 0
        while True:
            try:
                return await self._attempt(call)
            except _NotTakenError as failure:
                pause = self.patience.pause(attempt, failure.error.retry_after)
                if time.monotonic() + pause > ends:
                    raise failure.error from failure
            attempt += 1
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def stream(self, call: Call, *, silence: float) -> AsyncIterator[aiohttp.StreamReader]:
        """Open a watch: the lines of the answer, for as long as the server keeps it open.

        Args:
            call: a watch.
            silence: seconds without a byte after which the connection counts as lost.

        Raises:
            TypeError: a plain transport has no watches.
            MigrateError: the server refused, or the connection was lost.
        """
        if self._watches is None:
            raise TypeError("a plain transport has no watches")
        limits = Limits(total=None, silence=silence)
        started = time.monotonic()
        try:
            headers = await self._headers(call)
            response = await self._watches.ask(
                call.method, self._url(call), headers=headers, body=None, limits=limits
            )
            try:
                if response.status >= _FIRST_ERROR:
                    raise _mapped(call, response, await response.read())
                self._count(call, response.status, started)
                yield response.content
            finally:
                _cut(response)
        except asyncio.CancelledError:
            self._abandoned.set()
            raise
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError(f"{call}: {_said(error)}") from error

    async def _attempt(self, call: Call) -> Any:
        self._require_held(call)
        limits = Limits(total=self.patience.answer)
        started = time.monotonic()
        code = 0
        try:
            async with self._slots:
                started = time.monotonic()
                exchange = self._exchange(call, limits)
                safe = call.reads or call.rehearses
                response, body = await (exchange if safe else self._to_its_end(exchange))
                code = response.status
        except asyncio.CancelledError:
            self._abandoned.set()
            raise
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            never_sent = isinstance(error, aiohttp.ClientConnectorError)
            lost = TransientError(f"{call}: {_said(error)}")
            if call.reads or never_sent:
                raise _NotTakenError(lost) from error
            raise lost from error
        finally:
            self._count(call, code, started)
        if code < _FIRST_ERROR:
            return _decoded(call, body) if body and not call.rehearses else None
        raise _mapped(call, response, body)

    def _require_held(self, call: Call) -> None:
        if self.held is not None and not call.reads and not self.held():
            raise LeaseLostError(f"{call}: not sent: the lease is not held any more")

    async def _exchange(
        self, call: Call, limits: Limits
    ) -> tuple[Response | aiohttp.ClientResponse, bytes]:
        headers = await self._headers(call)
        self._require_held(call)
        response = await self._requests.ask(
            call.method, self._url(call), headers=headers, body=call.body, limits=limits
        )
        return response, await response.read()

    async def _to_its_end(self, exchange: Coroutine[Any, Any, T]) -> T:
        """Await a write also when told to stop, so that none is left in the air.

        Not when the lease is lost: then whatever is late had better not arrive.
        """
        task = asyncio.ensure_future(exchange)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self.held is None or self.held():
                await asyncio.wait({task}, timeout=_FINISHING)
            if not task.cancel() and not task.cancelled():
                task.exception()  # nobody is left who could be told
            raise

    async def _headers(self, call: Call) -> CIMultiDict[str]:
        headers = CIMultiDict(
            {"User-Agent": self._agent, "Accept": _LEAST if call.rehearses else _JSON}
        )
        headers.extend(self.connection.headers)
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        if token := await self.connection.authorization():
            headers["Authorization"] = token
        return headers

    def _url(self, call: Call) -> str:
        return f"{self.connection.server}{call.target}"

    def _count(self, call: Call, code: int, started: float) -> None:
        if self.on_request is not None:
            self.on_request(
                Request(
                    call.verb,
                    call.resource,
                    call.namespace,
                    call.name,
                    code,
                    seconds=time.monotonic() - started,
                    dry_run=call.rehearses,
                    installation=current_installation.get(),
                )
            )


class _NotTakenError(Exception):
    """An attempt that may be repeated, with what to tell the caller if it is not."""

    def __init__(self, error: TransientError) -> None:
        super().__init__(str(error))
        self.error = error


def _decoded(call: Call, body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError as error:  # a proxy's page, say
        begins = body[:80].decode(errors="replace")
        raise TransientError(f"{call}: the answer is no JSON: {begins!r}") from error


def _mapped(call: Call, response: Response | aiohttp.ClientResponse, body: bytes) -> Exception:
    code = response.status
    status = status_of(body)
    wait = retry_after(response.headers, status)
    error = error_of(code, status, asked=str(call), wait=wait)
    if not isinstance(error, TransientError):
        return error
    refused = code == _TOO_MANY_REQUESTS or (code == _UNAVAILABLE and wait is not None)
    repeatable = refused or (call.reads and code in _PASSING)
    return _NotTakenError(error) if repeatable and call.verb != "watch" else error


def _cut(response: aiohttp.ClientResponse) -> None:
    """Drop a stream whose rest nobody wants, without a farewell the server would answer late."""
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()
    response.close()


def _said(error: BaseException) -> str:
    """An error's own words, or its name where it has none (as a time-out has not)."""
    return str(error) or type(error).__name__


def _pools(
    connection: Connection, max_inflight: int, *, plain: bool
) -> tuple[Plain | Pool, Pool | None]:
    """Where requests go, and where watches go."""
    if plain and not connection.by_proxy:
        return Plain(connection), None
    # Here, so that who sends plain requests does not pay for it.
    from mattermost_migrate.kube.pool import Pool  # noqa: PLC0415

    return Pool(connection, size=max_inflight + _APART), Pool(connection, size=0)
