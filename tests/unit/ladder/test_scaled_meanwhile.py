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


def scaled(before: int, after: int) -> tuple[Simulation, list[str]]:
    """An installation that is scaled when its Deployment is about to go; and what was written."""
    start, _ = beginning(before, Strategy.RECREATE)
    cluster = copy.deepcopy(start)
    climb_until(cluster, releases)
    cluster.apply(patch(DEPLOYMENT, "acme", {"spec": {"replicas": after}}))
    cluster.settle()
    cluster.watch_anew()
    return cluster, climb(cluster)


def test_none_of_them_is_taken_out() -> None:
    cluster, writes = scaled(REPLICAS, MORE)

    assert harms(cluster, MORE, Strategy.RECREATE) == []
    assert len(list(cluster.all(POD))) == MORE
    assert writes.count(f"patch {INSTALLATION_MIGRATION}/acme") == 2, "noted, and unlocked"


def test_where_there_are_fewer_by_then_nothing_more_is_written() -> None:
    cluster, writes = scaled(MORE, REPLICAS)

    assert writes.count(f"patch {INSTALLATION_MIGRATION}/acme") == 1, "unlocked"
    assert harms(cluster, REPLICAS, Strategy.RECREATE, surge=MORE - REPLICAS + 1) == []
