"""The floor: a bare script that sends just the writes of a migration and decides nothing.

It knows beforehand what is there, checks nothing, saves nothing that could be used, and waits for
one thing only: that Kubernetes' own controllers have let go of the Deployment and have seen the
labels, or they would make pods of their own and be measured with it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from mattermost_migrate.domain.holding import hold, let_go
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
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
from mattermost_migrate.kube import Client, Informer, Propagation, Request, connect

__all__ = ["floor"]

_CHILDREN: Final = (SERVICE_ACCOUNT, ROLE, SERVICE, INGRESS)
_SEEN: Final = (DEPLOYMENT, REPLICA_SET)


def floor(kubeconfig: Path, namespaces: frozenset[str], at_once: int) -> dict[str, Any]:
    """Move every installation of some namespaces, with nobody else at work on them.

    Args:
        kubeconfig: whose rights are used.
        namespaces: where they are.
        at_once: how many at the same time.

    Returns:
        How long it took, and what was sent for each, on average.
    """
    return asyncio.run(_floor(kubeconfig, namespaces, at_once))


async def _floor(kubeconfig: Path, namespaces: frozenset[str], at_once: int) -> dict[str, Any]:
    sent: Counter[str] = Counter()

    def note(request: Request) -> None:
        if request.wrote:
            sent[f"{request.verb} {request.resource}"] += 1

    connection = await connect({"KUBECONFIG": str(kubeconfig)})
    async with Client(connection, on_request=note) as client:
        listed = {
            resource: await client.list(resource)
            for resource in (CLUSTER_INSTALLATION, REPLICA_SET, POD, *_CHILDREN, ROLE_BINDING)
        }
        bare = [
            _Bare(client, {}, each)
            for each in listed[CLUSTER_INSTALLATION].items
            if namespace_of(each) in namespaces
        ]
        by_key = {(each.namespace, each.name): each for each in bare}
        for resource, listing in listed.items():
            for obj in listing.items:
                name = labels_of(obj).get(V1ALPHA1.installation) or name_of(obj)
                if found := by_key.get((namespace_of(obj), name)):
                    found.there.setdefault(resource, []).append(obj)
        informers = {
            each: Informer(client, each, label_selector="app=mattermost") for each in _SEEN
        }
        watching = [asyncio.create_task(each.run()) for each in informers.values()]
        await asyncio.gather(*(each.synced.wait() for each in informers.values()))
        began, places = time.monotonic(), asyncio.Semaphore(at_once)
        await asyncio.gather(*(each.move(informers, places) for each in bare))
        took = time.monotonic() - began
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    each_sent = {what: round(number / len(bare), 2) for what, number in sent.most_common()}
    return {
        "installations": len(bare),
        "seconds": round(took, 1),
        "writesEach": round(sent.total() / len(bare), 2),
        "writes": each_sent,
    }


class _Bare:
    """One installation."""

    def __init__(
        self, client: Client, there: dict[Resource, list[JsonObject]], source: JsonObject
    ) -> None:
        self.client, self.there, self.source = client, there, source
        self.namespace, self.name = namespace_of(source), name_of(source)

    async def move(self, informers: dict[Resource, Informer], places: asyncio.Semaphore) -> None:
        """All writes, in the order of the ladder."""
        client, where = self.client, (self.namespace, self.name)
        migration = self._made(INSTALLATION_MIGRATION, {"spec": {"desiredKind": MATTERMOST.kind}})
        await client.create(INSTALLATION_MIGRATION, migration)
        async with places:
            await self._label_migration({"floor.example.com/started": "true"})
            await self._label_migration({LOCK_LABEL: "frozen"})
            deployment = await client.get(DEPLOYMENT, *where)
            await client.create(SECRET, self._backup(deployment))
            frozen = {"spec": {"migrate": True, "canary": {"enable": True}}}
            await client.patch(CLUSTER_INSTALLATION, *where, frozen)
            await client.delete(DEPLOYMENT, *where, propagation=Propagation.ORPHAN)
            await self._label(informers, uid_of(deployment))
            await self._create_held(DEPLOYMENT, self._other(deployment))
            await self._hand_over()
            await client.delete(CLUSTER_INSTALLATION, *where, propagation=Propagation.ORPHAN)
            await self._label_migration({LOCK_LABEL: None})
            over = {"status": {"apiWrites": 1}}
            await client.patch(INSTALLATION_MIGRATION, *where, over, subresource="status")

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

    async def _hand_over(self) -> None:
        host = f"{self.name}.example.com"
        spec = {
            "image": "mattermost/mattermost-enterprise-edition",
            "version": "7.8.15",
            "replicas": 2,
            "ingress": {"enabled": True, "host": host},
            "database": {"external": {"secret": "db"}},
            "fileStore": {
                "external": {"url": "s3.example.com", "bucket": "bucket", "secret": "files"}
            },
        }
        created = await self._create_held(MATTERMOST, self._made(MATTERMOST, {"spec": spec}))
        owner = {
            "apiVersion": MATTERMOST.api_version,
            "kind": MATTERMOST.kind,
            "name": self.name,
            "uid": uid_of(created),
            "controller": True,
        }
        taken = [(each, obj) for each in _CHILDREN for obj in self.there.get(each, ())]
        await asyncio.gather(*(self._take(resource, obj, owner) for resource, obj in taken))
        for obj in self.there.get(ROLE_BINDING, ()):
            await self._take(ROLE_BINDING, obj, owner)
        await self._patch_owner(owner)
        status = {**created, "status": {"state": "stable", "observedGeneration": 2}}
        await self.client.replace(MATTERMOST, status, subresource="status")

    async def _take(self, resource: Resource, obj: JsonObject, owner: JsonObject) -> None:
        body = {"metadata": {"ownerReferences": [owner], "labels": V1BETA1.of(self.name)}}
        await self.client.patch(resource, self.namespace, name_of(obj), body)

    async def _patch_owner(self, owner: JsonObject) -> None:
        body = {"metadata": {"ownerReferences": [owner]}}
        await self.client.patch(DEPLOYMENT, self.namespace, self.name, body)

    def _made(self, resource: Resource, content: JsonObject) -> dict[str, Any]:
        metadata = {"name": self.name, "namespace": self.namespace}
        kind = {"apiVersion": resource.api_version, "kind": resource.kind}
        return {**kind, "metadata": metadata, **content}

    def _backup(self, deployment: JsonObject) -> dict[str, Any]:
        saved = {"source": json.dumps(self.source), "deployment": json.dumps(deployment)}
        made = self._made(SECRET, {"stringData": saved})
        return {**made, "metadata": {**made["metadata"], "name": f"{self.name}-migration-backup"}}

    def _other(self, deployment: JsonObject) -> dict[str, Any]:
        """The Deployment under the other labels, around the same ReplicaSet."""
        template = deployment["spec"]["template"]
        both = {**labels_of(template), **V1BETA1.of(self.name)}
        spec = {
            **deployment["spec"],
            "selector": {"matchLabels": V1BETA1.selector(self.name)},
            "template": {**template, "metadata": {**template["metadata"], "labels": both}},
        }
        return self._made(DEPLOYMENT, {"spec": spec})


def _labelled(obj: JsonObject | None) -> bool:
    """Whether the ReplicaSet controller has seen the labels of the set and of its pods."""
    if obj is None:
        return False
    status = obj.get("status") or {}
    seen = status.get("observedGeneration", 0) >= obj["metadata"]["generation"]
    return bool(seen and status.get("fullyLabeledReplicas", 0) == status.get("replicas", 0))
