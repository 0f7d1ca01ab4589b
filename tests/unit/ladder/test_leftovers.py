"""A ReplicaSet that is made for a Deployment that is gone, and how it goes: Kubernetes' own race.

The Deployment controller reads its Deployment live before it adopts a ReplicaSet, and not before it
creates one. The garbage collector deletes that in the background: it is gone before its pods are
found to have no owner left.
"""

from __future__ import annotations

import functools

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    POD,
    REPLICA_SET,
    SERVING_LABEL,
    Strategy,
)
from mattermost_migrate.domain.writes import Verb, Write, patch
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.fault_schedules import harms
from mattermost_migrate.testing.ladder import climb, desire
from mattermost_migrate.testing.simulation import Simulation

REPLICAS = 2
SPEC = {"strategy": str(Strategy.RECREATE), "drainSeconds": 0}


class StoppedError(Exception):
    """The engine does nothing more for now."""


def until(cluster: Simulation, verb: Verb) -> None:
    """Go on until a Deployment is written to so."""

    def send(write: Write) -> None:
        cluster.apply(write)
        if (write.resource, write.verb) == (DEPLOYMENT, verb):
            raise StoppedError

    with pytest.raises(StoppedError):
        climb(cluster, send=send)


def move(cluster: Simulation, *names: str) -> None:
    """Have controllers move one after another, each watched as in a random schedule."""
    for name in names:
        moves = (each for each in cluster.controllers() if isinstance(each, functools.partial))
        next(each for each in moves if each.args[0].__name__ == name)()


@pytest.fixture
def cluster() -> Simulation:
    """On its way back, with a ReplicaSet and a pod that nobody asked for any more."""
    cluster = installed(cluster_installation(replicas=REPLICAS), **SPEC)
    until(cluster, Verb.PATCH)
    move(cluster, "inform_deployments")
    desire(cluster, "acme", CLUSTER_INSTALLATION.kind)
    until(cluster, Verb.DELETE)
    move(cluster, "collect", "run_deployments", "run_replica_sets", "run_kubelet")
    assert cluster.find(DEPLOYMENT, "acme") is None
    assert len([*cluster.all(REPLICA_SET)]) == 2
    return cluster


def noticed(cluster: Simulation) -> list[str]:
    return harms(cluster, REPLICAS, Strategy.RECREATE)


def test_until_its_pods_are_collected_they_are_leftovers(cluster: Simulation) -> None:
    """Random schedule 3570 of Recreate."""
    move(cluster, "collect")

    assert len([*cluster.all(REPLICA_SET)]) == 1
    assert len([*cluster.all(POD)]) == REPLICAS + 1
    assert noticed(cluster) == []
    assert any(each.startswith("Pod/acme-new") for each in cluster.leftovers)
    climb(cluster)
    assert noticed(cluster) == []
    assert len([*cluster.all(POD)]) == REPLICAS


def test_one_of_them_that_serves_is_missed(cluster: Simulation) -> None:
    left = next(name for pod in cluster.all(POD) if "new" in (name := pod["metadata"]["name"]))
    cluster.apply(patch(POD, left, {"metadata": {"labels": {SERVING_LABEL: "acme"}}}))
    move(cluster, "inform_services", "inform_pods", "run", "collect")

    assert [each for each in noticed(cluster) if "does not exist" in each]


@pytest.mark.parametrize("name", ["acme-5d9f", "acme-new7"])
def test_any_other_that_names_nobody_is_a_violation(cluster: Simulation, name: str) -> None:
    owner = {"kind": "Deployment", "name": "acme", "uid": "nobody's", "controller": True}
    cluster.put(
        REPLICA_SET,
        {
            "metadata": {"name": name, "labels": {}, "ownerReferences": [owner]},
            "spec": {"replicas": 0, "selector": {}, "template": {"metadata": {}}},
        },
    )
    desire(cluster, "acme", CLUSTER_INSTALLATION.kind)

    assert f"ReplicaSet/{name} names owner nobody's, which does not exist" in noticed(cluster)
