"""Who is who while new pods replace old ones: the two crews of an installation.

The two Deployments never share a ReplicaSet that has pods: one adopts by the labels of the
ReplicaSet itself, not of its pods, so each crew's ReplicaSets carry the labels of one kind only.
That is also how they are told apart here, whichever way the migration goes and however often it
turned round.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Final

from mattermost_migrate.domain import freeze
from mattermost_migrate.domain.conditions import parse_time
from mattermost_migrate.domain.names import DRAINED_ANNOTATION, RECREATE_ANNOTATION
from mattermost_migrate.domain.objects import JsonObject, annotations_of, labels_of, uid_of
from mattermost_migrate.domain.snapshot import Snapshot, Traffic, owned_by

__all__ = [
    "DRAIN_SECONDS",
    "handed_over",
    "left_to_drain",
    "new_pods",
    "old_pods",
    "old_sets",
    "replicas_of",
    "settled_sets",
    "surge",
    "wanted",
]

#: What ``spec.drainSeconds`` is where nobody says otherwise; also the default in the CRDs.
DRAIN_SECONDS: Final = 5


def handed_over(seen: Snapshot) -> bool:
    """Whether the new pods are the operator's already: nothing of the exchange is left to do."""
    return seen.exchanged and seen.target is not None and not freeze.frozen(seen.target)


def replicas_of(owner: JsonObject) -> int:
    """How many pods a Deployment or ReplicaSet asks for."""
    return int(owner["spec"].get("replicas", 1))


def old_sets(seen: Snapshot) -> tuple[JsonObject, ...]:
    """ReplicaSets whose pods have to go: of the giving side, with pods or asking for some."""
    return tuple(each for each in seen.replica_sets if _is_old(seen, each))


def _is_old(seen: Snapshot, replica_set: JsonObject) -> bool:
    deployment = seen.deployment if seen.exchanged else None
    if deployment is not None and owned_by(replica_set, uid_of(deployment)):
        return False
    busy = bool(replicas_of(replica_set) or seen.pods_of(replica_set))
    return busy and seen.giving.labels.of(seen.name).items() <= labels_of(replica_set).items()


def settled_sets(seen: Snapshot) -> tuple[JsonObject, ...]:
    """The other ReplicaSets: those of new pods, and old revisions without any."""
    old = {uid_of(each) for each in old_sets(seen)}
    return tuple(each for each in seen.replica_sets if uid_of(each) not in old)


def old_pods(seen: Snapshot) -> tuple[JsonObject, ...]:
    """Every pod that has to go, also one that is on its way out."""
    return tuple(pod for each in old_sets(seen) for pod in seen.pods_of(each))


def new_pods(seen: Snapshot) -> tuple[JsonObject, ...]:
    """Every pod that stays, but those on their way out."""
    return tuple(
        pod
        for each in settled_sets(seen)
        for pod in seen.pods_of(each)
        if not pod["metadata"].get("deletionTimestamp")
    )


def wanted(seen: Snapshot) -> int:
    """How many pods the installation had when it was locked; half-way no Deployment says so.

    Nor do the Deployments that were saved, once it has turned round twice. Before the lock it is
    what the Deployment asks for.
    """
    begun = annotations_of(seen.migration).get(RECREATE_ANNOTATION, "")
    if begun.isdecimal():
        return int(begun)
    return replicas_of(seen.deployment) if seen.deployment is not None else 0


def surge(seen: Snapshot) -> int:
    """How many pods there may be beyond those wanted.

    ``spec.maxSurge`` as a percentage is rounded up, and is at least one: without any room for a
    new pod beside the old ones nothing could ever begin.
    """
    value = seen.migration["spec"].get("maxSurge", 1)
    if isinstance(value, int):
        return max(1, value)
    return max(1, math.ceil(wanted(seen) * int(value.removesuffix("%")) / 100))


def left_to_drain(seen: Snapshot, traffic: Traffic, pod: JsonObject) -> timedelta:
    """How long a pod that left every EndpointSlice is still kept alive, for those who lag behind.

    A proxy follows the slices a moment later, and requests under way want to end.
    """
    seconds = timedelta(seconds=seen.migration["spec"].get("drainSeconds", DRAIN_SECONDS))
    since = annotations_of(pod).get(DRAINED_ANNOTATION)
    if since is None:
        return seconds
    return max(timedelta(), seconds - max(timedelta(), traffic.now - parse_time(since)))
