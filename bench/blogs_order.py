"""The controller with the operator's own order of steps: `python bench/blogs_order.py …`.

For comparison only. What `spec.migrate` starts in the Go operator (1.25.9, and the blog of 2021)
is carried out here by this repository's own reconcilers: orphan the Deployment and create it anew
with other labels; when its pods are ready, create the Mattermost, whose reconciler takes every
child from a ClusterInstallation that is there still, moves the Service at once and rolls the pods
a second time; when it is stable, delete the old ReplicaSets and the ClusterInstallation. One worker
and its waits (2 s for the deletion, 10 s between two looks) are the operator's too.

It converts what the traffic proof's installations have in them, and nothing else.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping
from typing import Any, Final

from controller.__main__ import main
from controller.builtin import operator
from controller.builtin.children import Children
from controller.builtin.cluster_installation import ClusterInstallationReconciler
from controller.builtin.rounds import Workshop
from controller.worker import Key, UnsuccessfulError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    MATTERMOST,
    POD,
    REPLICA_SET,
    V1ALPHA1,
    V1BETA1,
)
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of, uid_of
from mattermost_migrate.kube import Propagation

_POLL_SECONDS: Final = 2.0
_POLLS: Final = 30
_AGAIN_SECONDS: Final = 10.0
_SAME: Final = ("version", "image", "imagePullPolicy", "replicas", "ingressName")


class BlogsOrder(ClusterInstallationReconciler):
    """Reconciles as before until ``spec.migrate`` is set, and then migrates in that order."""

    def __init__(self, shop: Workshop) -> None:
        super().__init__(shop)
        self._worker = asyncio.Lock()

    async def reconcile(self, key: Key) -> float | None:
        """One round, or one pass of the migration.

        Raises:
            UnsuccessfulError: the pass ended with a problem, which the status tells.
        """
        ci = await self._shop.known.live(CLUSTER_INSTALLATION, *key)
        if ci is None or not ci["spec"].get("migrate"):
            return await super().reconcile(key)
        async with self._worker:
            return await self._migrate(ci)

    async def _migrate(self, ci: JsonObject) -> float | None:
        where = namespace_of(ci), name_of(ci)
        mm = await self._shop.known.live(MATTERMOST, *where)
        if mm is None:
            if not await self._is_migrated(ci):
                await self._recreate(ci)
            if await self._ready_pods(ci) != ci["spec"]["replicas"]:
                return await self._tell(ci, status="recreating deployment")
            await self._shop.client.create(MATTERMOST, converted(ci))
        elif (mm.get("status") or {}).get("state") == "stable":
            await self._clean_up(ci)
            return None
        return await self._tell(ci, status="waiting for Mattermost to be ready")

    async def _is_migrated(self, ci: JsonObject) -> bool:
        found = await self._shop.client.list(
            DEPLOYMENT, namespace_of(ci), label_selector=_selector(V1BETA1.selector(name_of(ci)))
        )
        return len(found.items) == 1

    async def _recreate(self, ci: JsonObject) -> None:
        client, where = self._shop.client, (namespace_of(ci), name_of(ci))
        old = await self._shop.known.live(DEPLOYMENT, *where)
        if old is None:
            # The spec was in the memory of the one who deleted it, and nowhere else.
            problem = "failed to migrate Deployment: failed to get old deployment: not found"
            await self._tell(ci, error=problem)
            raise UnsuccessfulError(problem)
        await client.delete(DEPLOYMENT, *where, uid=uid_of(old), propagation=Propagation.ORPHAN)
        for _ in range(_POLLS):
            await asyncio.sleep(_POLL_SECONDS)
            if await client.find(DEPLOYMENT, *where) is None:
                await client.create(DEPLOYMENT, recreated(old))
                return
        problem = "failed to migrate Deployment: timeout waiting for deployment deletion"
        await self._tell(ci, error=problem)
        raise UnsuccessfulError(problem)

    async def _ready_pods(self, ci: JsonObject) -> int:
        pods = await self._shop.client.list(
            POD, namespace_of(ci), label_selector=_selector(V1BETA1.selector(name_of(ci)))
        )
        return sum(
            condition["type"] == "Ready" and condition["status"] == "True"
            for pod in pods.items
            if not pod["metadata"].get("deletionTimestamp")
            for condition in (pod.get("status") or {}).get("conditions") or ()
        )

    async def _clean_up(self, ci: JsonObject) -> None:
        client, namespace = self._shop.client, namespace_of(ci)
        old = await client.list(
            REPLICA_SET, namespace, label_selector=_selector(V1ALPHA1.selector(name_of(ci)))
        )
        for each in old.items:
            await client.delete(
                REPLICA_SET, namespace, name_of(each), propagation=Propagation.BACKGROUND
            )
        await client.delete(
            CLUSTER_INSTALLATION, namespace, name_of(ci), propagation=Propagation.BACKGROUND
        )

    async def _tell(self, ci: JsonObject, **migration: str) -> float:
        told = {"status": {"state": "reconciling", "migration": migration}}
        await self._shop.client.patch(
            CLUSTER_INSTALLATION, namespace_of(ci), name_of(ci), told, subresource="status"
        )
        return _AGAIN_SECONDS


async def take_from_anybody(_children: Children, _what: str, _live: JsonObject) -> None:
    """Whoever writes last owns a child: the operator's rule, where ours asks first."""


def recreated(old: JsonObject) -> dict[str, Any]:
    """The Deployment that takes the place of the orphaned one: no owner, no annotations."""
    labels = V1BETA1.selector(name_of(old))
    spec = copy.deepcopy(dict(old["spec"]))
    spec["selector"] = {"matchLabels": labels}
    spec["template"]["metadata"]["labels"] = labels
    metadata = {"name": name_of(old), "namespace": namespace_of(old), "labels": labels}
    return {"metadata": metadata, "spec": spec}


def converted(ci: JsonObject) -> dict[str, Any]:
    """The Mattermost as the operator would have it, with an external database and file store."""
    spec, store = ci["spec"], ci["spec"]["minio"]
    return {
        "metadata": {"name": name_of(ci), "namespace": namespace_of(ci)},
        "spec": {
            **{field: spec[field] for field in _SAME if field in spec},
            "scheduling": {"resources": spec.get("resources") or {}},
            "database": {"external": {"secret": spec["database"]["secret"]}},
            "fileStore": {
                "external": {
                    "url": store["externalURL"],
                    "bucket": store["externalBucket"],
                    "secret": store["secret"],
                }
            },
        },
    }


def _selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


if __name__ == "__main__":
    vars(operator).update(ClusterInstallationReconciler=BlogsOrder)
    Children._may_take = take_from_anybody  # type: ignore[method-assign]  # noqa: SLF001
    main()
