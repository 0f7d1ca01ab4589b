"""The floor: a bare script that sends just the writes of a migration and decides nothing.

It knows beforehand what is there, checks nothing, reads nothing, and waits for one thing only: that
Kubernetes' own controllers have let go of the Deployment and have seen the labels, or they would
make pods of their own and be measured with it. What it sends is what was sent for an installation
of the same name that has been moved before: by the same verbs, of the same size, Events as well.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mattermost_migrate.domain.backup import backup_name
from mattermost_migrate.domain.holding import hold, let_go
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    EVENT,
    INGRESS,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
    POD,
    REPLICA_SET,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    V1ALPHA1,
    V1BETA1,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of, namespace_of, uid_of
from mattermost_migrate.domain.writes import PatchType
from mattermost_migrate.kube import (
    Client,
    EventRecorder,
    Informer,
    Propagation,
    Request,
    connect,
)

__all__ = ["floor"]

_CHILDREN: Final = (SERVICE_ACCOUNT, ROLE, SERVICE, INGRESS)
_SEEN: Final = (DEPLOYMENT, REPLICA_SET)
#: What a migration creates or writes as a whole.
_WRITTEN: Final = (
    INSTALLATION_MIGRATION,
    SECRET,
    MATTERMOST,
    DEPLOYMENT,
    ROLE_BINDING,
    *_CHILDREN,
)
#: What has to be known of an installation to be moved.
_THERE: Final = (DEPLOYMENT, REPLICA_SET, POD, SERVICE)


def floor(kubeconfig: Path, namespaces: Mapping[str, str], at_once: int) -> dict[str, Any]:
    """Move every installation of some namespaces, with nobody else at work on them.

    Args:
        kubeconfig: whose rights are used.
        namespaces: where they are, and where those of the same names are that were moved before.
        at_once: how many at the same time.

    Returns:
        How long it took, and what was sent for each, on average.
    """
    return asyncio.run(_floor(kubeconfig, namespaces, at_once))


async def _floor(kubeconfig: Path, namespaces: Mapping[str, str], at_once: int) -> dict[str, Any]:
    sent: Counter[str] = Counter()
    told = 0

    def note(request: Request) -> None:
        nonlocal told
        if request.resource == EVENT.plural:
            told += 1
        elif request.wrote:
            sent[f"{request.verb} {request.resource}"] += 1

    connection = await connect({"KUBECONFIG": str(kubeconfig)})
    async with Client(connection, on_request=note) as client:
        there = await _listed(client)
        events = EventRecorder(client, controller="floor.example.com/script", instance="floor")
        bare = [
            _Bare(client, events, there, source, namespaces[namespace_of(source)])
            for source in there[CLUSTER_INSTALLATION, ""]
            if namespace_of(source) in namespaces
        ]
        informers = {
            each: Informer(client, each, label_selector="app=mattermost") for each in _SEEN
        }
        tasks = [asyncio.create_task(each.run()) for each in informers.values()]
        tasks.append(asyncio.create_task(events.run()))
        await asyncio.gather(*(each.synced.wait() for each in informers.values()))
        began, places = time.monotonic(), asyncio.Semaphore(at_once)
        await asyncio.gather(*(each.move(informers, places) for each in bare))
        await events.flush()
        took = time.monotonic() - began
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    each_sent = {what: round(number / len(bare), 2) for what, number in sent.most_common()}
    return {
        "installations": len(bare),
        "seconds": round(took, 1),
        "writesEach": round(sent.total() / len(bare), 2),
        "eventsEach": round(told / len(bare), 2),
        "writes": each_sent,
    }


async def _listed(client: Client) -> dict[tuple[Resource, str], list[JsonObject]]:
    """Everything of every installation, by kind and ``namespace/name`` of the installation.

    Under an empty name: all of the kind.
    """
    found: dict[tuple[Resource, str], list[JsonObject]] = defaultdict(list)
    for resource in (CLUSTER_INSTALLATION, *_WRITTEN, REPLICA_SET, POD):
        for obj in (await client.list(resource)).items:
            labels = labels_of(obj)
            name = labels.get(V1BETA1.installation) or labels.get(V1ALPHA1.installation)
            if resource is SECRET:
                name = name_of(obj).removesuffix(backup_name(""))
            found[resource, f"{namespace_of(obj)}/{name or name_of(obj)}"].append(obj)
            found[resource, ""].append(obj)
    return found


class _Bare:
    """One installation.

    Args:
        client: to write by.
        events: to tell of it by.
        there: what ``_listed`` gave.
        source: the ClusterInstallation.
        others: the namespace of the one of the same name that was moved before.
    """

    def __init__(
        self,
        client: Client,
        events: EventRecorder,
        there: Mapping[tuple[Resource, str], list[JsonObject]],
        source: JsonObject,
        others: str,
    ) -> None:
        self.client, self.events, self.source = client, events, source
        self.namespace, self.name = namespace_of(source), name_of(source)
        self.there = {each: there[each, f"{self.namespace}/{self.name}"] for each in _THERE}
        self.moved = {each: there[each, f"{others}/{self.name}"][0] for each in _WRITTEN}

    async def move(self, informers: dict[Resource, Informer], places: asyncio.Semaphore) -> None:
        """All writes, in the order of the ladder."""
        client, where = self.client, (self.namespace, self.name)
        told = self._like(INSTALLATION_MIGRATION)
        migration = await client.create(INSTALLATION_MIGRATION, told)
        async with places:
            await self._label_migration({"floor.example.com/started": "true"})
            await self._label_migration({LOCK_LABEL: "frozen"})
            self._say(migration, "Started")
            (deployment,) = self.there[DEPLOYMENT]
            await client.create(SECRET, self._like(SECRET))
            frozen = {"spec": {"migrate": True, "canary": {"enable": True}}}
            await client.patch(CLUSTER_INSTALLATION, *where, frozen)
            await client.delete(DEPLOYMENT, *where, propagation=Propagation.ORPHAN)
            await self._label(informers, uid_of(deployment))
            made = await self._create_held(DEPLOYMENT, self._other(deployment))
            await self._hand_over(made)
            await client.delete(CLUSTER_INSTALLATION, *where, propagation=Propagation.ORPHAN)
            await self._label_migration({LOCK_LABEL: None})
            over = {"status": self.moved[INSTALLATION_MIGRATION]["status"]}
            await client.patch(INSTALLATION_MIGRATION, *where, over, subresource="status")
            self._say(migration, "Succeeded")

    def _say(self, migration: JsonObject, reason: str) -> None:
        note = "Mattermost owns the installation"
        self.events.record(migration, reason, note, action="Migrate")

    async def _label_migration(self, labels: dict[str, str | None]) -> None:
        where = (self.namespace, self.name)
        await self.client.patch(INSTALLATION_MIGRATION, *where, {"metadata": {"labels": labels}})

    async def _label(self, informers: dict[Resource, Informer], owner: str) -> None:
        labels = V1BETA1.of(self.name)
        inside = {"template": {"metadata": {"labels": labels}}}
        metadata = {"labels": labels, "ownerReferences": [{"$patch": "delete", "uid": owner}]}
        body = {"metadata": metadata, "spec": inside}
        for each in self.there[REPLICA_SET]:
            where, kind = (self.namespace, name_of(each)), PatchType.STRATEGIC
            informers[REPLICA_SET].note(
                await self.client.patch(REPLICA_SET, *where, body, kind=kind)
            )
        body = {"metadata": {"labels": labels}}
        await asyncio.gather(
            *(self.client.patch(POD, self.namespace, name_of(pod), body) for pod in self.there[POD])
        )
        for each in self.there[REPLICA_SET]:
            await informers[REPLICA_SET].until(self.namespace, name_of(each), _labelled)
        await informers[DEPLOYMENT].until(self.namespace, self.name, lambda obj: obj is None)

    async def _create_held(self, resource: Resource, manifest: JsonObject) -> JsonObject:
        """Held, and let go: two writes, as in the ladder."""
        client, where = self.client, (self.namespace, self.name)
        freed = let_go(resource, await client.create(resource, hold(manifest)), manifest)
        return await client.patch(resource, *where, freed.body or {}, kind=PatchType.JSON)

    async def _hand_over(self, deployment: JsonObject) -> None:
        created = await self._create_held(MATTERMOST, self._like(MATTERMOST))
        await asyncio.gather(*(self._take(each, created) for each in _CHILDREN))
        await self._take(ROLE_BINDING, created)
        owned = self._like(DEPLOYMENT, created)
        await self.client.replace(DEPLOYMENT, {**owned, "spec": deployment["spec"]})
        status = {**created, "status": self.moved[MATTERMOST]["status"]}
        await self.client.replace(MATTERMOST, status, subresource="status")

    async def _take(self, resource: Resource, owner: JsonObject) -> None:
        """As its operator does: the whole child, written anew."""
        child = self._like(resource, owner)
        if resource is SERVICE:
            (own,) = self.there[SERVICE]
            addresses = {key: own["spec"][key] for key in ("clusterIP", "clusterIPs")}
            child["spec"] = {**child["spec"], **addresses}
        await self.client.replace(resource, child)

    def _like(self, resource: Resource, owner: JsonObject | None = None) -> dict[str, Any]:
        """What was written of the other one, for this one and its owner."""
        moved = self.moved[resource]
        kept = {key: each for key, each in moved.items() if key not in ("metadata", "status")}
        metadata: dict[str, Any] = {"name": name_of(moved), "namespace": self.namespace}
        metadata |= {
            key: moved["metadata"][key]
            for key in ("labels", "annotations", "ownerReferences")
            if key in moved["metadata"]
        }
        if owner is not None:
            (reference,) = metadata["ownerReferences"]
            metadata["ownerReferences"] = [{**reference, "uid": uid_of(owner)}]
        kind = {"apiVersion": resource.api_version, "kind": resource.kind}
        return {**kept, **kind, "metadata": metadata}

    def _other(self, deployment: JsonObject) -> dict[str, Any]:
        """The Deployment under the other labels, around the same ReplicaSet."""
        template = deployment["spec"]["template"]
        both = {**labels_of(template), **V1BETA1.of(self.name)}
        spec = {
            **deployment["spec"],
            "selector": {"matchLabels": V1BETA1.selector(self.name)},
            "template": {**template, "metadata": {**template["metadata"], "labels": both}},
        }
        made = self._like(DEPLOYMENT)
        del made["metadata"]["ownerReferences"]
        return {**made, "spec": spec}


def _labelled(obj: JsonObject | None) -> bool:
    """Whether the ReplicaSet controller has seen the labels of the set and of its pods."""
    if obj is None:
        return False
    status = obj.get("status") or {}
    seen = status.get("observedGeneration", 0) >= obj["metadata"]["generation"]
    return bool(seen and status.get("fullyLabeledReplicas", 0) == status.get("replicas", 0))
