"""The controller is killed while new pods replace old ones, and the next one finishes it.

The real process, and SIGKILL, at what each kind of write leaves behind; there and back, by the same
road. A killed leader's Lease would keep the next one out until it runs out (tests of the Lease
prove that); here somebody deletes it, to save the time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Final

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    DRAINED_ANNOTATION,
    INSTALLATION_MIGRATION,
    LEASE,
    LOCK_LABEL,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SERVICE,
    SERVING_LABEL,
)
from mattermost_migrate.domain.objects import annotations_of, labels_of
from mattermost_migrate.testing.cluster import Cluster, Process
from mattermost_migrate.testing.installations import Installations, succeeded
from mattermost_migrate.testing.succession import Succession
from mattermost_migrate.testing.witness import Entry

HOME: Final = "mattermost-migrate"
LEASE_NAME: Final = "mattermost-migrate-controller"
Point = Callable[[Entry], bool]


@pytest.fixture(scope="module")
def controller_process(
    cluster: Cluster, kubeconfigs: dict[str, Path], both_in_one: None
) -> Iterator[Process]:
    command = [sys.executable, "-m", "controller", "--operator", "builtin", "--namespace", HOME]
    kubeconfig = str(kubeconfigs["mattermost-migrate-controller"])
    process = cluster.run("recreating-controller", command, KUBECONFIG=kubeconfig)
    yield process
    kill(process, cluster)


def kill(process: Process, cluster: Cluster) -> None:
    process.kill()
    if cluster.admin.find(LEASE, HOME, LEASE_NAME):
        cluster.admin.delete(LEASE, HOME, LEASE_NAME)


def released(entry: Entry) -> bool:
    return entry.of(DEPLOYMENT) and "deletionTimestamp" in entry.obj["metadata"]


def held(entry: Entry) -> bool:
    return entry.of(SERVICE) and SERVING_LABEL in entry.obj["spec"]["selector"]


def created(entry: Entry) -> bool:
    return entry.of(DEPLOYMENT) and "ownerReferences" not in entry.obj["metadata"]


def drained(entry: Entry) -> bool:
    return entry.of(POD) and DRAINED_ANNOTATION in annotations_of(entry.obj)


def emptied(entry: Entry) -> bool:
    return entry.of(REPLICA_SET) and entry.obj["spec"]["replicas"] == 0


POINTS: Final = (released, held, created, drained, emptied)


def test_a_fresh_controller_finishes_what_a_killed_one_began(
    installations: Installations, cluster: Cluster, controller_process: Process
) -> None:
    installations.create("acme")
    interrupted: list[str] = []

    kinds = cycle((MATTERMOST.kind, CLUSTER_INSTALLATION.kind))
    for point, kind in zip(POINTS, kinds, strict=False):
        since = installations.witness.now()
        installations.ask("acme", kind=kind, strategy="Recreate", drainSeconds=1)
        installations.witness.until(inside(installations.namespace, point), since=since)
        kill(controller_process, cluster)
        if LOCK_LABEL in labels_of(installations.get(INSTALLATION_MIGRATION, "acme")):
            interrupted.append(point.__name__)
        controller_process.start()

        assert succeeded(installations.until_ended("acme"))
        other = MATTERMOST if kind == CLUSTER_INSTALLATION.kind else CLUSTER_INSTALLATION
        assert installations.find(other, "acme") is None
        happened = Succession(installations.chronicle(since), "acme", wanted=2, surge=1)
        assert happened.harms() == (), point.__name__

    controller_process.check()
    assert len(interrupted) >= len(POINTS) - 1, interrupted


def inside(namespace: str, point: Point) -> Point:
    return lambda entry: entry.obj["metadata"].get("namespace") == namespace and point(entry)
