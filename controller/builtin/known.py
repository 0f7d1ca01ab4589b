"""What the builtin reconcilers know of the cluster without asking, and what they ask for.

Deployments, Services, Ingresses, IngressClasses, ReplicaSets and update Jobs are held in memory;
Secrets and what has no informer are read by name. What is absent from memory is asked for too: an
object may have lost the label by which it is watched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from mattermost_migrate.domain.names import Resource
from mattermost_migrate.domain.objects import Existing, JsonObject
from mattermost_migrate.kube import Client, Informer

__all__ = ["Known", "Reference"]

#: A resource and a name in the installation's namespace.
Reference = tuple[Resource, str]


class Known:
    """Memory first, then the API server.

    Args:
        client: to read by.
        informers: by resource.
    """

    def __init__(self, client: Client, informers: Mapping[Resource, Informer]) -> None:
        self._client = client
        self.informers = informers
        #: True while an answer to a write of our own is taken over, which is no news to us.
        self.noting = False

    def seen(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """The object as an informer last saw it."""
        where = namespace if resource.namespaced else None
        return self.informers[resource].get(where, name)

    async def find(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """The object from memory, or else read live."""
        if resource in self.informers and (obj := self.seen(resource, namespace, name)):
            return _named(resource, obj)
        return await self.live(resource, namespace, name)

    async def live(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """The object as the API server has it now."""
        obj = await self._client.find(resource, namespace, name)
        return None if obj is None else _named(resource, obj)

    async def existing(self, namespace: str, references: Iterable[Reference]) -> Existing:
        """What there is of the objects that an installation refers to, read live."""
        found = await asyncio.gather(
            *(self.live(resource, namespace, name) for resource, name in references)
        )
        return Existing.of(obj for obj in found if obj is not None)

    def note(self, resource: Resource, obj: JsonObject) -> None:
        """Take over the answer to a write of our own."""
        if resource not in self.informers:
            return
        self.noting = True
        try:
            self.informers[resource].note(obj)
        finally:
            self.noting = False


def _named(resource: Resource, obj: JsonObject) -> JsonObject:
    """The object with what it is; lists of built-in kinds do not say, and no informer keeps it."""
    return {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
