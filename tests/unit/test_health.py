"""The operator's health check: how far a status gets, and the words when it gets no further."""

from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.domain import health
from mattermost_migrate.domain.defaults import default_cluster_installation, default_mattermost
from mattermost_migrate.domain.health import Seen
from mattermost_migrate.domain.names import V1ALPHA1, V1BETA1, Labels

REVISION = "deployment.kubernetes.io/revision"
IMAGE = {"image": "mattermost/mattermost-enterprise-edition", "version": "10.8.1"}


def ci(**spec: Any) -> dict[str, Any]:
    return default_cluster_installation(
        {"metadata": {"name": "acme"}, "spec": {"ingressName": "chat.example", **spec}}
    )


def mm(**spec: Any) -> dict[str, Any]:
    return default_mattermost(
        {
            "metadata": {"name": "acme", "generation": 3},
            "spec": {"ingressName": "chat.example", **spec},
        }
    )


def rolled_out(
    keys: Labels = V1BETA1,
    *,
    name: str = "acme",
    replicas: int = 2,
    available: int = 2,
    observed: int = 1,
    revision: str = "1",
    started: bool = True,
    labels: dict[str, str] | None = None,
) -> Seen:
    """A Deployment with one ReplicaSet, and an Ingress."""
    labels = {**keys.selector(name), **(labels or {})}
    deployment = {
        "metadata": {"name": name, "generation": 1, "annotations": {REVISION: "1"}},
        "status": {"observedGeneration": observed, "replicas": replicas},
    }
    replica_set = {
        "metadata": {"name": f"{name}-1", "labels": labels, "annotations": {REVISION: revision}},
        "status": {"observedGeneration": int(started), "availableReplicas": available},
    }
    ingress = {"metadata": {"labels": labels}, "spec": {"rules": [{"host": "chat.example"}]}}
    return Seen({name: deployment}, (replica_set,), (ingress,))


@pytest.mark.parametrize(
    ("seen", "problem", "status"),
    [
        pytest.param(
            Seen({}),
            'rollout not yet started: failed to get deployment: deployments.apps "acme" not found',
            {"state": "reconciling"},
            id="no deployment",
        ),
        pytest.param(
            rolled_out(V1ALPHA1, observed=0),
            (
                "rollout not yet started: mattermost deployment not yet picked up "
                "by the Deployment controller"
            ),
            {"state": "reconciling"},
            id="not observed",
        ),
        pytest.param(
            rolled_out(V1ALPHA1, revision="0"),
            "rollout not yet started: replicaSet did not start rolling pods",
            {"state": "reconciling"},
            id="an old revision",
        ),
        pytest.param(
            rolled_out(V1ALPHA1, started=False),
            "rollout not yet started: replicaSet did not start rolling pods",
            {"state": "reconciling"},
            id="not seen by its controller",
        ),
        pytest.param(
            rolled_out(V1ALPHA1, available=1),
            "found 1 updated replicas, but wanted 2",
            {"state": "reconciling", "replicas": 2, "updatedReplicas": 1},
            id="one pod missing",
        ),
        pytest.param(
            rolled_out(V1ALPHA1, replicas=3),
            "found 3 pods, but wanted 2",
            {"state": "reconciling", "replicas": 3, "updatedReplicas": 2},
            id="one pod too many",
        ),
        pytest.param(
            rolled_out(V1ALPHA1),
            "",
            {
                "state": "stable",
                "replicas": 2,
                "updatedReplicas": 2,
                **IMAGE,
                "endpoint": "chat.example",
            },
            id="stable",
        ),
    ],
)
def test_a_cluster_installation(seen: Seen, problem: str, status: dict[str, Any]) -> None:
    found = health.cluster_installation_health(ci(), seen)
    assert (found.problem, found.status) == (problem, status)
    assert found.healthy is (problem == "")


def test_negative_replicas_are_none() -> None:
    seen = rolled_out(V1ALPHA1, replicas=0, available=0)
    found = health.cluster_installation_health(ci(replicas=-3), seen)
    assert found.status == {"state": "stable", **IMAGE, "endpoint": "chat.example"}


