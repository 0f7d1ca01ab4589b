"""What is changed in a write before it is stored, through the real API server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mattermost_migrate.domain.children import render_cluster_installation
from mattermost_migrate.domain.conversion import convert
from mattermost_migrate.domain.defaults import default_cluster_installation
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, INSTALLATION_MIGRATION, MATTERMOST
from mattermost_migrate.domain.objects import Existing, annotations_of
from mattermost_migrate.domain.pin import PINNED, pin
from mattermost_migrate.testing.builders import cluster_installation, database_secret, file_secret
from mattermost_migrate.testing.cluster import APPLY, ApiError, Client, Cluster
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.webhook import NAMESPACE, RunningWebhook, install_chart

REQUESTED = "migration.mattermost.com/requested"
OLD = {"metadata": {"name": "chat"}, "spec": {"ingressName": "chat.example.com"}}
NEW = {
    "metadata": {"name": "chat"},
    "spec": {"ingress": {"enabled": True, "host": "chat.example.com"}},
}


@pytest.fixture(scope="module")
def settled(webhook: RunningWebhook, cluster: Cluster) -> RunningWebhook:
    """The API server has heard of the configuration: the first write is changed."""
    with cluster.namespace() as namespace:
        ends = time.monotonic() + 60
        for kind, body in ((CLUSTER_INSTALLATION, OLD), (MATTERMOST, NEW)):
            while "image" not in cluster.admin.create(kind, namespace, body, dry_run=True)["spec"]:
                assert time.monotonic() < ends
                time.sleep(0.1)
    return webhook


pytestmark = pytest.mark.usefixtures("settled")


@pytest.fixture(scope="module")
def controller(cluster: Cluster, settled: RunningWebhook) -> Iterator[Client]:
    with Client(cluster.service_account(NAMESPACE, "mattermost-migrate-controller")) as client:
        yield client


@pytest.mark.parametrize(
    ("kind", "body"), [(CLUSTER_INSTALLATION, OLD), (MATTERMOST, NEW)], ids=str
)
def test_what_the_operator_would_fill_in_is_there_at_once(
    admin: Client, namespace: str, kind: Any, body: dict[str, Any]
) -> None:
    stored = admin.create(kind, namespace, body)

    assert stored["spec"]["replicas"] == 2
    assert stored["spec"]["version"] == "10.8.1"
    again = admin.patch(kind, namespace, "chat", {"metadata": {"labels": {"a": "b"}}})
    assert again["spec"] == stored["spec"]
    assert again["metadata"]["generation"] == 1


@pytest.mark.parametrize("manager", ["argocd-controller", "kustomize-controller"])
def test_a_gitops_tool_applies_again_and_again_and_nothing_changes(
    admin: Client, namespace: str, manager: str
) -> None:
    manifest = {
        "apiVersion": CLUSTER_INSTALLATION.api_version,
        "kind": "ClusterInstallation",
        **OLD,
    }
    manifest["spec"] = {**OLD["spec"], "size": "100users"}

    def apply() -> dict[str, Any]:
        return admin.request(
            "PATCH",
            CLUSTER_INSTALLATION.path(namespace, "chat"),
            manifest,
            params={"fieldManager": manager, "force": "true"},
            content_type=APPLY,
        )

    first, again = apply(), apply()

    assert first["spec"]["replicas"] == 1
    assert again["spec"] == first["spec"]
    assert again["metadata"]["generation"] == first["metadata"]["generation"] == 1


@pytest.mark.parametrize("how", ["created", "patched", "applied"])
def test_a_wish_to_migrate_never_reaches_the_operator(
    admin: Client, namespace: str, how: str
) -> None:
    wish = {**OLD, "spec": {**OLD["spec"], "migrate": True}}
    if how == "created":
        stored = admin.create(CLUSTER_INSTALLATION, namespace, wish)
    else:
        admin.create(CLUSTER_INSTALLATION, namespace, OLD)
        body = {
            "apiVersion": CLUSTER_INSTALLATION.api_version,
            "kind": "ClusterInstallation",
        } | wish
        stored = admin.request(
            "PATCH",
            CLUSTER_INSTALLATION.path(namespace, "chat"),
            body,
            params={"fieldManager": "someone", **({"force": "true"} if how == "applied" else {})},
            content_type=APPLY if how == "applied" else "application/merge-patch+json",
        )

    assert "migrate" not in stored["spec"]
    assert annotations_of(stored)[REQUESTED] == "true"


def test_a_dry_run_of_the_wish_leaves_nothing_behind(admin: Client, namespace: str) -> None:
    admin.create(CLUSTER_INSTALLATION, namespace, OLD)

    shown = admin.request(
        "PATCH",
        CLUSTER_INSTALLATION.path(namespace, "chat"),
        {"spec": {"migrate": True}},
        params={"dryRun": "All"},
        content_type="application/merge-patch+json",
    )

    assert annotations_of(shown)[REQUESTED] == "true"
    assert REQUESTED not in annotations_of(admin.get(CLUSTER_INSTALLATION, namespace, "chat"))
    assert admin.find(INSTALLATION_MIGRATION, namespace, "chat") is None


def test_the_freeze_of_the_migration_itself_is_left_as_it_is(
    admin: Client, controller: Client, namespace: str
) -> None:
    admin.create(CLUSTER_INSTALLATION, namespace, OLD)
    freeze = {"migrate": True, "canary": {"enable": True, "deployment": {"version": ""}}}

    stored = controller.patch(CLUSTER_INSTALLATION, namespace, "chat", {"spec": freeze})

    assert stored["spec"]["migrate"] is True
    assert REQUESTED not in annotations_of(stored)


def pinned(namespace: str) -> dict[str, Any]:
    existing = Existing.of([database_secret(), file_secret()])
    ci = default_cluster_installation(cluster_installation("chat", namespace))
    rendered = render_cluster_installation(ci, existing, generate=lambda _, length: "x" * length)
    deployment = next(child for child in rendered.children if child["kind"] == "Deployment")
    return pin(convert(ci, existing).mattermost, deployment["spec"]["template"], existing)


@pytest.mark.parametrize(
    ("edit", "stays"),
    [
        pytest.param({"mattermostEnv": [{"name": "A", "value": "b"}]}, False, id="of the pods"),
        pytest.param({"replicas": 3}, True, id="of something else"),
    ],
)
def test_the_pin_goes_in_the_same_write_as_an_edit(
    admin: Client, controller: Client, namespace: str, edit: dict[str, Any], *, stays: bool
) -> None:
    controller.create(MATTERMOST, namespace, pinned(namespace))

    stored = admin.patch(MATTERMOST, namespace, "chat", {"spec": edit})

    assert edit.items() <= stored["spec"].items()
    assert ("resourcePatch" in stored["spec"]) is stays
    assert (PINNED in annotations_of(stored)) is stays
    assert stored["metadata"]["generation"] == 2


def test_without_us_only_the_wish_is_refused(
    admin: Client, namespace: str, settled: RunningWebhook
) -> None:
    admin.create(CLUSTER_INSTALLATION, namespace, OLD)
    settled.process.stop()
    try:
        edited = admin.patch(CLUSTER_INSTALLATION, namespace, "chat", {"spec": {"replicas": 3}})
        with pytest.raises(ApiError, match=r"failed calling webhook \"migrate\."):
            admin.patch(CLUSTER_INSTALLATION, namespace, "chat", {"spec": {"migrate": True}})
    finally:
        settled.process.start()
        settled.until_ready()

    assert edited["spec"]["replicas"] == 3
    assert "migrate" not in admin.get(CLUSTER_INSTALLATION, namespace, "chat")["spec"]


def test_where_we_are_the_operator_the_field_is_left_to_the_controller(
    admin: Client, namespace: str, cluster: Cluster, tools: Toolbox, settled: RunningWebhook
) -> None:
    values = {"webhook.externalName": "localhost", "webhook.port": str(settled.port)}
    install_chart(cluster, tools["helm3"], {**values, "controller.operator": "builtin"})
    try:
        admin.create(CLUSTER_INSTALLATION, namespace, OLD)
        _until(
            lambda: (
                "migrate"
                in admin.patch(
                    CLUSTER_INSTALLATION, namespace, "chat", {"spec": {"migrate": True}}
                )["spec"]
            )
        )
    finally:
        install_chart(cluster, tools["helm3"], values)


def _until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.1)
