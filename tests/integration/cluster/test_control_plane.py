"""The local cluster behaves as a cluster does: pods run, rights hold, components can be stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mattermost_migrate.domain.names import DEPLOYMENT, POD, REPLICA_SET, SECRET
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.testing.cluster import ApiError, Client, Cluster, LocalCluster


def deployment(name: str, replicas: int = 2) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "main", "image": "example/none:1"}
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def available(count: int) -> Callable[[JsonObject], bool]:
    return lambda obj: obj.get("status", {}).get("availableReplicas", 0) == count


def test_pods_of_a_deployment_run(admin: Client, namespace: str) -> None:
    admin.create(DEPLOYMENT, namespace, deployment("web"))

    admin.until(DEPLOYMENT, namespace, "web", available(2))

    pods = admin.list(POD, namespace, labels={"app": "web"})
    assert [pod["status"]["phase"] for pod in pods] == ["Running", "Running"]


def test_a_service_account_may_do_nothing_it_was_not_granted(cluster: Cluster) -> None:
    with (
        Client(cluster.service_account("default", "nobody")) as nobody,
        pytest.raises(ApiError) as e,
    ):
        nobody.list(SECRET, "default")
    assert e.value.status == 403


def test_a_paused_controller_manager_does_nothing_and_then_goes_on(
    local_cluster: LocalCluster, admin: Client, namespace: str
) -> None:
    manager = local_cluster.processes["kube-controller-manager"]
    manager.pause()
    try:
        admin.create(DEPLOYMENT, namespace, deployment("late"))
        with pytest.raises(TimeoutError):
            admin.until(DEPLOYMENT, namespace, "late", available(2), seconds=2)
        assert admin.list(REPLICA_SET, namespace) == []
    finally:
        manager.resume()

    admin.until(DEPLOYMENT, namespace, "late", available(2))
