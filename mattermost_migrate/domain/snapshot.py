"""What one look at the cluster showed of one installation, and the questions the ladder asks of it.

A snapshot is taken by the shell; nothing in here reads anything. Parts that cost a live read are
None until somebody looked: ``existing`` (Secrets and what else a conversion needs), ``children``,
``dependents``, ``traffic``, ``owners``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from mattermost_migrate.domain.backup import Backup
from mattermost_migrate.domain.names import (
    DELETION_COST,
    DRAINED_ANNOTATION,
    NAMED_ANNOTATION,
    SERVING_LABEL,
    Lock,
    Reason,
    Strategy,
)
from mattermost_migrate.domain.objects import (
    Existing,
    JsonObject,
    annotations_of,
    controller_of,
    leaving,
    name_of,
    namespace_of,
    owners_of,
    uid_of,
)
from mattermost_migrate.domain.reported import failure_of, lock_of, strategy_of
from mattermost_migrate.domain.sides import OLD, Side, other, side

__all__ = [
    "Snapshot",
    "Traffic",
    "deployment_current",
    "deployment_settled",
    "owned_by",
    "pod_outline",
    "pod_ready",
    "selected_by",
]


#: By these Recreate decides.
_POD_ANNOTATIONS: Final = (DELETION_COST, DRAINED_ANNOTATION, NAMED_ANNOTATION)


def owned_by(obj: JsonObject, uid: str) -> bool:
    """Whether any owner reference of ``obj`` names that UID."""
    return any(owner.get("uid") == uid for owner in owners_of(obj))


def selected_by(obj: JsonObject) -> Mapping[str, str]:
    """The labels that a Deployment or ReplicaSet selects by."""
    labels: Mapping[str, str] = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    return labels


def pod_ready(pod: JsonObject) -> bool:
    """Whether the pod's Ready condition is True and it is not on its way out."""
    if leaving(pod):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def pod_outline(pod: JsonObject) -> JsonObject:
    """What a migration needs of a pod: thousands of them are held.

    An annotation that is left out here is none to whoever decides by it.
    """
    metadata, status = pod["metadata"], pod.get("status") or {}
    kept = (
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "labels",
        "ownerReferences",
        "deletionTimestamp",
    )
    annotations = {
        key: value for key, value in annotations_of(pod).items() if key in _POD_ANNOTATIONS
    }
    ready = [c for c in status.get("conditions") or () if c.get("type") == "Ready"]
    return {
        "metadata": {
            **{key: metadata[key] for key in kept if key in metadata},
            **({"annotations": annotations} if annotations else {}),
        },
        "status": {"phase": status.get("phase"), "conditions": ready},
    }


def deployment_current(deployment: JsonObject) -> bool:
    """Whether every replica wanted is of the current template, ready or not, and no other left."""
    status: Mapping[str, Any] = deployment.get("status") or {}
    wanted = deployment["spec"].get("replicas", 1)
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        and status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
    )


def deployment_settled(deployment: JsonObject) -> bool:
    """The same, and every one of them is available."""
    available = (deployment.get("status") or {}).get("availableReplicas", 0)
    return deployment_current(deployment) and bool(
        available == deployment["spec"].get("replicas", 1)
    )


