from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from mattermost_migrate.domain.editlock import Unknown, lock_of
from mattermost_migrate.domain.names import INSTALLATION_MIGRATION, LOCK_LABEL, Lock
from mattermost_migrate.testing.cluster import Client, Cluster, LocalCluster
from webhook.knowledge import ClusterMigrations

MIGRATION = {
    "metadata": {"name": "chat", "labels": {LOCK_LABEL: "frozen"}},
    "spec": {"desiredKind": "Mattermost"},
}


@pytest.fixture
def migrations(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterMigrations]:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    running = ClusterMigrations.start()
    yield running
    running.stop()


def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_memory_follows_the_cluster(
    migrations: ClusterMigrations, admin: Client, namespace: str
) -> None:
    assert migrations.known(namespace, "chat") is None
    until(lambda: migrations.synced)

    admin.create(INSTALLATION_MIGRATION, namespace, MIGRATION)
    until(lambda: migrations.known(namespace, "chat"))
    known = migrations.known(namespace, "chat")
    assert not isinstance(known, Unknown | None)
    assert lock_of(known) is Lock.FROZEN
    assert known["spec"] == {"desiredKind": "Mattermost"}
    assert migrations.known("another", "chat") is None

    unlocked = {"metadata": {"labels": {LOCK_LABEL: None}}}
    admin.patch(INSTALLATION_MIGRATION, namespace, "chat", unlocked)
    admin.delete(INSTALLATION_MIGRATION, namespace, "chat")
    until(lambda: migrations.known(namespace, "chat") is None)


def test_without_an_answer_memory_still_answers_and_a_live_look_says_so(
    migrations: ClusterMigrations, local_cluster: LocalCluster, admin: Client, namespace: str
) -> None:
    admin.create(INSTALLATION_MIGRATION, namespace, MIGRATION)
    until(lambda: migrations.synced and migrations.known(namespace, "chat"))
    server = local_cluster.processes["kube-apiserver"]

    server.pause()
    try:
        began = time.monotonic()
        live = migrations.live(namespace, "chat")
        took = time.monotonic() - began
        known = migrations.known(namespace, "chat")
    finally:
        server.resume()

    assert isinstance(live, Unknown)
    assert took < 15.0  # it does not wait for an answer
    assert not isinstance(known, Unknown | None)
    unlocked = {"metadata": {"labels": {LOCK_LABEL: None}}}
    admin.patch(INSTALLATION_MIGRATION, namespace, "chat", unlocked)
