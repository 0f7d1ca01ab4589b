"""When each member of a fleet was started, by a clock outside."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Final

from mattermost_migrate.domain.names import INSTALLATION_MIGRATION
from mattermost_migrate.testing.cluster import ApiError, Client

__all__ = ["Starts"]

_RETRY: Final = 0.2


class Starts:
    """Watches InstallationMigrations in a thread, until it is stopped or its cluster is gone."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._over = threading.Event()
        self._at: dict[str, float] = {}
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def seen(self) -> int:
        """How many were."""
        return len(self._at)

    def last_after(self, moment: float) -> float:
        """Seconds from a moment until the last start that was seen since; 0 if there was none."""
        return max((at - moment for at in list(self._at.values()) if at > moment), default=0.0)

    def stop(self) -> None:
        """Watch no longer; what is heard meanwhile counts for nothing."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.is_set():
            with suppress(ApiError, OSError):
                for _, obj in self._client.watch(INSTALLATION_MIGRATION):
                    if not obj["spec"].get("paused"):
                        self._at.setdefault(obj["metadata"]["uid"], time.monotonic())
            self._over.wait(_RETRY)  # the API server restarts, or a watch has come to its end
