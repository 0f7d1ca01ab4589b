"""Being told of changes while a person looks on: watches, never polling.

The first list is made by a plain request, so that a missing right or kind is said at once; the
informers behind it wait every later failure out, and the screen simply stays as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Final

from mattermost_migrate.domain.names import Resource
from mattermost_migrate.domain.objects import JsonObject

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client
    from mattermost_migrate.kube.informer import Informer

__all__ = ["Feed", "Watched", "feed"]

#: What to watch: namespace, label selector and field selector of each resource.
Watched = tuple[Resource, str | None, str | None, str | None]

#: Changes that come together are shown together.
_GATHER_SECONDS: Final = 0.1


class Feed:
    """Everything that is watched, and word of when it has changed."""

    def __init__(self, informers: Mapping[Resource, tuple[Informer, ...]]) -> None:
        self._informers = informers
        self._changed = asyncio.Event()
        for group in informers.values():
            for informer in group:
                informer.subscribe(lambda _before, _after: self._changed.set())

    def objects(self, resource: Resource) -> tuple[JsonObject, ...]:
        """All that is known of one resource."""
        return tuple(obj for informer in self._informers[resource] for obj in informer.items())

    async def changed(self, *, within: float | None = None) -> bool:
        """Wait for a change; False when none came in time."""
        try:
            async with asyncio.timeout(within):
                await self._changed.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(_GATHER_SECONDS)
        self._changed.clear()
        return True


@asynccontextmanager
async def feed(client: Client, *watched: Watched) -> AsyncIterator[Feed]:
    """Watch some resources for as long as the block runs.

    Args:
        client: an open client.
        watched: what to watch; the same resource may come several times, for several namespaces.

    Raises:
        MigrateError: the first list of one of them failed.
    """
    from mattermost_migrate.kube.informer import Informer  # noqa: PLC0415 - only where watched

    await asyncio.gather(*(_ask(client, *each) for each in watched))
    groups: dict[Resource, list[Informer]] = {}
    for resource, namespace, labels, fields in watched:
        informer = Informer(
            client, resource, namespace=namespace, label_selector=labels, field_selector=fields
        )
        groups.setdefault(resource, []).append(informer)
    told = Feed({resource: tuple(group) for resource, group in groups.items()})
    every = [informer for group in groups.values() for informer in group]
    tasks = [asyncio.create_task(informer.run()) for informer in every]
    try:
        await asyncio.gather(*(informer.synced.wait() for informer in every))
        yield told
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


async def _ask(
    client: Client,
    resource: Resource,
    namespace: str | None,
    labels: str | None,
    fields: str | None,
) -> None:
    """Ask for one object alone: the rest of the list is the informer's to read."""
    pages = client.pages(resource, namespace, label_selector=labels, field_selector=fields, page=1)
    async with aclosing(pages):
        await anext(pages)
