"""When each member of a fleet was started, by a clock outside."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Final

import requests

from mattermost_migrate.domain.names import INSTALLATION_MIGRATION
from mattermost_migrate.testing.cluster import ApiError, Client

__all__ = ["Starts"]

_RETRY: Final = 0.2


class Starts:
    """Watches InstallationMigrations; a thread, for as long as the program runs."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._at: dict[str, float] = {}
        threading.Thread(target=self._run, daemon=True).start()

    def last_after(self, moment: float) -> float:
        """Seconds from a moment until the last start that was seen since; 0 if there was none."""
        return max((at - moment for at in list(self._at.values()) if at > moment), default=0.0)

    def _run(self) -> None:
        while True:
            with suppress(ApiError, requests.RequestException):
                for _, obj in self._client.watch(INSTALLATION_MIGRATION):
                    if not obj["spec"].get("paused"):
                        self._at.setdefault(obj["metadata"]["uid"], time.monotonic())
            time.sleep(_RETRY)  # the API server restarts, or a watch has come to its end
