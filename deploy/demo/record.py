"""What happened to each installation, computed from what a watcher saw. Pure.

A `Look` is what a list showed; a `Change` is one event of a watch that began at that list. Nothing
here believes a status that the project itself wrote, but for its own count of API writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    ENDPOINT_SLICE,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SERVICE_NAME_LABEL,
    V1ALPHA1,
    V1BETA1,
    Condition,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of, namespace_of, uid_of
from mattermost_migrate.domain.reported import condition_status

__all__ = ["WATCHED", "Account", "Change", "Key", "Look", "account", "endpoints_lost", "ready"]

#: Namespace and name of an installation.
Key = tuple[str, str]

#: What the watcher looks at.
WATCHED: Final = (POD, REPLICA_SET, ENDPOINT_SLICE, INSTALLATION_MIGRATION)

_DELETED: Final = "DELETED"


@dataclass(frozen=True, slots=True)
class Change:
    """One event of a watch.

    Attributes:
        at: when it came, in seconds of a clock that only goes forward.
        resource: of which kind.
        type: ADDED, MODIFIED or DELETED.
        object: as it was then.
    """

    at: float
    resource: Resource
    type: str
    object: JsonObject


@dataclass(frozen=True, slots=True)
class Look:
    """What there was at one moment.

    Attributes:
        objects: all objects of each kind.
    """

    objects: Mapping[Resource, Sequence[JsonObject]]

    def uids(self, resource: Resource, key: Key) -> frozenset[str]:
        """The UIDs of an installation's objects of a kind."""
        return frozenset(uid_of(o) for o in self.objects[resource] if _installation(o) == key)

    def named(self, resource: Resource, key: Key) -> JsonObject | None:
        """The object of a kind that has the installation's own name."""
        return next((o for o in self.objects[resource] if _key(o) == key), None)


@dataclass(frozen=True, slots=True)
class Account:
    """What one migration did, and did not do.

    Attributes:
        key: the installation.
        span: when the migration was let go, and when it had succeeded; None: it has not.
        pods, replica_sets: UIDs before and after.
        pods_created, replica_sets_created: how many appeared meanwhile, gone again or not.
        endpoints: how many ready addresses its Service had before.
        endpoints_lost: how many of them were not ready at any one moment.
        writes: API writes of the migration, by its own count.
        stable: it is a Mattermost now, stable, and no ClusterInstallation.
    """

    key: Key
    span: tuple[float, float] | None
    pods: tuple[frozenset[str], frozenset[str]]
    replica_sets: tuple[frozenset[str], frozenset[str]]
    pods_created: int
    replica_sets_created: int
    endpoints: int
    endpoints_lost: int
    writes: int | None
    stable: bool

    @property
    def seconds(self) -> float | None:
        """How long it took; None: it did not succeed."""
        return None if self.span is None else self.span[1] - self.span[0]

    @property
    def breaches(self) -> tuple[str, ...]:
        """What is not as promised, in words; empty when all is."""
        told = (
            (self.span is None, "the migration did not succeed"),
            (not self.stable, "there is no stable Mattermost in the ClusterInstallation's place"),
            (not self.pods[0], "no pod was seen before, so nothing is proven"),
            (not self.replica_sets[0], "no ReplicaSet was seen before, so nothing is proven"),
            (self.pods[0] != self.pods[1], "the pods are not the same"),
            (self.replica_sets[0] != self.replica_sets[1], "the ReplicaSets are not the same"),
            (self.pods_created > 0, f"{self.pods_created} pods were created"),
            (
                self.replica_sets_created > 0,
                f"{self.replica_sets_created} ReplicaSets were created",
            ),
            (not self.endpoints, "no endpoint was seen before, so nothing is proven"),
            (self.endpoints_lost > 0, f"{self.endpoints_lost} endpoints were lost meanwhile"),
            (not self.writes, "the migration has counted no API write"),
        )
        return tuple(text for broken, text in told if broken)


def account(key: Key, before: Look, changes: Iterable[Change], after: Look) -> Account:
    """Compute what happened to one installation.

    Args:
        key: the installation.
        before: from before the migration.
        changes: every event since, in each kind's own order.
        after: from when all was over.
    """
    own = [change for change in changes if _concerns(change.object, key)]
    pods, sets = before.uids(POD, key), before.uids(REPLICA_SET, key)
    slices = [o for o in before.objects[ENDPOINT_SLICE] if _service(o) == key]
    migration = after.named(INSTALLATION_MIGRATION, key) or {}
    return Account(
        key=key,
        span=_span(own),
        pods=(pods, after.uids(POD, key)),
        replica_sets=(sets, after.uids(REPLICA_SET, key)),
        pods_created=len(_seen(own, POD) - pods),
        replica_sets_created=len(_seen(own, REPLICA_SET) - sets),
        endpoints=len(_union(map(ready, slices))),
        endpoints_lost=len(endpoints_lost(slices, own)),
        writes=(migration.get("status") or {}).get("apiWrites"),
        stable=_stable(key, after),
    )


def endpoints_lost(before: Iterable[JsonObject], changes: Iterable[Change]) -> frozenset[str]:
    """The addresses of a Service that were ready in the beginning and not at some moment since.

    Args:
        before: the Service's EndpointSlices in the beginning.
        changes: what happened since; only EndpointSlices count.
    """
    slices = {name_of(obj): ready(obj) for obj in before}
    wanted = _union(slices.values())
    lost: frozenset[str] = frozenset()
    for change in changes:
        if change.resource is ENDPOINT_SLICE:
            gone = change.type == _DELETED
            slices[name_of(change.object)] = frozenset() if gone else ready(change.object)
            lost |= wanted - _union(slices.values())
    return lost


def ready(endpoint_slice: JsonObject) -> frozenset[str]:
    """The addresses that traffic is sent to; a condition that is not given holds."""
    return frozenset(
        address
        for endpoint in endpoint_slice.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint["addresses"]
    )


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


def _seen(changes: Iterable[Change], resource: Resource) -> frozenset[str]:
    return frozenset(uid_of(c.object) for c in changes if c.resource is resource)


def _span(changes: Iterable[Change]) -> tuple[float, float] | None:
    """From when to when the migration was under way, by the watcher's clock."""
    began: float | None = None
    for change in changes:
        if change.resource is not INSTALLATION_MIGRATION:
            continue
        if began is None and not change.object["spec"].get("paused"):
            began = change.at
        summary = condition_status(change.object, Condition.SUCCEEDED)
        if began is not None and summary and summary["status"] == "True":
            return began, change.at
    return None


def _stable(key: Key, after: Look) -> bool:
    mattermost = after.named(MATTERMOST, key) or {}
    is_stable = (mattermost.get("status") or {}).get("state") == "stable"
    return is_stable and after.named(CLUSTER_INSTALLATION, key) is None


def _key(obj: JsonObject) -> Key:
    return namespace_of(obj), name_of(obj)


def _service(endpoint_slice: JsonObject) -> Key:
    return namespace_of(endpoint_slice), labels_of(endpoint_slice).get(SERVICE_NAME_LABEL, "")


def _installation(obj: JsonObject) -> Key:
    """Whose pod or ReplicaSet this is, under either kind."""
    labels = labels_of(obj)
    name = labels.get(V1ALPHA1.installation) or labels.get(V1BETA1.installation) or ""
    return namespace_of(obj), name


def _concerns(obj: JsonObject, key: Key) -> bool:
    return key in (_key(obj), _installation(obj), _service(obj))
