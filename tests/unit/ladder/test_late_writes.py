"""Every write of a migration, held up until it was turned round and is over."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import pytest

from mattermost_migrate.domain.errors import AlreadyExistsError, NotFoundError, StaleError
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Strategy
from mattermost_migrate.inspection import State, inspect
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.fault_schedules import essence, scene
from mattermost_migrate.testing.ladder import climb, climb_until, desire, undo_late
from mattermost_migrate.testing.simulation import Simulation

SPECS: dict[Strategy, dict[str, Any]] = {
    Strategy.ADOPT: {},
    Strategy.RECREATE: {"strategy": "Recreate", "drainSeconds": 0},
}
WAYS = (MATTERMOST.kind, CLUSTER_INSTALLATION.kind)
WHOLE = {
    MATTERMOST.kind: State.WHOLE_AS_MATTERMOST,
    CLUSTER_INSTALLATION.kind: State.WHOLE_AS_CLUSTER_INSTALLATION,
}


def setting_out(strategy: Strategy, way: str) -> Simulation:
    cluster = installed(cluster_installation(), **SPECS[strategy])
    if way == CLUSTER_INSTALLATION.kind:
        climb(cluster)
        cluster.watch_anew()
    return cluster


def writes_of(strategy: Strategy, way: str) -> int:
    cluster = setting_out(strategy, way)
    desire(cluster, "acme", way)
    return len(climb(cluster))


@pytest.mark.parametrize(
    ("strategy", "way", "number"),
    [
        (strategy, way, number)
        for strategy in Strategy
        for way in WAYS
        for number in range(writes_of(strategy, way))
    ],
)
def test_nothing_is_left_of_a_write_that_arrives_when_all_is_over(
    strategy: Strategy, way: str, number: int
) -> None:
    cluster = setting_out(strategy, way)
    (stays,) = set(WAYS) - {way}
    numbers = itertools.count()
    desire(cluster, "acme", way)
    late = climb_until(cluster, lambda _: next(numbers) == number)
    desire(cluster, "acme", stays)
    climb(cluster)
    before = essence(cluster)

    with contextlib.suppress(StaleError, NotFoundError, AlreadyExistsError):
        cluster.apply(late)
    cluster.settle()
    undo_late(cluster)
    cluster.settle()

    assert inspect(scene(cluster), "ns", "acme").state is WHOLE[stays]
    assert essence(cluster) == before
    assert cluster.violations == []
    assert cluster.network.fewest_serving == 2
    assert cluster.network.cut_off == set()
