"""Labels put on pods, or taken off, by writes that arrive when the migration was turned round."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest

from mattermost_migrate.domain.errors import StaleError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    MATTERMOST,
    POD,
    Condition,
    Strategy,
)
from mattermost_migrate.domain.objects import labels_of
from mattermost_migrate.domain.steps import Act
from mattermost_migrate.domain.writes import Write
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.ladder import climb, climb_until, decision, desire
from mattermost_migrate.testing.simulation import Simulation

SPECS: dict[Strategy, dict[str, Any]] = {
    Strategy.ADOPT: {},
    Strategy.RECREATE: {"strategy": "Recreate", "drainSeconds": 2},
}


def held_up(cluster: Simulation, step: Condition) -> list[Write]:
    """Go on until that step writes to pods; what it would have sent."""
    late: list[Write] = []

    def to_pods(write: Write) -> bool:
        decided = decision(cluster)
        if decided.current is not step or write.resource is not POD:
            return False
        assert isinstance(decided.verdict, Act)
        late.extend(each for each in decided.verdict.writes if each.resource is POD)
        return True

    climb_until(cluster, to_pods)
    cluster.settle()
    return late


def arrive(cluster: Simulation, *writes: Write) -> None:
    for write in writes:
        with contextlib.suppress(StaleError):
            cluster.apply(write)


@pytest.mark.parametrize("strategy", Strategy)
def test_no_pod_leaves_the_service_whenever_a_strip_arrives(strategy: Strategy) -> None:
    beginning = installed(cluster_installation(), **SPECS[strategy])
    climb(beginning)
    desire(beginning, "acme", CLUSTER_INSTALLATION.kind)
    late = held_up(beginning, Condition.PODS_STRIPPED)
    assert len(late) == 2
    desire(beginning, "acme", MATTERMOST.kind)
    beginning.watch_anew()
    for after in range(len(climb(copy.deepcopy(beginning)))):
        cluster, sent = copy.deepcopy(beginning), 0

        def send(write: Write, cluster: Simulation = cluster, after: int = after) -> None:
            nonlocal sent
            arrive(cluster, write)
            if sent == after:
                arrive(cluster, *late)
                cluster.settle()
            sent += 1

        climb(cluster, send=send)

        assert cluster.lost == set() or strategy is Strategy.RECREATE
        assert cluster.network.fewest_serving == 2, f"after {after}"
        assert cluster.network.cut_off == set()


@pytest.mark.parametrize("strategy", Strategy)
def test_no_label_is_left_that_arrives_when_all_is_over(strategy: Strategy) -> None:
    cluster = installed(cluster_installation(), **SPECS[strategy])
    before = [copy.deepcopy(labels_of(pod)) for pod in cluster.all(POD)]
    late = held_up(cluster, Condition.PODS_LABELLED)
    assert len(late) == 2
    desire(cluster, "acme", CLUSTER_INSTALLATION.kind)
    climb(cluster)

    arrive(cluster, *late)

    assert [labels_of(pod) for pod in cluster.all(POD)] == before
