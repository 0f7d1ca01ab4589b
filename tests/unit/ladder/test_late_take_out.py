"""Recreate, turned round: an old pod that was taken out stays, or that is about to be."""

from __future__ import annotations

import contextlib
import copy

import pytest

from mattermost_migrate.domain.errors import StaleError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DELETION_COST,
    NAMED_ANNOTATION,
    POD,
    REPLICA_SET,
)
from mattermost_migrate.domain.objects import annotations_of
from mattermost_migrate.domain.writes import Write
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.ladder import climb, climb_until, desire
from mattermost_migrate.testing.simulation import Simulation


def turned_round(*, sent: bool, drain: int = 5) -> tuple[Simulation, Write]:
    """On the way back, and the write that took the first old pod out, sent or not."""
    spec = {"strategy": "Recreate", "drainSeconds": drain}
    cluster = installed(cluster_installation(), **spec)

    def takes_out(write: Write) -> bool:
        return write.resource is POD and "serving': None" in str(write.body)

    late = climb_until(cluster, takes_out)
    if sent:
        cluster.apply(late)
    desire(cluster, "acme", CLUSTER_INSTALLATION.kind)
    return cluster, late


def test_enough_pods_serve_whenever_it_arrives() -> None:
    beginning, late = turned_round(sent=False)
    for after in range(len(climb(copy.deepcopy(beginning)))):
        cluster, sent = copy.deepcopy(beginning), 0

        def send(write: Write, cluster: Simulation = cluster, after: int = after) -> None:
            nonlocal sent
            with contextlib.suppress(StaleError):
                cluster.apply(write)
            if sent == after:
                with contextlib.suppress(StaleError):
                    cluster.apply(late)
                cluster.settle()
            sent += 1

        climb(cluster, send=send)

        assert cluster.network.fewest_serving == 2, f"after {after}"
        assert cluster.network.cut_off == set()


@pytest.mark.parametrize("drain", [0, 5])
def test_one_that_serves_again_is_not_the_first_to_go(drain: int) -> None:
    """What its informer keeps of a pod must hold what is taken off it then."""
    cluster, _ = turned_round(sent=True, drain=drain)

    climb(cluster)

    for obj in (*cluster.all(POD), *cluster.all(REPLICA_SET)):
        assert not {DELETION_COST, NAMED_ANNOTATION} & annotations_of(obj).keys()
