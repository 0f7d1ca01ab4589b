"""The EndpointSlice controller lags: its cache of Services is old, and its cache of pods is not.

Watches of two kinds race each other. A pod that loses the labels by which the Service was known to
select, a moment ago, leaves its EndpointSlices, whatever the Service selects by now.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    ENDPOINT_SLICE,
    MATTERMOST,
    POD,
    SERVICE_NAME_LABEL,
    V1BETA1,
    Strategy,
)
from mattermost_migrate.domain.objects import labels_of
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.fault_schedules import harms
from mattermost_migrate.testing.ladder import StuckError, climb, desire
from mattermost_migrate.testing.simulation import Simulation

REPLICAS = 2
FOLLOW = "EndpointSlices have yet to follow"


class Lag:
    """What of the EndpointSlice controller stands still: its watch of Services, or its work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cluster: Simulation) -> None:
        self._patch, self._network = monkeypatch, cluster.network
        self._moves: dict[str, Callable[[], bool]] = {
            name: getattr(cluster.network, name) for name in ("inform_services", "run")
        }

    def begin(self, *names: str) -> None:
        for name in names:
            self._patch.setattr(self._network, name, lambda: False)

    def end(self, *names: str) -> None:
        for name in names or self._moves:
            self._patch.setattr(self._network, name, self._moves[name])


@pytest.fixture
def cluster() -> Simulation:
    return installed(cluster_installation(replicas=REPLICAS))


@pytest.fixture
def lag(monkeypatch: pytest.MonkeyPatch, cluster: Simulation) -> Lag:
    return Lag(monkeypatch, cluster)


def go_as_far_as_it_gets(cluster: Simulation, kind: str = "") -> str:
    """Which wait is without end while the controller lags; empty when there is none."""
    if kind:
        desire(cluster, "acme", kind)
    try:
        climb(cluster)
    except StuckError as stuck:
        return str(stuck)
    return ""


def finish(cluster: Simulation, lag: Lag) -> None:
    lag.end()
    cluster.settle()
    climb(cluster)


def noticed(cluster: Simulation) -> list[str]:
    return harms(cluster, REPLICAS, Strategy.ADOPT)


def bear(cluster: Simulation, key: str = V1BETA1.installation) -> int:
    """How many pods carry the label."""
    return sum(key in labels_of(pod) for pod in cluster.all(POD))


def test_pods_are_stripped_when_its_slices_follow_the_service(
    cluster: Simulation, lag: Lag
) -> None:
    """Random schedule 7196: it went by the Mattermost's selector when no pod bore such labels."""
    climb(cluster)
    lag.begin("inform_services")

    stuck = go_as_far_as_it_gets(cluster, CLUSTER_INSTALLATION.kind)

    assert noticed(cluster) == []
    assert FOLLOW in stuck
    assert bear(cluster) == REPLICAS
    finish(cluster, lag)
    assert noticed(cluster) == []
    assert bear(cluster) == 0


def test_slices_from_before_the_way_there_are_not_taken_for_an_answer(
    cluster: Simulation, lag: Lag
) -> None:
    """It knows the Mattermost's Service and has yet to act on it: slices look as in the end."""
    lag.begin("run")
    climb(cluster)
    lag.begin("inform_services")

    stuck = go_as_far_as_it_gets(cluster, CLUSTER_INSTALLATION.kind)
    lag.end("run")
    cluster.settle()

    assert noticed(cluster) == []
    assert FOLLOW in stuck
    assert FOLLOW in go_as_far_as_it_gets(cluster)
    assert bear(cluster) == REPLICAS
    finish(cluster, lag)
    assert noticed(cluster) == []


def test_turned_round_before_its_slices_follow_it_awaits_them_likewise(
    cluster: Simulation, lag: Lag
) -> None:
    """Else slices of this way back would be taken for those of the next."""
    climb(cluster)
    lag.begin("inform_services")
    go_as_far_as_it_gets(cluster, CLUSTER_INSTALLATION.kind)

    stuck = go_as_far_as_it_gets(cluster, MATTERMOST.kind)

    assert FOLLOW in stuck
    finish(cluster, lag)
    assert noticed(cluster) == []
    assert bear(cluster) == REPLICAS


@pytest.mark.parametrize("kind", [MATTERMOST.kind, CLUSTER_INSTALLATION.kind])
def test_nobody_is_awaited_who_follows_by_other_rules(cluster: Simulation, kind: str) -> None:
    """Slices of others than Kubernetes' own controller: their labels prove nothing."""
    labels = {
        SERVICE_NAME_LABEL: "acme",
        "endpointslice.kubernetes.io/managed-by": "somebody.example.com",
        V1BETA1.installation: "another",
    }
    slices = {"metadata": {"name": "foreign", "labels": labels}, "endpoints": []}
    cluster.put(ENDPOINT_SLICE, slices)
    if kind == CLUSTER_INSTALLATION.kind:
        climb(cluster)

    assert go_as_far_as_it_gets(cluster, kind) == ""
