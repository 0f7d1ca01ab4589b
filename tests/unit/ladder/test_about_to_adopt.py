"""No Deployment is deleted while it is about to adopt a ReplicaSet.

The garbage collector takes a Deployment that is deleted with propagation Orphan out of the
ReplicaSets that it knows to be owned by it. One that is adopted at that very moment keeps an owner
that is gone, and is collected, whatever pods it has. Once in a thousand random schedules on a real
control plane (seed 1021) it was an old revision without any.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    MATTERMOST,
    REPLICA_SET,
    Strategy,
)
from mattermost_migrate.domain.objects import controller_of, labels_of, name_of
from mattermost_migrate.domain.snapshot import selected_by
from mattermost_migrate.domain.writes import Verb, Write
from mattermost_migrate.testing.fault_schedules import beginning, use
from mattermost_migrate.testing.ladder import climb, desire
from mattermost_migrate.testing.simulation import Simulation

HERE, AWAY = CLUSTER_INSTALLATION.kind, MATTERMOST.kind


def at_home(kind: str, strategy: Strategy) -> Simulation:
    start, _ = beginning(2, strategy, strategy)
    cluster = copy.deepcopy(start)
    use(cluster, strategy)
    if kind == AWAY:
        desire(cluster, "acme", kind)
        climb(cluster)
    return cluster


def about_to_be_adopted(cluster: Simulation) -> set[str]:
    """ReplicaSets that nobody owns, and the Deployment selects."""
    (deployment,) = cluster.all(DEPLOYMENT)
    return {
        name_of(each)
        for each in cluster.all(REPLICA_SET)
        if controller_of(each) is None
        and selected_by(deployment).items() <= labels_of(each).items()
    }


def checked(cluster: Simulation, lost: set[str]) -> Callable[[Write], None]:
    """Sends a write, and notes whom a Deployment that it deletes was about to adopt."""

    def send(write: Write) -> None:
        if write.verb is Verb.DELETE and write.resource is DEPLOYMENT:
            lost.update(about_to_be_adopted(cluster))
        cluster.apply(write)

    return send


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize(("home", "away"), [(HERE, AWAY), (AWAY, HERE)])
def test_it_is_waited_for_wherever_it_turns(home: str, away: str, strategy: Strategy) -> None:
    cluster, lost = at_home(home, strategy), set[str]()
    go_on = checked(cluster, lost)

    def send(write: Write) -> None:
        go_on(write)
        turned = copy.deepcopy(cluster)
        desire(turned, "acme", home)
        climb(turned, send=checked(turned, lost))

    desire(cluster, "acme", away)
    climb(cluster, send=send)

    assert lost == set()
