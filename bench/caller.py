"""Calls webhooks as an API server does, strictly, and notes every call that failed.

It believes a replica by the caBundle that stands in the webhook configuration right now and by the
Service's name; keeps its connections, and makes new ones when the bundle changes; and never repeats
a call, because an API server does not.
"""

from __future__ import annotations

import base64
import http.client
import random
import select
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import requests

from certs.injection import VALIDATING
from mattermost_migrate.testing.cluster import ApiError, Client
from mattermost_migrate.testing.cluster.client import Credentials

__all__ = ["Bundle", "Caller", "Tally", "Trust"]

#: One call in so many is made on a new connection.
_FRESH = 10
_SECONDS = 5.0


class Trust(Protocol):
    """Whom to believe."""

    def current(self) -> tuple[str, ssl.SSLContext]:
        """What tells one from another, and the context that believes by it."""


class Bundle:
    """The caBundle in a webhook configuration, followed by a watch."""

    def __init__(self, credentials: Credentials, configuration: str) -> None:
        self._client = Client(credentials)
        self._name = configuration
        self._context: tuple[str, ssl.SSLContext] | None = None
        self._known = threading.Event()
        self._ended = False
        threading.Thread(target=self._follow, daemon=True).start()

    def current(self) -> tuple[str, ssl.SSLContext]:
        """The bundle, and a context that believes it alone."""
        self._known.wait()
        assert self._context is not None  # noqa: S101 - known
        return self._context

    def close(self) -> None:
        """Stop following."""
        self._ended = True
        self._client.close()

    def _follow(self) -> None:
        while not self._ended:
            try:
                for _, obj in self._client.watch(VALIDATING, name=self._name, seconds=30):
                    self._take(obj)
            except (ApiError, requests.RequestException, AttributeError, ValueError):
                time.sleep(0.2)

    def _take(self, obj: dict[str, Any]) -> None:
        text = obj["webhooks"][0]["clientConfig"].get("caBundle") or ""
        if text and (self._context is None or self._context[0] != text):
            pem = base64.b64decode(text).decode()
            self._context = (text, ssl.create_default_context(cadata=pem))
            self._known.set()


@dataclass
class Tally:
    """What became of the calls."""

    made: int = 0
    fresh: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)


class Caller:
    """Some threads that call the replicas at a steady rate. A context manager.

    Args:
        bundle: whom to believe.
        name: the Service's, as it must stand in the certificate.
        replicas: the ports to call now.
        request: path and body.
        rate: calls a second, all threads together.
        threads: how many.
    """

    def __init__(
        self,
        bundle: Trust,
        name: str,
        replicas: Callable[[], Sequence[int]],
        request: tuple[str, bytes],
        *,
        rate: float = 240.0,
        threads: int = 4,
    ) -> None:
        self.tally = Tally()
        self._bundle, self._name, self._replicas = bundle, name, replicas
        self._request = request
        self._pause = threads / rate
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(2 * _SECONDS)

    def _run(self) -> None:
        kept: dict[tuple[str, int], http.client.HTTPSConnection] = {}
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            self._call(kept, due)
            due += self._pause

    def _call(self, kept: dict[tuple[str, int], http.client.HTTPSConnection], due: float) -> None:
        text, context = self._bundle.current()
        port = random.choice(self._replicas())  # noqa: S311 - load
        fresh = random.randrange(_FRESH) == 0  # noqa: S311 - load
        for key in [key for key in kept if key[0] != text]:
            kept.pop(key).close()
        connection = None if fresh else kept.pop((text, port), None)
        if connection is not None and _closed(connection):
            connection.close()
            connection = None
        reason = ""
        try:
            connection = connection or _Connection(self._name, port, context)
            path, body = self._request
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.client.OK:
                reason = f"HTTP {answer.status}"
            elif fresh or answer.will_close:
                connection.close()
            else:
                kept[text, port] = connection
        except (OSError, http.client.HTTPException) as error:
            reason = f"{type(error).__name__}: {error}"[:160]
            if connection is not None:
                connection.close()
        # From when it was due: a call that is slow makes the next ones late, and they count so.
        self._note(time.monotonic() - due, reason, fresh=fresh)

    def _note(self, seconds: float, reason: str, *, fresh: bool) -> None:
        with self._lock:
            self.tally.made += 1
            self.tally.fresh += fresh
            self.tally.latencies.append(seconds)
            if reason:
                self.tally.failed[reason] += 1


class _Connection(http.client.HTTPSConnection):
    """To a port of this machine, under the Service's name."""

    def __init__(self, name: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(name, port, timeout=_SECONDS, context=context)
        self._tls = context

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def _closed(connection: http.client.HTTPSConnection) -> bool:
    """Whether the server has said goodbye on an idle connection; a session ticket is no goodbye."""
    sock = connection.sock
    if sock is None:
        return True
    if not select.select([sock], [], [], 0)[0]:
        return False
    sock.settimeout(0.0)
    try:
        return not sock.recv(1)
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    except OSError:
        return True
    finally:
        sock.settimeout(_SECONDS)