@pytest.mark.parametrize(
    ("points", "endpoint", "problem"),
    [
        ([{"hostname": "lb.example", "ip": "192.0.2.1"}], "lb.example", ""),
        ([{"ip": "192.0.2.1"}], "192.0.2.1", ""),
        (
            None,
            "not available",
            "failed to check service load balancer: waiting for the Load Balancer to be active",
        ),
    ],
)
def test_the_endpoint_of_a_load_balancer(points: Any, endpoint: str, problem: str) -> None:
    seen = rolled_out(V1ALPHA1)
    service = {
        "metadata": {"labels": V1ALPHA1.selector("acme")},
        "status": {"loadBalancer": {"ingress": points}},
    }
    seen = Seen(seen.deployments, seen.replica_sets, seen.ingresses, (service,))
    found = health.cluster_installation_health(ci(useServiceLoadBalancer=True), seen)
    assert (found.status["endpoint"], found.problem) == (endpoint, problem)


def test_both_colours_are_checked_and_the_production_colour_reported() -> None:
    app = {"image": "mm", "version": "1"}
    colours = {"enable": True, "productionDeployment": "blue", "blue": app, "green": app}
    seen = rolled_out(V1ALPHA1, name="acme-blue")
    found = health.cluster_installation_health(ci(blueGreen=colours), seen)

    assert found.status["state"] == "stable"
    assert found.status["blueName"] == "acme-blue"
    assert found.status["greenName"] == "acme-green"
    assert found.problem.startswith("green installation validation failed: rollout not yet started")


@pytest.mark.parametrize(
    ("spec", "seen", "problem", "state"),
    [
        pytest.param({}, Seen({}), "rollout not yet started", "reconciling", id="nothing there"),
        pytest.param(
            {},
            rolled_out(available=0),
            "mattermost pods not yet updated",
            "reconciling",
            id="no pod available",
        ),
        pytest.param(
            {}, rolled_out(available=1), "found 1 updated replicas", "ready", id="one of two"
        ),
        pytest.param({}, rolled_out(replicas=3), "found 3 pods", "ready", id="an old pod left"),
        pytest.param({}, rolled_out(), "", "stable", id="all there"),
        pytest.param(
            {"replicas": 0}, rolled_out(replicas=0, available=0), "", "stable", id="none wanted"
        ),
        pytest.param(
            {"replicas": 0},
            rolled_out(replicas=1, available=0),
            "found 1 pods",
            "reconciling",
            id="none wanted, one left",
        ),
        pytest.param(
            {"podTemplate": {"extraLabels": {"x": "1"}}},
            Seen(
                rolled_out(labels={"x": "1"}).deployments,
                rolled_out(labels={"x": "1"}).replica_sets,
                rolled_out().ingresses,
            ),
            "failed to check ingress load balancer: expected one ingress, but found 0",
            "reconciling",
            id="extra labels hide the ingress",
        ),
        pytest.param(
            {"jobServer": {"dedicatedJobServer": True}},
            rolled_out(),
            "failed to check job server health: job server pod rollout not yet started",
            "ready",
            id="no job server yet",
        ),
    ],
)
def test_a_mattermost(spec: dict[str, Any], seen: Seen, problem: str, state: str) -> None:
    found = health.mattermost_health(mm(**spec), seen, patches={})
    assert found.problem.startswith(problem)
    assert found.status["state"] == state
    assert found.healthy is (state == "stable")


def test_a_mattermost_reports_generation_and_patches() -> None:
    patches = {"deploymentPatch": {"applied": True}}
    found = health.mattermost_health(mm(), rolled_out(), patches=patches)
    assert found.status == {
        "state": "stable",
        "observedGeneration": 3,
        "resourcePatch": patches,
        "replicas": 2,
        "updatedReplicas": 2,
        **IMAGE,
        "endpoint": "chat.example",
    }


def test_without_ingress_no_endpoint_is_asked_for() -> None:
    seen = Seen(rolled_out().deployments, rolled_out().replica_sets)
    found = health.mattermost_health(mm(ingress={"enabled": False}), seen, patches={})
    assert (found.status["state"], found.status["endpoint"]) == ("stable", "not available")


def test_a_failed_round_keeps_what_was_known() -> None:
    before = {"state": "stable", "endpoint": "chat.example", "resourcePatch": {"servicePatch": {}}}
    kept = health.failed_mattermost({**mm(), "status": before}, "no secret")
    assert kept == {
        **before,
        "state": "reconciling",
        "error": "no secret",
        "observedGeneration": 3,
    }
    cleared = health.failed_mattermost({**mm(), "status": before}, "no secret", patches={})
    assert "resourcePatch" not in cleared
    assert health.failed_cluster_installation({"status": {"state": "stable", "replicas": 2}}) == {
        "state": "reconciling",
        "replicas": 2,
    }
