"""Which InstallationMigrations there are: from memory, and live where memory does not settle it.

An informer in a thread of its own keeps them. Before it has listed them once, after it has ended,
or where an installation looks frozen and memory knows of no lock, the API server is asked; when it
does not answer in time, the honest answer is ``Unknown``.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Collection, Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, Final, Protocol, Self, TypeAlias, TypeVar

from mattermost_migrate.domain.editlock import Knowledge, Unknown
from mattermost_migrate.domain.errors import MigrateError
from mattermost_migrate.domain.names import INSTALLATION_MIGRATION, SECRET
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.kube import Client, Informer, Patience, connect

__all__ = ["ClusterMigrations", "Held", "InMemory", "Migrations", "MustWaitError"]

#: Admission has 5 s in all; asking must leave time to answer.
_LIVE_SECONDS: Final = 2.0
_log = logging.getLogger(__name__)
_T = TypeVar("_T")
#: A Secret as it was just read; None when there is none.
Held: TypeAlias = JsonObject | None


class Migrations(Protocol):
    """Knows the InstallationMigrations of a cluster."""

    @property
    def synced(self) -> bool:
        """Whether memory holds all of them, and follows them."""

    def known(self, namespace: str, name: str) -> Knowledge:
        """The one of that name as memory has it; asked live while memory is not to be relied on."""

    def live(self, namespace: str, name: str) -> Knowledge:
        """The one of that name, read from the API server now."""


class MustWaitError(Exception):
    """Memory does not settle it: the API server is to be asked, where there is time to wait."""


class InMemory:
    """What memory alone knows of them, for who must not wait.

    Args:
        migrations: whose memory.
    """

    def __init__(self, migrations: Migrations) -> None:
        self._migrations = migrations

    @property
    def synced(self) -> bool:
        """Whether memory holds all of them, and follows them."""
        return self._migrations.synced

    def known(self, namespace: str, name: str) -> Knowledge:
        """The one of that name as memory has it.

        Raises:
            MustWaitError: memory is not to be relied on.
        """
        if not self.synced:
            raise MustWaitError
        return self._migrations.known(namespace, name)

    def live(self, namespace: str, name: str) -> Knowledge:
        """Always too long.

        Raises:
            MustWaitError: the API server would have to be asked.
        """
        raise MustWaitError(f"{namespace}/{name}")


class ClusterMigrations:
    """The InstallationMigrations of a real cluster, kept by an informer in a background thread."""

    def __init__(self, client: Client, background: _Background) -> None:
        """Use ``start``."""
        self._client = client
        self._background = background
        self._informer = Informer(client, INSTALLATION_MIGRATION, trim=_lean)
        self._watching = background.submit(self._informer.run())
        self._watching.add_done_callback(_complain)

    @classmethod
    def start(cls) -> Self:
        """Find the cluster and begin to watch it.

        Raises:
            ConfigurationError: nothing says where the cluster is.
        """
        background = _Background()
        try:
            return cls(background.submit(_client()).result(), background)
        except BaseException:
            background.end()
            raise

    @property
    def synced(self) -> bool:
        """Whether memory holds all of them, and follows them: an error of ours may end that."""
        return self._informer.synced.is_set() and not self._watching.done()

    def known(self, namespace: str, name: str) -> Knowledge:
        """The one of that name as memory has it; asked live while memory is not to be relied on."""
        if not self.synced:
            return self.live(namespace, name)
        return self._informer.get(namespace, name)

    def live(self, namespace: str, name: str) -> Knowledge:
        """The one of that name, read from the API server now."""
        asking = self._background.submit(self._client.find(INSTALLATION_MIGRATION, namespace, name))
        try:
            return asking.result(timeout=_LIVE_SECONDS)
        except TimeoutError:
            asking.cancel()
            return Unknown("the API server did not answer in time")
        except MigrateError as error:
            return Unknown(str(error))

    def secrets(self, namespace: str, names: Collection[str]) -> Future[Mapping[str, Held]]:
        """Begin to read Secrets over the same connections; cancel it when it takes too long.

        The result fails as ``Client.get`` does, without one that was not to be read.
        """
        return self._background.submit(self._secrets(namespace, names))

    async def _secrets(self, namespace: str, names: Collection[str]) -> Mapping[str, Held]:
        reading = (self._client.find(SECRET, namespace, name) for name in names)
        return dict(zip(names, await asyncio.gather(*reading), strict=True))

    def stop(self) -> None:
        """Stop watching and close the connections."""
        self._background.end(self._client.__aexit__(None, None, None))


class _Background:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="informer", daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Run it there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def end(self, last: Coroutine[Any, Any, None] | None = None) -> None:
        """Cancel what runs, run ``last``, and end the thread."""
        self.submit(_cancel_others(last))
        self._thread.join(timeout=_LIVE_SECONDS)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()


async def _cancel_others(last: Coroutine[Any, Any, None] | None) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    if last is not None:
        await last
    asyncio.get_running_loop().stop()


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
