"""Recreate, turned round when a pod of the crew that has to go is ready and never served.

Its ReplicaSet is told how many pods to remove, and not which: ready pods are alike to it, but for
what its cache holds of their deletion costs.
"""

from __future__ import annotations

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    POD,
    SERVING_LABEL,
)
from mattermost_migrate.domain.objects import labels_of
from mattermost_migrate.domain.snapshot import pod_ready
from mattermost_migrate.domain.writes import Write
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.ladder import climb, climb_until, desire
from mattermost_migrate.testing.simulation import Simulation


def turned_round(drain: int) -> Simulation:
    """On the way back; of the two pods of the other kind one serves, and one never did."""
    spec = {"strategy": "Recreate", "drainSeconds": drain}
    cluster = installed(cluster_installation(), **spec)

    def second_serves(write: Write) -> bool:
        serving = [pod for pod in cluster.all(POD) if SERVING_LABEL in labels_of(pod)]
        made = [pod for pod in serving if "-new" in pod["metadata"]["name"]]
        return bool(made) and write.resource is POD and "-new" in write.name

    climb_until(cluster, second_serves)
    desire(cluster, "acme", CLUSTER_INSTALLATION.kind)
    return cluster


@pytest.mark.parametrize("drain", [0, 1, 5])
def test_the_one_that_serves_is_not_ended_for_it(drain: int) -> None:
    cluster = turned_round(drain)
    assert sum(map(pod_ready, cluster.all(POD))) == 3

    climb(cluster)

    assert cluster.network.cut_off == set()
    assert cluster.network.fewest_serving == 2
