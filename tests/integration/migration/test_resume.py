"""The controller is killed at every step, and the next one finishes what it began.

The real process, and SIGKILL: nothing of it can clean up. One installation goes to and fro, so the
same pods live through all of it. A killed leader's Lease would keep the next one out until it runs
out (tests of the Lease prove that); here somebody deletes it, to save the time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from mattermost_migrate.domain.names import (
    BACKUP_LABEL,
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    LEASE,
    LOCK_LABEL,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
)
from mattermost_migrate.domain.objects import labels_of
from mattermost_migrate.testing.cluster import Cluster, Process
from mattermost_migrate.testing.installations import Installations, condition
from mattermost_migrate.testing.witness import Entry

HOME = "mattermost-migrate"
LEASE_NAME = "mattermost-migrate-controller"
Point = Callable[[Entry], bool]


class Controllers:
    """One controller at a time, as the process that ships and with the rights it ships with."""

    def __init__(self, cluster: Cluster, kubeconfig: Path) -> None:
        self._cluster = cluster
        command = [sys.executable, "-m", "controller", "--operator", "builtin", "--namespace", HOME]
        self._process = cluster.run("migration-controller", command, KUBECONFIG=str(kubeconfig))

    def kill(self) -> None:
        self._process.kill()
        if self._cluster.admin.find(LEASE, HOME, LEASE_NAME):
            self._cluster.admin.delete(LEASE, HOME, LEASE_NAME)

    def start(self) -> None:
        self._process.start()

    @property
    def process(self) -> Process:
        return self._process


@pytest.fixture(scope="module")
def controllers(
    cluster: Cluster, kubeconfigs: dict[str, Path], both_in_one: None
) -> Iterator[Controllers]:
    both = Controllers(cluster, kubeconfigs["mattermost-migrate-controller"])
    yield both
    both.kill()


def locked(entry: Entry) -> bool:
    return entry.of(INSTALLATION_MIGRATION) and LOCK_LABEL in labels_of(entry.obj)


def saved(entry: Entry) -> bool:
    return entry.of(SECRET) and BACKUP_LABEL in labels_of(entry.obj)


def frozen(entry: Entry) -> bool:
    return entry.of(CLUSTER_INSTALLATION) and bool(entry.obj["spec"].get("migrate"))


def released(entry: Entry) -> bool:
    return entry.of(DEPLOYMENT) and "deletionTimestamp" in entry.obj["metadata"]


def relabelled(entry: Entry) -> bool:
    return entry.of(REPLICA_SET)


def pod_relabelled(entry: Entry) -> bool:
    return entry.of(POD)


def gone(entry: Entry) -> bool:
    return entry.of(DEPLOYMENT) and entry.gone


def exchanged(entry: Entry) -> bool:
    """There is a Deployment that nobody owns yet."""
    return entry.of(DEPLOYMENT) and "ownerReferences" not in entry.obj["metadata"]


def converted(entry: Entry) -> bool:
    return entry.of(MATTERMOST)


def removing(entry: Entry) -> bool:
    return (
        entry.of(CLUSTER_INSTALLATION) and "deletionTimestamp" in entry.obj["metadata"]
    ) or entry.gone


def mattermost_frozen(entry: Entry) -> bool:
    return entry.of(MATTERMOST) and not entry.obj["spec"]["ingress"]["host"]


def restored(entry: Entry) -> bool:
    return entry.of(CLUSTER_INSTALLATION)


def mattermost_removing(entry: Entry) -> bool:
    return entry.of(MATTERMOST) and (entry.gone or "deletionTimestamp" in entry.obj["metadata"])


THERE = (
    locked,
    saved,
    frozen,
    released,
    relabelled,
    pod_relabelled,
    gone,
    exchanged,
    converted,
    removing,
)
BACK = (
    locked,
    mattermost_frozen,
    released,
    relabelled,
    gone,
    exchanged,
    restored,
    mattermost_removing,
)


def killed_at(
    installations: Installations, controllers: Controllers, point: Point, kind: str
) -> bool:
    """Kill it there, start a fresh one, and wait until it has finished what was begun.

    Returns:
        Whether anything was left to be finished: it may have been faster than we are.
    """
    since = installations.witness.now()
    installations.ask("acme", kind=kind)
    installations.witness.until(
        lambda each: (
            each.obj["metadata"].get("namespace") == installations.namespace and point(each)
        ),
        since=since,
    )
    controllers.kill()
    interrupted = LOCK_LABEL in labels_of(installations.get(INSTALLATION_MIGRATION, "acme"))
    controllers.start()
    over = installations.until_ended("acme")
    assert condition(over, "Succeeded")["status"] == "True", over["status"]
    assert installations.harms(since) == (), point.__name__
    return interrupted


def test_a_fresh_controller_finishes_what_a_killed_one_began(
    installations: Installations, controllers: Controllers
) -> None:
    installations.create("acme")
    before: Any = installations.workload()
    spec = installations.get(CLUSTER_INSTALLATION, "acme")["spec"]
    interrupted: list[str] = []

    for there, back in zip_longest(THERE, BACK, fillvalue=exchanged):
        if killed_at(installations, controllers, there, MATTERMOST.kind):
            interrupted.append(there.__name__)
        assert installations.find(CLUSTER_INSTALLATION, "acme") is None
        assert installations.until_whole(MATTERMOST, "acme")
        if killed_at(installations, controllers, back, CLUSTER_INSTALLATION.kind):
            interrupted.append(back.__name__)
        assert installations.find(MATTERMOST, "acme") is None
        assert installations.get(CLUSTER_INSTALLATION, "acme")["spec"] == spec

    controllers.process.check()
    assert installations.workload() == before
    assert len(interrupted) > len(THERE), interrupted
