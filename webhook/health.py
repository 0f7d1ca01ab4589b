"""Whether this process is alive, and whether the API server may call it.

Ready means: a client that verifies as the API server does gets through a handshake with us, the
certificate has not ended, and the InstallationMigrations are known (webhook facts 4.5).
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

__all__ = ["Handshake", "Probe", "health"]

Probe = Callable[[], str | None]
#: Probes come every few seconds from everywhere; a handshake with ourselves need not.
_TRUSTED_SECONDS: Final = 10.0
_SERVICE_UNAVAILABLE: Final = 503


def health(probes: dict[str, Probe]) -> Blueprint:
    """``/healthz``, ``/readyz`` and ``/metrics``.

    Args:
        probes: by name, what must hold to be ready: each says what is wrong, or None.
    """
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return jsonify(status="ok")

    @blueprint.get("/readyz")
    def readyz() -> ResponseReturnValue:
        problems = {name: problem for name, probe in probes.items() if (problem := probe())}
        if problems:
            return jsonify(status="not ready", problems=problems), _SERVICE_UNAVAILABLE
        return jsonify(status="ok")

    @blueprint.get("/metrics")
    def metrics() -> ResponseReturnValue:
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    return blueprint


@dataclass(frozen=True, slots=True)
class Target:
    """Where a handshake with ourselves goes, and under which name.

    Attributes:
        host, port: our own socket.
        name: what the API server would call us; it must stand in the certificate.
        authority: file with the CA to verify by.
    """

    host: str
    port: int
    name: str
    authority: Path


class Handshake:
    """Shakes hands with our own socket as the API server would; the answer is good for a while."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._tried = float("-inf")
        self._problem: str | None = None

    def __call__(self) -> str | None:
        """What is wrong, or None."""
        with self._lock:
            if time.monotonic() - self._tried > _TRUSTED_SECONDS or self._problem:
                self._problem = self._try()
                self._tried = time.monotonic()
            return self._problem

    def _try(self) -> str | None:
        target = self._target
        try:
            context = ssl.create_default_context(cafile=str(target.authority))
            # Go, and so the API server, accepts a CA without key usage and a leaf without key
            # identifiers; Python from 3.13 on refuses them unless told otherwise.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            with (
                socket.create_connection((target.host, target.port), timeout=2.0) as plain,
                context.wrap_socket(plain, server_hostname=target.name),
            ):
                return None
        except (OSError, ValueError) as error:
            return f"handshake with ourselves failed: {error}"
