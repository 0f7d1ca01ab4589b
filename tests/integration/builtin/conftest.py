"""The builtin operator on a real control plane, in the process of the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from controller.app import make_informers
from controller.builtin import BuiltinOperator
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    MATTERMOST,
    SECRET,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, name_of
from mattermost_migrate.kube import Client, Informer, connect
from mattermost_migrate.testing.builders import database_secret, file_secret
from mattermost_migrate.testing.cluster import Cluster
from mattermost_migrate.testing.sent_requests import Recorder, client

#: Long enough for a busy machine; a test that passes never waits for it.
PATIENCE = 60


@dataclass
class World:
    """One namespace with the operator at work."""

    api: Client
    namespace: str
    informers: Mapping[Resource, Informer]
    sent: Recorder = field(default_factory=Recorder)
    watching: dict[Resource, asyncio.Task[None]] = field(default_factory=dict)

    def blind(self, resource: Resource) -> None:
        """Let the operator's memory of a kind grow old."""
        self.watching[resource].cancel()

    async def create(self, resource: Resource, obj: JsonObject) -> JsonObject:
        metadata = {**obj["metadata"], "namespace": self.namespace}
        return await self.api.create(resource, {**obj, "metadata": metadata})

    async def get(self, resource: Resource, name: str) -> JsonObject:
        return await self.api.get(resource, self.namespace, name)

    async def patch(
        self, resource: Resource, name: str, body: Mapping[str, Any], **options: Any
    ) -> JsonObject:
        return await self.api.patch(resource, self.namespace, name, body, **options)

    async def until(
        self, resource: Resource, name: str, holds: Callable[[JsonObject], bool]
    ) -> JsonObject:
        """Wait until something is true of an object; watched live, whether informed of or not."""
        async with asyncio.timeout(PATIENCE):
            while True:
                listing = await self.api.list(
                    resource, self.namespace, field_selector=f"metadata.name={name}"
                )
                for obj in listing.items:
                    if holds(obj):
                        return obj
                events = self.api.watch(
                    resource,
                    self.namespace,
                    resource_version=listing.resource_version,
                    field_selector=f"metadata.name={name}",
                    seconds=5,
                )
                async with aclosing(events):
                    async for event in events:
                        if event.object["metadata"].get("name") and holds(event.object):
                            return event.object

    async def until_gone(self, resource: Resource, name: str) -> None:
        """Wait until there is no such object."""
        async with asyncio.timeout(PATIENCE):
            while True:
                if await self.api.find(resource, self.namespace, name) is None:
                    return
                await asyncio.sleep(0.1)

    async def until_sent(self, write: str) -> None:
        """Wait until the operator's write is answered and counted."""
        async with asyncio.timeout(PATIENCE):
            while True:
                if write in self.sent.writes_in(self.namespace):
                    return
                await asyncio.sleep(0.02)

    async def until_looked(self, request: str = "", times: int = 1) -> None:
        """Wait until the operator has sent such a request (``get services``), or any, so often."""
        async with asyncio.timeout(PATIENCE):
            while True:
                seen = [f"{each.verb} {each.resource}" for each in self.sent.requests]
                if sum(request in each for each in seen) >= times:
                    return
                await asyncio.sleep(0.02)

    async def stable(self, installation: JsonObject) -> JsonObject:
        kinds = {each.kind: each for each in (CLUSTER_INSTALLATION, MATTERMOST)}
        return await self.until(kinds[installation["kind"]], name_of(installation), is_stable)

    async def quiet(self, seconds: float = 1.5) -> None:
        """Wait until the operator has sent nothing to this namespace for a while."""
        async with asyncio.timeout(PATIENCE):
            while True:
                before = self._asked()
                await asyncio.sleep(seconds)
                if self._asked() == before:
                    return

    def _asked(self) -> int:
        return sum(each.namespace == self.namespace for each in self.sent.requests)


def is_stable(installation: JsonObject) -> bool:
    """Stable, and at this generation where the kind says at which."""
    status = installation.get("status") or {}
    observed = status.get("observedGeneration", installation["metadata"]["generation"])
    return bool(
        status.get("state") == "stable" and observed == installation["metadata"]["generation"]
    )


Open: TypeAlias = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def world(cluster: Cluster, namespace: str, kubeconfigs: dict[str, Path]) -> Iterator[Open]:
    """Open it in the test's own event loop, with the operator's options: ``async with world()``.

    The operator has the rights that the chart gives it, and no others.
    """
    for secret in (database_secret(namespace=namespace), file_secret(namespace=namespace)):
        cluster.admin.create(SECRET, namespace, secret)

    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[World]:
        sent = Recorder()
        connection = await connect({"KUBECONFIG": str(kubeconfigs["builtin-operator"])})
        async with (
            Client(connection, on_request=sent.note) as theirs,
            client(cluster) as ours,
        ):
            informers = make_informers(theirs)
            watching = {
                resource: asyncio.create_task(informer.run())
                for resource, informer in informers.items()
            }
            operator = asyncio.create_task(BuiltinOperator(theirs, informers, **options).run())
            try:
                yield World(ours, namespace, informers, sent, watching)
            finally:
                failed = operator.done() and operator.exception()
                for task in (operator, *watching.values()):
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
                assert not failed

    yield opened
    for kind in (CLUSTER_INSTALLATION, MATTERMOST):
        for installation in cluster.admin.list(kind, namespace):
            cluster.admin.delete(kind, namespace, name_of(installation))