@dataclass(frozen=True, slots=True)
class Traffic:
    """Where requests to an installation go, read live and at one time.

    Attributes:
        service: the Service of the installation's name, if there is one.
        slices: its EndpointSlices.
        pods: those that carry the serving label.
        now: when it was read.
    """

    service: JsonObject | None
    slices: tuple[JsonObject, ...]
    pods: tuple[JsonObject, ...]
    now: datetime

    @property
    def held(self) -> bool:
        """Whether the Service sends requests to the pods that carry the serving label."""
        spec = (self.service or {}).get("spec") or {}
        return SERVING_LABEL in (spec.get("selector") or {})

    def reaches(self, pod: JsonObject) -> bool:
        """Whether any EndpointSlice names the pod."""
        uid = uid_of(pod)
        return any(
            (endpoint.get("targetRef") or {}).get("uid") == uid
            for each in self.slices
            for endpoint in each.get("endpoints") or ()
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One installation as it stands.

    Attributes:
        migration: the InstallationMigration.
        source, target: the custom resource of the kind that gives, and of the kind that takes.
        deployment: whatever Deployment has the installation's name.
        replica_sets: those of the installation, whoever controls them now.
        pods: those controlled by these ReplicaSets.
        backup: the originals, if they are saved.
        existing: what a conversion reads besides; None: not looked at.
        children: Service, Ingress, RBAC, Secrets, database and file store; None: not looked at.
        dependents: those, and whatever else may name the giving kind as owner; None: likewise.
        traffic: where requests go; None: not looked at.
        owners: the UIDs of former owners of what will be created that are alive; None: likewise.
        beside_operator: the Go operator runs; without it our own reconcilers do its part.
        heard: they have seen the freeze of ``source``, and said so without a write.
        target_kind: the kind that shall own the installation; a rollback turns it round.
    """

    migration: JsonObject
    source: JsonObject | None = None
    target: JsonObject | None = None
    deployment: JsonObject | None = None
    replica_sets: tuple[JsonObject, ...] = ()
    pods: tuple[JsonObject, ...] = ()
    backup: Backup | None = None
    existing: Existing | None = None
    children: tuple[JsonObject, ...] | None = None
    dependents: tuple[JsonObject, ...] | None = None
    traffic: Traffic | None = None
    owners: frozenset[str] | None = None
    beside_operator: bool = False
    heard: bool = False
    target_kind: str = field(default="Mattermost")

    @property
    def name(self) -> str:
        """The installation's name, which all its main objects share."""
        return name_of(self.migration)

    @property
    def namespace(self) -> str:
        """The installation's namespace."""
        return namespace_of(self.migration)

    @property
    def giving(self) -> Side:
        """The side that owns the installation now."""
        return other(self.taking)

    @property
    def taking(self) -> Side:
        """The side that shall own it."""
        return side(self.target_kind)

    @property
    def forward(self) -> bool:
        """Whether this goes from ClusterInstallation to Mattermost."""
        return self.giving is OLD

    @property
    def direction(self) -> str:
        """Another with each turn: an edit of the spec, or the only way back after a failure."""
        return f"{self.taking.kind}.{self.migration['metadata'].get('generation', 0)}"

    @property
    def refused(self) -> bool:
        """Whether it goes back since a write was refused: so would another be that is like it."""
        failure = failure_of(self.migration)
        return failure is not None and failure["reason"] in (Reason.REJECTED, Reason.FORBIDDEN)

    @property
    def lock(self) -> Lock | None:
        """The edit lock it holds: present from the first write to the last."""
        return lock_of(self.migration)

    @property
    def paused(self) -> bool:
        """Asked not to start."""
        return bool(self.migration["spec"].get("paused"))

    @property
    def strategy(self) -> Strategy:
        """How the pods come to the taking side."""
        return strategy_of(self.migration)

    @property
    def arrived(self) -> bool:
        """The kind that was wanted owns it alone, and nothing is under way."""
        return self.lock is None and self.source is None and self.target is not None

    @property
    def exchanged(self) -> bool:
        """The Deployment selects by the labels of the taking side, and stays."""
        if self.deployment is None or leaving(self.deployment):
            return False
        taking = self.taking.labels.of(self.name)
        return taking.items() <= selected_by(self.deployment).items()

    @property
    def former_deployment(self) -> JsonObject | None:
        """The Deployment that has to go, or is going, if it is there."""
        return None if self.exchanged else self.deployment

    @property
    def taken_over(self) -> bool:
        """The custom resource that takes controls the Deployment: its operator has written it."""
        owner = controller_of(self.deployment) if self.deployment else None
        return bool(owner and self.target and owner.get("uid") == uid_of(self.target))

    def pods_of(self, replica_set: JsonObject) -> tuple[JsonObject, ...]:
        """The pods that this ReplicaSet controls."""
        return tuple(
            pod
            for pod in self.pods
            if (controller := controller_of(pod)) and controller.get("uid") == uid_of(replica_set)
        )
