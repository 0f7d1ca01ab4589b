"""Liveness and readiness of the app container (operator facts 0.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["liveness", "readiness"]

_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc")
_NUMBERS: Final = (
    "initialDelaySeconds",
    "periodSeconds",
    "timeoutSeconds",
    "failureThreshold",
    "successThreshold",
)


def liveness(own: Mapping[str, Any]) -> dict[str, Any]:
    """The liveness probe with the user's overrides."""
    return _overridden(own, period=10, failures=3)


def readiness(own: Mapping[str, Any]) -> dict[str, Any]:
    """The readiness probe with the user's overrides."""
    return _overridden(own, period=5, failures=6)


def _overridden(own: Mapping[str, Any], *, period: int, failures: int) -> dict[str, Any]:
    """A handler replaces the handler, a number other than zero its number; nothing else counts."""
    handler = {key: own[key] for key in _HANDLERS if key in own}
    return {
        **(handler or {"httpGet": {"path": "/api/v4/system/ping", "port": 8065}}),
        "initialDelaySeconds": 10,
        "periodSeconds": period,
        "failureThreshold": failures,
        **{key: own[key] for key in _NUMBERS if own.get(key)},
    }
