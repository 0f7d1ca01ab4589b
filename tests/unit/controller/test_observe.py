"""Which ReplicaSets a snapshot shows when informers race each other, and what is read live."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from controller.app import make_informers
from controller.heard import Heard
from controller.observe import Observer
from mattermost_migrate.domain.backup import Backup, manifest
from mattermost_migrate.domain.errors import NotFoundError, NotServedError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    CONFIG_MAP,
    DEPLOYMENT,
    INGRESS,
    LOCK_LABEL,
    MATTERMOST,
    MINIO_INSTANCE,
    MYSQL_CLUSTER,
    POD,
    REPLICA_SET,
    ROLE,
    SECRET,
    SERVICE,
    V1ALPHA1,
    V1BETA1,
    Lock,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, name_of, owner_reference
from mattermost_migrate.domain.originals import deployment_role
from mattermost_migrate.domain.sides import NEW, OLD, Side
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Part
from mattermost_migrate.domain.writes import create, patch
from mattermost_migrate.kube import Listing
from mattermost_migrate.testing.builders import cluster_installation, installed, migration
from mattermost_migrate.testing.ladder import climb


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
class Server:
    """Has just these objects; keeps count of what it was asked for."""

    objects: dict[tuple[Resource, str], JsonObject]
    asked: Counter[Resource] = field(default_factory=Counter)

    async def list(self, resource: Resource, _: str, *, field_selector: str) -> Listing:
        self.asked[resource] += 1
        found = self.objects.get((resource, field_selector.removeprefix("metadata.name=")))
        return Listing((found,) if found else (), "")


def test_what_a_write_was_refused_for_is_read_anew_once() -> None:
    """A watch that lags shows the object as it was before the very write that nobody heard of."""
    before, after = (replica_set("acme-1", None, labels) for labels in (OLD_LABELS, NEW_LABELS))
    after["metadata"]["resourceVersion"] = "8"
    server = Server({(REPLICA_SET, "acme-1"): after})

    async def looked() -> list[Snapshot]:
        informers = make_informers(None)  # type: ignore[arg-type] - never asked
        informers[REPLICA_SET].note(before)
        observer = Observer(server, informers, beside_operator=False)  # type: ignore[arg-type] - all it needs
        imig = migration()
        first = await observer.look(imig)
        observer.doubt(imig, [patch(each, "acme-1", {}) for each in (REPLICA_SET, POD, SERVICE)])
        return [first, await observer.look(imig), await observer.look(imig)]

    first, *others = asyncio.run(looked())

    assert first.replica_sets == (before,)
    assert [each.replica_sets for each in others] == [(after,)] * 2
    assert server.asked == {REPLICA_SET: 1, POD: 1}, "Services are read live whenever they matter"


@dataclass
class EmptyServer:
    """Has no object at all, and does not know every kind; keeps count of what it was asked for."""

    unserved: frozenset[Resource] = frozenset()
    asked: Counter[Resource] = field(default_factory=Counter)

    async def get(self, resource: Resource, _: str, name: str) -> JsonObject:
        self.asked[resource] += 1
        raise (NotServedError if resource in self.unserved else NotFoundError)(name)

    async def list(self, resource: Resource, _: str, **__: Any) -> Listing:
        self.asked[resource] += 1
        return Listing((), "")


def looks_closer(
    server: EmptyServer, part: Part, *, held: JsonObject | None = None, **shown: Any
) -> Snapshot:
    """Two looks at the same part; the second one."""

    async def looked() -> Snapshot:
        informers = make_informers(None)  # type: ignore[arg-type] - never asked
        if held:
            informers[MATTERMOST].note(held)
        observer = Observer(server, informers, beside_operator=False)  # type: ignore[arg-type] - all it needs
        shown.setdefault("source", cluster_installation("acme"))
        seen = Snapshot(migration=migration(), **shown)
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


def test_what_is_only_saved_is_not_read_to_plan() -> None:
    server = EmptyServer()

    looks_closer(server, Part.EXISTING)

    assert server.asked[SERVICE] == server.asked[INGRESS] == 0


def test_a_minio_service_is_read_where_the_operator_keeps_the_files() -> None:
    server = EmptyServer()
    internal = cluster_installation("acme")
    internal["spec"]["minio"] = {"storageSize": "50Gi"}

    looks_closer(server, Part.EXISTING, source=internal)

    assert server.asked[SERVICE] == 2, "once a look"


@pytest.mark.parametrize("owner", ["theirs", "ours"])
def test_a_deployment_that_its_new_owner_wrote_is_not_read_again(owner: str) -> None:
    server = EmptyServer()
    reference = {"kind": MATTERMOST.kind, "uid": owner, "controller": True}
    owned = {**deployment("d"), "kind": DEPLOYMENT.kind}
    owned["metadata"] = {**owned["metadata"], "ownerReferences": [reference]}
    target = {"metadata": {"name": "acme", "namespace": "ns", "uid": "ours"}, "spec": {}}

    seen = looks_closer(server, Part.DEPENDENTS, deployment=owned, target=target)

    held = [each["metadata"]["uid"] for each in seen.dependents or ()]
    assert held == (["d"] if owner == "ours" else [])
    left_over = 2  # that of a canary, once a look
    assert server.asked[DEPLOYMENT] == left_over + (0 if owner == "ours" else 2)


def written_by(owner: str) -> dict[str, Any]:
    reference = {"kind": MATTERMOST.kind, "uid": owner, "controller": True}
    metadata = {"name": "acme", "namespace": "ns", "uid": "r", "ownerReferences": [reference]}
    return {"metadata": metadata, "rules": []}


def dependents_after(
    server: EmptyServer, *, handed: JsonObject | None = None, replaced: bool = False
) -> Snapshot:
    """A look at the dependents after the originals were saved."""

    async def looked() -> Snapshot:
        heard = Heard()
        informers = make_informers(None)  # type: ignore[arg-type] - never asked
        observer = Observer(server, informers, beside_operator=False, heard=heard)  # type: ignore[arg-type] - all it needs
        target = {"metadata": {"name": "acme", "namespace": "ns", "uid": "ours"}, "spec": {}}
        source = cluster_installation("acme")
        source["metadata"]["uid"] = "source"
        seen = Snapshot(migration=migration(), source=source, target=target)
        await observer.closer(seen, Part.CHILDREN)
        server.asked.clear()
        if handed:
            heard.written.put(ROLE, handed)
        if replaced:
            anew = {**source, "metadata": {**source["metadata"], "uid": "another"}}
            seen = dataclasses.replace(seen, source=anew)
        return await observer.closer(seen, Part.DEPENDENTS)

    return asyncio.run(looked())


@pytest.mark.parametrize("replaced", [False, True])
def test_what_there_was_not_when_the_originals_were_saved_is_not_looked_for(
    replaced: bool,  # noqa: FBT001
) -> None:
    server = EmptyServer()

    dependents_after(server, replaced=replaced)

    assert server.asked[MYSQL_CLUSTER] == server.asked[ROLE] == (1 if replaced else 0)
    assert server.asked[DEPLOYMENT] == 2, "nobody looked for these when they were saved"


@pytest.mark.parametrize(("owner", "found"), [("ours", ["Role"]), ("theirs", [])])
def test_a_child_that_the_operator_wrote_a_moment_ago_is_taken_from_its_hand(
    owner: str, found: list[str]
) -> None:
    server = EmptyServer()

    seen = dependents_after(server, handed=written_by(owner), replaced=True)

    assert [each["kind"] for each in seen.dependents or ()] == found
    assert server.asked[ROLE] == (0 if found else 1)


@dataclass
class Discovered(EmptyServer):
    """Knows of ConfigMaps, and has none."""

    async def raw(self, _: str, path: str) -> JsonObject:
        assert path == "/api/v1"
        return {"resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True}]}


def test_former_owners_are_read_on_the_way_back() -> None:
    cluster = installed()
    team = cluster.put(CONFIG_MAP, {"metadata": {"name": "team"}})
    body = {"metadata": {"ownerReferences": [owner_reference(team, CONFIG_MAP)]}}
    cluster.apply(patch(CLUSTER_INSTALLATION, "acme", body))
    climb(cluster)
    server, kind = Discovered(), CLUSTER_INSTALLATION.kind

    source = cluster.find(MATTERMOST, "acme")
    seen = looks_closer(server, Part.OWNERS, source=source, target_kind=kind)

    assert seen.owners == frozenset()
    assert server.asked == {CONFIG_MAP: 2}, "once a look"
