"""What kube-controller-manager's own caches must hold before a step goes on.

By its status a ReplicaSet says what its controller knows of; what we read ourselves proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from mattermost_migrate.domain.objects import JsonObject, name_of
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Wait

__all__ = ["await_labelled", "await_removed", "await_seen"]


def await_seen(replica_sets: Iterable[JsonObject]) -> Wait | None:
    """Wait until their controller knows of the last write to each."""
    for each in replica_sets:
        observed = (each.get("status") or {}).get("observedGeneration", 0)
        if observed < each["metadata"].get("generation", 0):
            return Wait(f"ReplicaSet {name_of(each)}: its controller has yet to see the new labels")
    return None


def await_labelled(replica_sets: Iterable[JsonObject]) -> Wait | None:
    """Wait until their controller knows that every pod has the labels of its template.

    Labelled pods are counted, not healthy ones, and those there are, not those wanted: neither
    readiness nor a full quota may stop an exchange.
    """
    for each in replica_sets:
        status = each.get("status") or {}
        if status.get("fullyLabeledReplicas", 0) != status.get("replicas", 0):
            where = f"ReplicaSet {name_of(each)}"
            return Wait(f"{where}: its controller has yet to see the labels of its pods")
    return None


def await_removed(seen: Snapshot) -> Wait | None:
    """Wait until the Deployment that was let go is gone."""
    if seen.former_deployment is None:
        return None
    return Wait(f"Deployment {seen.name}: the garbage collector has yet to remove it")
