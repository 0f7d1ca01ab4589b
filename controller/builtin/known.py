"""What the builtin reconcilers know of the cluster without asking, and what they ask for.

Deployments, Services, Ingresses, IngressClasses, ReplicaSets and update Jobs are held in memory;
Secrets and what has no informer are read by name. What is absent from memory is asked for too: an
object may have lost the label by which it is watched. What the engine of this process has just read
is taken from its hand; an update that rests on it carries its version, so one that is old by then
is refused, and read.

The Deployment of a job server has another ``app`` label than all others where its Mattermost has
``resourceLabels`` (operator facts 0.3): it has an informer of its own.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeAlias

from controller.heard import HANDED, Heard
from mattermost_migrate.domain.children.labels import JOB_SERVER
from mattermost_migrate.domain.names import APP_LABEL, DEPLOYMENT, Resource
from mattermost_migrate.domain.objects import (
    Existing,
    JsonObject,
    labels_of,
    name_of,
    namespace_of,
    typed,
    uid_of,
)
from mattermost_migrate.domain.references import Reference
from mattermost_migrate.kube import Client, Informer

__all__ = ["Known"]

#: Told of a change of an object of that kind: before, after.
Missed: TypeAlias = Callable[[Resource, JsonObject | None, JsonObject | None], None]
_Changes: TypeAlias = list[tuple[JsonObject | None, JsonObject | None]]


class Known:
    """Memory first, then the API server.

    Args:
        client: to read by.
        informers: by resource.
        job_servers: of the Deployments that are labelled as job servers.
        heard: where the engine in this process, if there is one, hands over and is handed.
    """

    def __init__(
        self,
        client: Client,
        informers: Mapping[Resource, Informer],
        *,
        job_servers: Informer,
        heard: Heard | None = None,
    ) -> None:
        self._client = client
        self._job_servers = job_servers
        self._heard = heard
        self.informers = informers
        #: Told of what was held back and was no echo; whoever acts on events sets it.
        self.missed: Missed = _nobody
        self._noting = False
        #: Of each object that is being written: what each of its writers is to look through.
        self._held_back: defaultdict[tuple[str, str, str], list[_Changes]] = defaultdict(list)

    def seen(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """The object as an informer last saw it."""
        where = namespace if resource.namespaced else None
        found = self.informers[resource].get(where, name)
        if found is None and resource == DEPLOYMENT:
            return self._job_servers.get(where, name)
        return found

    def place_of(self, resource: Resource, owner: JsonObject, child: JsonObject) -> str | None:
        """The namespace of a child's owner; None: nobody knows of such an owner.

        A child without a namespace does not say. All are looked through for it, which is seldom.
        """
        if namespace := namespace_of(child):
            return namespace
        found = self.informers[resource].items()
        return next((namespace_of(obj) for obj in found if uid_of(obj) == owner["uid"]), None)

    async def find(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """The object from memory, or else read live."""
        if resource in self.informers and (obj := self.seen(resource, namespace, name)):
            return typed(resource, obj)
        if self._heard and (handed := self._heard.read.take(resource, (namespace, name))):
            return typed(resource, handed)
        return await self.live(resource, namespace, name)

    async def live(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """The object as the API server has it now."""
        obj = await self._client.find(resource, namespace, name)
        return None if obj is None else typed(resource, obj)

    async def existing(self, namespace: str, references: Iterable[Reference]) -> Existing:
        """What there is of the objects that an installation refers to, read live."""
        found = await asyncio.gather(
            *(self.live(resource, namespace, name) for resource, name in references)
        )
        return Existing.of(obj for obj in found if obj is not None)

    async def write(
        self, resource: Resource, about: JsonObject, request: Awaitable[JsonObject]
    ) -> JsonObject:
        """Send a write of our own, take its answer over, and keep its echo from being news.

        The watch often tells of a write before its answer is there. What it tells of the object
        meanwhile is held back, and told afterwards unless it was the answer. Two may write one
        object at a time, such as the update Job of their namespace.

        Args:
            resource: which kind.
            about: the object, by namespace and name.
            request: the write.
        """
        key = (resource.kind, namespace_of(about), name_of(about))
        held: _Changes = []
        self._held_back[key].append(held)
        answered = ""
        try:
            answer = await request
            answered = _version(answer)
            self._note(resource, answer)
            if self._heard and resource in HANDED:
                self._heard.written.put(resource, answer)
        finally:
            others = [each for each in self._held_back.pop(key) if each is not held]
            if others:
                self._held_back[key] = others
            for before, after in held:
                if after is None or _version(after) != answered:
                    self.missed(resource, before, after)
        return answer

    def is_echo(self, kind: str, before: JsonObject | None, after: JsonObject | None) -> bool:
        """Whether an event is, or may be, the echo of a write of ours: not to be acted on now."""
        if self._noting:
            return True
        about = after or before or {}
        writers = self._held_back.get((kind, namespace_of(about), name_of(about)), ())
        for held in writers:
            held.append((before, after))
        return bool(writers)

    def _note(self, resource: Resource, obj: JsonObject) -> None:
        memory = self.informers.get(resource)
        if resource == DEPLOYMENT and labels_of(obj).get(APP_LABEL) == JOB_SERVER:
            # The other informer would never hear of it again.
            memory = self._job_servers
        if memory is None:
            return
        self._noting = True
        try:
            memory.note(obj)
        finally:
            self._noting = False


def _nobody(_: Resource, __: JsonObject | None, ___: JsonObject | None) -> None:
    """Nobody acts on events yet."""


def _version(obj: JsonObject) -> str:
    return str(obj["metadata"].get("resourceVersion") or "")
