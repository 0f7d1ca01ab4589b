"""Starts, and the recording of a failure, exclude each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from controller.worker import Key
from mattermost_migrate.domain.errors import TransientError
from mattermost_migrate.domain.objects import JsonObject, key_of

__all__ = ["Verdicts"]


class Verdicts(asyncio.Lock):
    """Held while members start, and by whoever records that one failed.

    So that in the order of the cluster's store, too, nobody starts after one failure too many.

    Attributes:
        unsure: whose failure was sent, and perhaps recorded without an answer. With the
            resourceVersion that it was sent for, while it may yet arrive; empty, if not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unsure: dict[Key, str] = {}

    @asynccontextmanager
    async def on(self, migration: JsonObject) -> AsyncIterator[None]:
        """Held while it is recorded that this one failed, as it was seen."""
        key = key_of(migration)
        async with self:
            try:
                yield
            except TransientError as error:
                version = str(migration["metadata"]["resourceVersion"])
                self.unsure[key] = "" if error.answered else version
                raise
            self.unsure.pop(key, None)
