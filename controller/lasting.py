"""For how long something has been so: what passes by itself is told of once it does not."""

from __future__ import annotations

import time

from controller.worker import Key

__all__ = ["Lasting"]


class Lasting:
    """For how long something has been so without a break, by key."""

    def __init__(self) -> None:
        self._since: dict[Key, float] = {}

    def seconds(self, key: Key) -> float:
        """It is so now: since the first time that it was told."""
        now = time.monotonic()
        return now - self._since.setdefault(key, now)

    def over(self, key: Key) -> None:
        """It is so no more."""
        self._since.pop(key, None)
