"""What was sent to the API server while something ran: for tests that count writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mattermost_migrate.domain.names import EVENT
from mattermost_migrate.kube import Client, Request, connect
from mattermost_migrate.testing.cluster import Cluster

__all__ = ["Recorder", "client"]


class Recorder:
    """Keeps every request that a client sends; give its ``note`` as ``on_request``."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def note(self, request: Request) -> None:
        """Keep one."""
        self.requests.append(request)

    @property
    def writes(self) -> list[str]:
        """The writes since the start or the last ``clear``: ``patch services acme``."""
        return [f"{r.verb} {r.resource} {r.name}" for r in self.requests if r.wrote]

    def writes_in(self, namespace: str) -> list[str]:
        """The writes in one namespace, Events not counted."""
        return [
            f"{r.verb} {r.resource} {r.name}"
            for r in self.requests
            if r.wrote and r.namespace == namespace and r.resource != EVENT.plural
        ]

    def clear(self) -> None:
        """Forget what was sent so far."""
        self.requests.clear()


@asynccontextmanager
async def client(cluster: Cluster, **options: Any) -> AsyncIterator[Client]:
    """The project's own client, with the administrator's rights in a test's cluster."""
    connection = await connect({"KUBECONFIG": str(cluster.kubeconfig)})
    async with Client(connection, **options) as opened:
        yield opened
