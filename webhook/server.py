"""Gunicorn, configured in Python: one worker process, HTTPS only.

Nothing is left at a default that hurts (webhook facts 4.6).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flask import Flask
from gunicorn.app.base import BaseApplication

from webhook.logs import GunicornLogger
from webhook.tls import CERTIFICATE, KEY, Contexts
from webhook.worker import BoundedSocket, Worker

__all__ = ["Server", "Serving"]

#: The API server keeps idle connections for 90 s; it must be the one who closes them.
_KEEP_ALIVE_SECONDS: Final = 120
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the heartbeat file; on a disk it may stall


@dataclass(frozen=True, slots=True)
class Serving:
    """How to serve.

    Attributes:
        bind: ``host:port``.
        certificates: folder with ``tls.crt`` and ``tls.key``.
        threads: requests handled at the same time.
        drain_seconds: for requests under way when SIGTERM comes.
        log_level: in words.
        worker: the worker class, which says how large a body may be.
        name: of the process.
    """

    bind: str
    certificates: Path
    threads: int
    drain_seconds: int
    log_level: str
    worker: type[Worker]
    name: str


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no annotations
    """The application under gunicorn.

    Args:
        serving: how to serve.
        contexts: gives the TLS context of each new connection.
        make: makes the application, in the worker process.
    """

    def __init__(self, serving: Serving, contexts: Contexts, make: Callable[[], Flask]) -> None:
        self._serving = serving
        self._contexts = contexts
        self._make = make
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn all of it."""
        for key, value in _settings(self._serving, self._contexts).items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        """Make the application; called in the worker, after the fork."""
        return self._make()


def bounded_context(client_authority: Path | None) -> ssl.SSLContext:
    """A server context whose sockets never block for ever.

    Args:
        client_authority: the CA of clients. Their certificates are verified where they show one;
            whether one is needed is the application's to say, for probes have none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = BoundedSocket
    if client_authority is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(client_authority)
    return context


def close_after_unread_body(worker: Any, request: Any) -> None:
    """A request whose body the application refuses to read is the last on its connection.

    Else a thread would wait for the rest of it. Gunicorn does not let the application say so.
    """
    headers = dict(request.headers)
    announced = headers.get("CONTENT-LENGTH", "0")
    too_long = not announced.isdigit() or int(announced) > worker.body_limit
    if too_long or "TRANSFER-ENCODING" in headers:
        request.force_close()


def _settings(serving: Serving, contexts: Contexts) -> dict[str, Any]:
    return {
        "bind": [serving.bind],
        "workers": 1,
        "worker_class": serving.worker,
        "threads": serving.threads,
        "worker_connections": 1000,
        "keepalive": _KEEP_ALIVE_SECONDS,
        "graceful_timeout": serving.drain_seconds,
        "certfile": str(serving.certificates / CERTIFICATE),
        "keyfile": str(serving.certificates / KEY),
        "ssl_context": lambda _config, _default: contexts.current(),
        "pre_request": close_after_unread_body,
        "control_socket_disable": True,
        "worker_tmp_dir": str(_MEMORY) if _MEMORY.is_dir() else None,
        "logger_class": GunicornLogger,
        "loglevel": serving.log_level,
        "proc_name": serving.name,
        "forwarded_allow_ips": "",
    }
