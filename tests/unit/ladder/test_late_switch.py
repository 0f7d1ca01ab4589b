"""The Service's switch to the other kind's labels, held up until the migration was turned round.

The Service is held on the way back as well, by the same label; nothing need have been written to it
since the switch was decided on, and the pods that it would select by then are being taken out.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Iterator

import pytest

from mattermost_migrate.domain.errors import NotFoundError, StaleError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    MATTERMOST,
    SERVICE,
    SERVING_LABEL,
    Strategy,
)
from mattermost_migrate.domain.writes import Write
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.fault_schedules import harms
from mattermost_migrate.testing.ladder import climb, climb_until, desire
from mattermost_migrate.testing.simulation import Simulation

REPLICAS = 2
OTHER = {
    CLUSTER_INSTALLATION.kind: MATTERMOST.kind,
    MATTERMOST.kind: CLUSTER_INSTALLATION.kind,
}
SPEC = {"strategy": str(Strategy.RECREATE), "drainSeconds": 0}


def switches(write: Write) -> bool:
    """Whether it has the Service select by the labels of a kind again."""
    if write.resource is not SERVICE or not isinstance(write.body, dict):
        return False
    return SERVING_LABEL in (selector := write.body.get("spec", {}).get("selector", {})) and (
        selector[SERVING_LABEL] is None
    )


def turned(home: str) -> tuple[Simulation, Write]:
    """An installation on its way back, and the switch that has yet to arrive."""
    cluster = installed(cluster_installation(replicas=REPLICAS), **SPEC)
    if home == MATTERMOST.kind:
        climb(cluster)
        cluster.watch_anew()
    desire(cluster, "acme", OTHER[home])
    late = climb_until(cluster, switches)
    desire(cluster, "acme", home)
    return cluster, late


@pytest.mark.parametrize("home", list(OTHER))
def test_whenever_it_arrives_nobody_notices(home: str) -> None:
    start, late = turned(home)
    noticed = {}
    for number in itertools.count(1):
        cluster = copy.deepcopy(start)
        sent = itertools.count(1)

        def with_it(
            write: Write,
            cluster: Simulation = cluster,
            sent: Iterator[int] = sent,
            at: int = number,
        ) -> None:
            with contextlib.suppress(StaleError, NotFoundError):
                cluster.apply(write)
            if next(sent) == at:
                with contextlib.suppress(StaleError):
                    cluster.apply(late)

        climb(cluster, send=with_it)
        if problems := harms(cluster, REPLICAS, Strategy.RECREATE):
            noticed[number] = problems
        if next(sent) <= number:
            break

    assert noticed == {}
