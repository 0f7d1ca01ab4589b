"""Who is who while new pods replace old ones: the two crews of an installation.

The two Deployments never share a ReplicaSet that has pods: one adopts by the labels of the
ReplicaSet itself, not of its pods, so each crew's ReplicaSets carry the labels of one kind only.
That is also how they are told apart here, whichever way the migration goes and however often it
turned round.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from mattermost_migrate.domain import freeze
from mattermost_migrate.domain.fleet.amounts import rounded_up
from mattermost_migrate.domain.names import (
    DELETION_COST,
    DRAINED_ANNOTATION,
    RECREATE_ANNOTATION,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of, labels_of, leaving, uid_of
from mattermost_migrate.domain.reported import parse_time
from mattermost_migrate.domain.snapshot import Snapshot, Traffic, owned_by
from mattermost_migrate.domain.spans import span

__all__ = [
    "DRAINED",
    "DRAIN_SECONDS",
    "TAKEN_OUT",
    "UNSERVED",
    "handed_over",
    "has_pods",
    "left_to_drain",
    "new_pods",
    "old_pods",
    "old_sets",
    "replicas_of",
    "settled_sets",
    "surge",
    "wanted",
    "was_taken_out",
]

#: What ``spec.drainSeconds`` is where nobody says otherwise; also the default in the CRDs.
DRAIN_SECONDS: Final = 5
#: Deletion costs, by which its ReplicaSet removes a pod before others: what never served, then what
#: is drained, then what was merely taken out, be it by a write that arrives when the cut is made.
UNSERVED: Final = "-2147483648"
DRAINED: Final = "-2147483647"
TAKEN_OUT: Final = "-2147483646"


def handed_over(seen: Snapshot) -> bool:
    """Whether the new pods are the operator's already: nothing of the exchange is left to do."""
    return seen.exchanged and seen.target is not None and not freeze.frozen(seen.target)


def replicas_of(owner: JsonObject) -> int:
    """How many pods a Deployment or ReplicaSet asks for."""
    return int(owner["spec"].get("replicas", 1))


def has_pods(seen: Snapshot, replica_set: JsonObject) -> bool:
    """Whether a ReplicaSet has pods, or asks for some."""
    return bool(replicas_of(replica_set) or seen.pods_of(replica_set))


def old_sets(seen: Snapshot) -> tuple[JsonObject, ...]:
    """ReplicaSets whose pods have to go: of the giving side, with pods or asking for some."""
    return tuple(each for each in seen.replica_sets if _is_old(seen, each))


def _is_old(seen: Snapshot, replica_set: JsonObject) -> bool:
    deployment = seen.deployment if seen.exchanged else None
    if deployment is not None and owned_by(replica_set, uid_of(deployment)):
        return False
    return (
        has_pods(seen, replica_set)
        and seen.giving.labels.of(seen.name).items() <= labels_of(replica_set).items()
    )


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
        pod for each in settled_sets(seen) for pod in seen.pods_of(each) if not leaving(pod)
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
    return max(1, rounded_up(value, wanted(seen)))


def was_taken_out(pod: JsonObject) -> bool:
    """Whether the pod served until it was taken out of service."""
    return annotations_of(pod).get(DELETION_COST) in (TAKEN_OUT, DRAINED)


def left_to_drain(seen: Snapshot, traffic: Traffic, pod: JsonObject) -> timedelta:
    """How long a pod that left every EndpointSlice is still kept alive, for those who lag behind.

    A proxy follows the slices a moment later, and requests under way want to end. A pod that was
    taken out left the slices by what is written on it, so the cache that its ReplicaSet goes by
    holds its deletion cost; of one that never served, time alone can tell.
    """
    drain = seen.migration["spec"].get("drainSeconds", DRAIN_SECONDS)
    seconds = span(drain if was_taken_out(pod) else max(drain, DRAIN_SECONDS))
    since = annotations_of(pod).get(DRAINED_ANNOTATION)
    if since is None:
        return seconds
    return max(timedelta(), seconds - max(timedelta(), traffic.now - parse_time(since)))
