"""Which ReplicaSets a snapshot shows when informers race each other, and what is read live."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from controller.app import make_informers
from controller.observe import Observer
from mattermost_migrate.domain.backup import Backup, manifest
from mattermost_migrate.domain.errors import NotFoundError, NotServedError
from mattermost_migrate.domain.names import (
    DEPLOYMENT,
    LOCK_LABEL,
    MATTERMOST,
    MINIO_INSTANCE,
    MYSQL_CLUSTER,
    REPLICA_SET,
    SECRET,
    V1ALPHA1,
    V1BETA1,
    Lock,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, name_of
from mattermost_migrate.domain.originals import deployment_role
from mattermost_migrate.domain.sides import NEW, OLD, Side
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Part
from mattermost_migrate.domain.writes import create
from mattermost_migrate.testing.builders import cluster_installation, migration


def deployment(uid: str) -> dict[str, Any]:
    metadata = {"name": "acme", "namespace": "ns", "uid": uid, "resourceVersion": "5"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {}}


def replica_set(name: str, owner: str | None, labels: dict[str, str]) -> dict[str, Any]:
    controller = {"uid": owner, "controller": True, "kind": "Deployment", "name": "acme"}
    return {
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": f"uid-{name}",
            "resourceVersion": "7",
            "labels": labels,
            "ownerReferences": [controller] if owner else [],
        }
    }


def look(*replica_sets: dict[str, Any], saved: Side, live: str | None = None) -> Snapshot:
    """A look at an installation whose Deployment ``saved-uid`` was saved and is gone."""

    async def looked() -> Snapshot:
        # Informers that nobody runs know what they are told, and need no server for it.
        informers = make_informers(None)  # type: ignore[arg-type] - never asked
        for each in replica_sets:
            informers[REPLICA_SET].note(each)
        if live:
            informers[DEPLOYMENT].note(deployment(live))
        observer = Observer(None, informers, beside_operator=False)  # type: ignore[arg-type] - same
        imig = migration()
        imig["metadata"] |= {"uid": "m", "labels": {LOCK_LABEL: Lock.FROZEN}}
        backup = Backup.of({deployment_role(saved): deployment("saved-uid")})
        secret = manifest("ns", "acme", backup)
        observer.note(imig, create(SECRET, secret), secret)
        return await observer.look(imig)

    return asyncio.run(looked())


OLD_LABELS, NEW_LABELS = V1ALPHA1.of("acme"), V1BETA1.of("acme")


@pytest.mark.parametrize("saved", [OLD, NEW], ids=lambda side: side.kind)
def test_a_replica_set_of_the_saved_deployment_is_seen_after_its_end(saved: Side) -> None:
    """The Deployments' informer may be ahead of the ReplicaSets'."""
    seen = look(replica_set("acme-1", "saved-uid", OLD_LABELS), saved=saved)

    assert seen.deployment is None
    assert [name_of(each) for each in seen.replica_sets] == ["acme-1"]


def test_an_orphan_is_seen_by_its_labels_and_name() -> None:
    seen = look(
        replica_set("acme-1", None, OLD_LABELS),
        replica_set("acme-2", None, NEW_LABELS),
        replica_set("other-1", None, OLD_LABELS),
        replica_set("acme-3", None, V1ALPHA1.of("other")),
        saved=OLD,
    )

    assert [name_of(each) for each in seen.replica_sets] == ["acme-1", "acme-2"]


def test_what_another_deployment_controls_is_not_ours() -> None:
    seen = look(
        replica_set("acme-1", "live-uid", OLD_LABELS),
        replica_set("acme-2", "foreign-uid", OLD_LABELS),
        saved=OLD,
        live="live-uid",
    )

    assert [name_of(each) for each in seen.replica_sets] == ["acme-1"]


@dataclass
class EmptyServer:
    """Has no object at all, and does not know every kind; keeps count of what it was asked for."""

    unserved: frozenset[Resource] = frozenset()
    asked: Counter[Resource] = field(default_factory=Counter)

    async def get(self, resource: Resource, _: str, name: str) -> JsonObject:
        self.asked[resource] += 1
        raise (NotServedError if resource in self.unserved else NotFoundError)(name)


def looks_closer(server: EmptyServer, part: Part, *, held: JsonObject | None = None) -> Snapshot:
    """Two looks at the same part; the second one."""

    async def looked() -> Snapshot:
        informers = make_informers(None)  # type: ignore[arg-type] - never asked
        if held:
            informers[MATTERMOST].note(held)
        observer = Observer(server, informers, beside_operator=False)  # type: ignore[arg-type] - all it needs
        seen = Snapshot(migration=migration(), source=cluster_installation("acme"))
        await observer.closer(seen, part)
        return await observer.closer(seen, part)

    return asyncio.run(looked())


def test_a_kind_that_is_not_served_is_asked_for_once() -> None:
    server = EmptyServer(frozenset({MYSQL_CLUSTER}))

    looks_closer(server, Part.CHILDREN)

    assert server.asked[MYSQL_CLUSTER] == 1
    assert server.asked[MINIO_INSTANCE] == 2, "it is served, and may have an object by now"


def test_a_kind_that_is_held_whole_is_found_in_memory() -> None:
    server, informed = EmptyServer(), migration()["metadata"]["namespace"]
    theirs = {"name": "acme-jobserver", "namespace": informed, "uid": "u", "resourceVersion": "3"}

    seen = looks_closer(server, Part.EXISTING, held={"metadata": theirs, "spec": {}})

    assert seen.existing is not None
    assert seen.existing.get(MATTERMOST.kind, "acme-jobserver") is not None
    assert MATTERMOST not in server.asked
    assert server.asked[SECRET] > 0, "Secrets are held by nobody"
