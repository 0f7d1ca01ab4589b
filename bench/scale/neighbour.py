"""Somebody else who uses the same API server, and how long it lets him wait."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import requests

from mattermost_migrate.domain.names import CONFIG_MAP
from mattermost_migrate.percentile import percentile
from mattermost_migrate.testing.cluster import ApiError, Client

__all__ = ["Neighbour"]

_PAUSE: Final = 0.05
_NAME: Final = "neighbour"


class Neighbour:
    """Reads and writes an object of his own, twenty times a second at most; a thread."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._seconds: list[float] = []
        self._failed = 0
        client.create(CONFIG_MAP, "default", {"metadata": {"name": _NAME}, "data": {}})
        self._thread.start()

    def told(self) -> dict[str, Any]:
        """What he has met since he was last asked."""
        seconds, self._seconds = self._seconds, []
        failed, self._failed = self._failed, 0
        return {
            "requests": len(seconds),
            "failed": failed,
            "p50Milliseconds": _milliseconds(seconds, 0.5),
            "p99Milliseconds": _milliseconds(seconds, 0.99),
        }

    def stop(self) -> None:
        """Let him go."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._over.wait(_PAUSE):
            number += 1
            began = time.monotonic()
            try:
                if number % 2:
                    self._client.get(CONFIG_MAP, "default", _NAME)
                else:
                    body = {"data": {"number": str(number)}}
                    self._client.patch(CONFIG_MAP, "default", _NAME, body)
            except (ApiError, requests.RequestException):
                self._failed += 1
            else:
                self._seconds.append(time.monotonic() - began)


def _milliseconds(seconds: list[float], share: float) -> float | None:
    return round(percentile(seconds, share) * 1000, 1) if seconds else None
