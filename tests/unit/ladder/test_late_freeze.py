"""A freeze that arrives when the migration was turned round and is over."""

from __future__ import annotations

import copy

import pytest

from mattermost_migrate.domain import freeze
from mattermost_migrate.domain.late import thaw_late
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Resource
from mattermost_migrate.domain.objects import annotations_of
from mattermost_migrate.domain.steps import Act
from mattermost_migrate.domain.writes import Write
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.ladder import climb, climb_until, desire
from mattermost_migrate.testing.simulation import Simulation


def turned_round(resource: Resource) -> tuple[Simulation, Write]:
    """An installation that stayed of that kind, and the freeze that has yet to arrive."""
    cluster = installed(cluster_installation())
    other = MATTERMOST if resource is CLUSTER_INSTALLATION else CLUSTER_INSTALLATION
    if resource is MATTERMOST:
        climb(cluster)
    desire(cluster, "acme", other.kind)
    late = climb_until(cluster, lambda write: write.resource is resource)
    desire(cluster, "acme", resource.kind)
    climb(cluster)
    return cluster, late


@pytest.mark.parametrize("resource", [CLUSTER_INSTALLATION, MATTERMOST], ids=str)
def test_it_is_undone(resource: Resource) -> None:
    cluster, late = turned_round(resource)
    before = copy.deepcopy(cluster.find(resource, "acme") or {})
    assert thaw_late(cluster.look("acme")) is None

    cluster.apply(late)
    cluster.settle()
    assert freeze.frozen(cluster.find(resource, "acme") or {})
    act = thaw_late(cluster.look("acme"))
    assert isinstance(act, Act)
    for write in act.writes:
        cluster.apply(write)

    after = cluster.find(resource, "acme") or {}
    assert after["spec"] == before["spec"]
    assert annotations_of(after) == annotations_of(before)
    assert thaw_late(cluster.look("acme")) is None


def test_what_is_frozen_while_a_migration_runs_is_left_alone() -> None:
    cluster, _ = turned_round(CLUSTER_INSTALLATION)
    desire(cluster, "acme", MATTERMOST.kind)

    cluster.apply(climb_until(cluster, lambda write: write.resource is CLUSTER_INSTALLATION))

    assert thaw_late(cluster.look("acme")) is None
