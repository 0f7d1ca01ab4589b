"""Which InstallationMigrations there are: from memory, and live where memory does not settle it.

An informer in a thread of its own keeps them. Before it has listed them once, or where an
installation looks frozen and memory knows of no lock, the API server is asked; when it does not
answer in time, the honest answer is ``Unknown``.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, Protocol, Self, TypeVar

from mattermost_migrate.domain.editlock import Knowledge, Unknown
from mattermost_migrate.domain.errors import MigrateError
from mattermost_migrate.domain.names import INSTALLATION_MIGRATION
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.kube import Client, Informer, Patience, connect

__all__ = ["ClusterMigrations", "Migrations"]

#: Admission has 5 s in all; asking must leave time to answer.
_LIVE_SECONDS: Final = 2.0
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Migrations(Protocol):
    """Knows the InstallationMigrations of a cluster."""

    @property
    def synced(self) -> bool:
        """Whether memory holds all of them."""

    def known(self, namespace: str, name: str) -> Knowledge:
        """The one of that name as memory has it; asked live before memory is complete."""

    def live(self, namespace: str, name: str) -> Knowledge:
        """The one of that name, read from the API server now."""


class ClusterMigrations:
    """The InstallationMigrations of a real cluster, kept by an informer in a background thread."""

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop) -> None:
        """Use ``start``."""
        self._client = client
        self._loop = loop
        self._informer = Informer(client, INSTALLATION_MIGRATION, trim=_lean)
        self._running = asyncio.run_coroutine_threadsafe(self._informer.run(), loop)
        self._running.add_done_callback(_complain)

    @classmethod
    def start(cls) -> Self:
        """Find the cluster and begin to watch it.

        Raises:
            ConfigurationError: nothing says where the cluster is.
        """
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name="informer", daemon=True).start()
        client = asyncio.run_coroutine_threadsafe(_client(), loop).result()
        return cls(client, loop)

    @property
    def synced(self) -> bool:
        """Whether memory holds all of them."""
        return self._informer.synced.is_set()

    def known(self, namespace: str, name: str) -> Knowledge:
        """The one of that name as memory has it; asked live before memory is complete."""
        if not self.synced:
            return self.live(namespace, name)
        return self._informer.get(namespace, name)

    def live(self, namespace: str, name: str) -> Knowledge:
        """The one of that name, read from the API server now."""
        asking = self._client.find(INSTALLATION_MIGRATION, namespace, name)
        try:
            return self._submit(asking).result(timeout=_LIVE_SECONDS)
        except TimeoutError:
            return Unknown("the API server did not answer in time")
        except MigrateError as error:
            return Unknown(str(error))

    def stop(self) -> None:
        """Stop watching and close the connections, as far as they let themselves be closed."""
        self._running.cancel()
        with suppress(TimeoutError):
            self._submit(self._client.__aexit__(None, None, None)).result(timeout=_LIVE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _submit(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


async def _client() -> Client:
    patience = Patience(total=_LIVE_SECONDS, answer=_LIVE_SECONDS)
    return Client(await connect(), max_inflight=16, patience=patience)


def _lean(migration: JsonObject) -> JsonObject:
    """What the edit lock asks of one, which is little: thousands of them stay in memory."""
    metadata, status = migration["metadata"], migration.get("status") or {}
    kept = ("name", "namespace", "labels", "generation", "resourceVersion", "creationTimestamp")
    shown = ("startTime", "currentStep", "observedGeneration", "conditions")
    return {
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {"desiredKind": (migration.get("spec") or {}).get("desiredKind")},
        "status": {key: status[key] for key in shown if key in status},
    }


def _complain(running: Future[None]) -> None:
    if not running.cancelled() and (error := running.exception()) is not None:
        _log.error("Stopped watching InstallationMigrations", exc_info=error)
