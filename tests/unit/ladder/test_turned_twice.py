"""Recreate turned round, and round again, at each of its actions, whatever was before.

Which ReplicaSet has the pods that go is told by labels alone once its Deployment is gone, and old
revisions of an installation that went to and fro carry those of both sides. Each of these broke
once: pods in service were ended for others that are just like them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Strategy
from mattermost_migrate.domain.steps import Act, Done, Wait
from mattermost_migrate.testing.fault_schedules import beginning, harms, use
from mattermost_migrate.testing.ladder import climb, decision, desire
from mattermost_migrate.testing.simulation import Simulation

REPLICAS = 2
#: Actions on the way back before it turns again: to the Deployment that is created, held, and on.
BACK = (1, 2, 6, 8, 10, 12, 14)


def at_home(kind: str, past: Strategy) -> Simulation:
    """An installation that is that kind, and got there by that strategy."""
    start, _ = beginning(REPLICAS, Strategy.RECREATE, past)
    cluster = copy.deepcopy(start)
    if kind == MATTERMOST.kind:
        use(cluster, past)
        desire(cluster, "acme", kind)
        climb(cluster)
        use(cluster, Strategy.RECREATE)
        cluster.settle()
        cluster.watch_anew()
    return cluster


def act(cluster: Simulation) -> bool:
    """Wait as long as there is to wait, and act once; False when all is done."""
    while True:
        match decision(cluster).verdict:
            case Act() as action:
                for write in action.writes:
                    cluster.apply(write)
                return True
            case Wait():
                cluster.settle()
            case Done():
                return False
            case verdict:
                raise AssertionError(verdict)


def on_the_way(cluster: Simulation, kind: str) -> Iterator[Simulation]:
    """Copies of it after each action of a migration to that kind."""
    desire(cluster, "acme", kind)
    while act(cluster):
        yield copy.deepcopy(cluster)


@pytest.mark.parametrize("past", list(Strategy))
@pytest.mark.parametrize("home", [CLUSTER_INSTALLATION.kind, MATTERMOST.kind])
def test_nobody_notices(home: str, past: Strategy) -> None:
    away = MATTERMOST.kind if home == CLUSTER_INSTALLATION.kind else CLUSTER_INSTALLATION.kind
    noticed = {}
    for there, cluster in enumerate(on_the_way(at_home(home, past), away), 1):
        for back, turned in enumerate(on_the_way(cluster, home), 1):
            if back in BACK:
                desire(turned, "acme", away)
                climb(turned)
                if problems := harms(turned, REPLICAS, Strategy.RECREATE):
                    noticed[there, back] = problems
            if back == max(BACK):
                break

    assert noticed == {}
