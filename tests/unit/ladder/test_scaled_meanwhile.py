"""Pods that an autoscaler adds between the lock and the end of the old Deployment are kept.

When that is gone only the lock says how many pods there were.
"""

from __future__ import annotations

import copy

from mattermost_migrate.domain.names import DEPLOYMENT, INSTALLATION_MIGRATION, POD, Strategy
from mattermost_migrate.domain.writes import Verb, Write, patch
from mattermost_migrate.testing.fault_schedules import beginning, harms
from mattermost_migrate.testing.ladder import climb, climb_until
from mattermost_migrate.testing.simulation import Simulation

REPLICAS, MORE = 2, 6


def releases(write: Write) -> bool:
    return write.verb is Verb.DELETE and write.resource is DEPLOYMENT


def scaled(cluster: Simulation, replicas: int) -> None:
    cluster.apply(patch(DEPLOYMENT, "acme", {"spec": {"replicas": replicas}}))
    cluster.settle()
    cluster.watch_anew()


def test_none_of_them_is_taken_out() -> None:
    start, _ = beginning(REPLICAS, Strategy.RECREATE)
    cluster = copy.deepcopy(start)
    climb_until(cluster, releases)
    scaled(cluster, MORE)

    writes = climb(cluster)

    assert harms(cluster, MORE, Strategy.RECREATE) == []
    assert len(list(cluster.all(POD))) == MORE
    assert writes.count(f"patch {INSTALLATION_MIGRATION}/acme") == 2, "noted, and unlocked"


def test_where_there_are_fewer_by_then_nothing_more_is_written() -> None:
    start, _ = beginning(MORE, Strategy.RECREATE)
    cluster = copy.deepcopy(start)
    climb_until(cluster, releases)
    scaled(cluster, REPLICAS)

    writes = climb(cluster)

    assert writes.count(f"patch {INSTALLATION_MIGRATION}/acme") == 1, "unlocked"
    assert harms(cluster, REPLICAS, Strategy.RECREATE, surge=MORE - REPLICAS + 1) == []
