"""The watcher: a thread a kind that sees every change from a first look on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, Self

from deploy.demo.record import WATCHED, Change, Look
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    MATTERMOST,
    SERVICE,
    Resource,
)
from mattermost_migrate.testing.cluster import Client

__all__ = ["Watcher", "look"]

_ALSO_LOOKED_AT: Final = (CLUSTER_INSTALLATION, MATTERMOST, SERVICE)
#: How long one watch lasts; the next goes on where it ended.
_TURN_SECONDS: Final = 1


def look(client: Client) -> Look:
    """What there is now."""
    return Look({resource: client.list(resource) for resource in (*WATCHED, *_ALSO_LOOKED_AT)})


class Watcher:
    """Watches from when it is entered until it is left; what it saw is in `changes`.

    Args:
        client: to watch by.
        listeners: called with each change of a kind, in the watching thread.

    Attributes:
        changes: every event of every watched kind, each kind in its own order.
    """

    def __init__(
        self, client: Client, listeners: Mapping[Resource, Callable[[Change], None]]
    ) -> None:
        self._client = client
        self._listeners = listeners
        self._over = threading.Event()
        self._failures: list[Exception] = []
        self._threads: list[threading.Thread] = []
        self.changes: list[Change] = []

    def __enter__(self) -> Self:
        for resource in WATCHED:
            listed = self._client.request("GET", resource.path())
            since = str(listed["metadata"]["resourceVersion"])
            thread = threading.Thread(
                target=self._watch, args=(resource, since), name=f"watch-{resource}", daemon=True
            )
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        if kind is not None:
            return  # whatever it is, it does not wait for us
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise RuntimeError("a watch broke, so nothing is proven") from self._failures[0]

    def _watch(self, resource: Resource, since: str) -> None:
        try:
            while not self._over.is_set():
                since = self._turn(resource, since)
            self._turn(resource, since)  # what was on its way when all was over
        except Exception as problem:  # noqa: BLE001 - told by the thread that waits for this one
            if not self._over.is_set():
                self._failures.append(problem)

    def _turn(self, resource: Resource, since: str) -> str:
        for kind, obj in self._client.watch(resource, since=since, seconds=_TURN_SECONDS):
            change = Change(time.monotonic(), resource, kind, obj)
            self.changes.append(change)
            since = obj["metadata"]["resourceVersion"]
            if listener := self._listeners.get(resource):
                listener(change)
        return since
