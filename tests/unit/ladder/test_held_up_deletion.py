"""A custom resource that was deleted and stays, for somebody else's finalizer.

The garbage collector has done what Orphan asks for by then, so whoever is given such a one as owner
goes with it in the end: Deployment, Service, database. Turned round there, the way back waits until
it is gone, and creates it anew.
"""

from __future__ import annotations

import copy

import pytest

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Resource, Strategy
from mattermost_migrate.domain.objects import JsonObject, owners_of, uid_of
from mattermost_migrate.domain.writes import Verb, patch
from mattermost_migrate.testing.fault_schedules import beginning, essence, harms
from mattermost_migrate.testing.ladder import StuckError, climb, climb_until, desire
from mattermost_migrate.testing.simulation import Simulation

FINALIZER = "example.com/billing"
REPLICAS = 2


def being_deleted(resource: Resource, strategy: Strategy) -> tuple[Simulation, JsonObject]:
    """An installation whose old custom resource is on its way out; and what it was before."""
    start, _ = beginning(REPLICAS, strategy)
    cluster, away = copy.deepcopy(start), MATTERMOST
    if resource is MATTERMOST:
        desire(cluster, "acme", MATTERMOST.kind)
        climb(cluster)
        cluster.watch_anew()
        away = CLUSTER_INSTALLATION
    body = {"metadata": {"finalizers": [FINALIZER]}}
    cluster.apply(patch(resource, "acme", body))
    before = essence(cluster, strategy)
    desire(cluster, "acme", away.kind)
    cluster.apply(
        climb_until(cluster, lambda each: each.verb is Verb.DELETE and each.resource is resource)
    )
    cluster.settle()
    return cluster, before


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("resource", [CLUSTER_INSTALLATION, MATTERMOST], ids=str)
def test_turned_round_nobody_is_given_to_it(resource: Resource, strategy: Strategy) -> None:
    cluster, before = being_deleted(resource, strategy)
    going = uid_of(cluster.find(resource, "acme") or {})

    desire(cluster, "acme", resource.kind)
    with pytest.raises(StuckError, match=f"{resource.kind} acme: is being deleted.*{FINALIZER}"):
        climb(cluster)
    assert not [
        obj for obj in cluster.objects() if going in {owner["uid"] for owner in owners_of(obj)}
    ]

    cluster.apply(patch(resource, "acme", {"metadata": {"finalizers": None}}))
    climb(cluster)

    after = cluster.find(resource, "acme") or {}
    assert uid_of(after) != going
    assert after["metadata"]["finalizers"] == [FINALIZER]
    assert essence(cluster, strategy) == before
    assert harms(cluster, REPLICAS, strategy) == []
