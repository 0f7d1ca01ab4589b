"""Objects by kind and name: out of what was listed as a whole, else each asked for once.

A thousand installations name the same Secrets again and again, and ask for a dozen objects each
that mostly are not there; one list answers for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from helm_mattermost_migrate.selection import Key
from mattermost_migrate.domain.errors import ForbiddenError, NotFoundError
from mattermost_migrate.domain.objects import key_of

if TYPE_CHECKING:
    from mattermost_migrate.domain.names import Resource
    from mattermost_migrate.domain.objects import JsonObject
    from mattermost_migrate.kube.client import Client

__all__ = ["Library"]


class Library:
    """What is read of a cluster at one time.

    Args:
        client: an open client.
        namespaces: what may be asked for; none is the whole cluster.
    """

    def __init__(self, client: Client, namespaces: Iterable[str]) -> None:
        self._client = client
        self._namespaces: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._listed: dict[Resource, dict[Key, JsonObject]] = {}
        self._asked: dict[tuple[Resource, Key], asyncio.Task[JsonObject | None]] = {}

    async def listed(
        self, resource: Resource, *, label_selector: str | None = None
    ) -> tuple[JsonObject, ...]:
        """All of a kind; a whole list answers for every later ``find``, too.

        Raises:
            ForbiddenError: we may not list it.
        """
        places = self._namespaces if resource.namespaced else (None,)
        try:
            pages = await asyncio.gather(
                *(
                    self._client.list(resource, each, label_selector=label_selector)
                    for each in places
                )
            )
        except NotFoundError:
            pages = []  # the cluster has no such kind
        found = tuple(obj for page in pages for obj in page.items)
        if label_selector is None:
            self._listed[resource] = {key_of(obj): obj for obj in found}
        return found

    async def collect(self, resources: Iterable[Resource]) -> None:
        """List each of these that is not there yet; what we may not list is asked for by name."""

        async def collected(resource: Resource) -> None:
            try:
                await self.listed(resource)
            except ForbiddenError:
                return

        await asyncio.gather(*(collected(each) for each in resources if each not in self._listed))

    async def find(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """The object of that name, or None."""
        key = (namespace if resource.namespaced else "", name)
        if (listed := self._listed.get(resource)) is not None:
            return listed.get(key)
        if (resource, key) not in self._asked:
            asking = self._client.find(resource, namespace, name)
            self._asked[resource, key] = asyncio.ensure_future(asking)
        return await self._asked[resource, key]
