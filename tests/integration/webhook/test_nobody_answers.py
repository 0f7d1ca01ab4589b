"""Webhooks that must be asked, and nobody answers: what goes on nevertheless."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Resource
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.testing.builders import cluster_installation, mattermost
from mattermost_migrate.testing.cluster import ApiError, Client, Cluster
from mattermost_migrate.testing.cluster.ports import Port
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.webhook import NAMESPACE, install_chart, uninstall_chart


@pytest.fixture(scope="module")
def controller(cluster: Cluster, tools: Toolbox) -> Iterator[Client]:
    """The migration controller: besides it and Kubernetes nobody can write either kind now."""
    nobody = Port.reserve()
    values = {"externalName": "localhost", "port": str(nobody.number), "failurePolicy": "Fail"}
    given = {f"webhook.{name}": value for name, value in values.items()}
    install_chart(cluster, tools["helm3"], {**given, "policy.enabled": "false"})
    try:
        credentials = cluster.service_account(NAMESPACE, "mattermost-migrate-controller")
        with Client(credentials) as client:
            yield client
    finally:
        uninstall_chart(cluster, tools["helm3"])
        nobody.release()


@pytest.fixture
def closed(controller: Client, admin: Client, namespace: str) -> str:
    """A namespace, once the API server knows whom to ask."""
    ends = time.monotonic() + 30
    probe = _named(cluster_installation(), "probe")
    while time.monotonic() < ends:
        try:
            admin.create(CLUSTER_INSTALLATION, namespace, probe, dry_run=True)
        except ApiError as error:
            if "failed calling webhook" not in str(error):
                raise
            return namespace
        time.sleep(0.1)
    pytest.fail("nobody is asked")


def _named(manifest: JsonObject, name: str) -> JsonObject:
    return {**manifest, "metadata": {"name": name}}


@pytest.mark.parametrize(
    ("resource", "manifest"),
    [
        pytest.param(CLUSTER_INSTALLATION, cluster_installation(), id="ClusterInstallation"),
        pytest.param(MATTERMOST, mattermost(), id="Mattermost"),
    ],
)
@pytest.mark.parametrize("propagation", ["Orphan", "Foreground"])
def test_a_deletion_comes_to_its_end(
    controller: Client, closed: str, resource: Resource, manifest: JsonObject, propagation: str
) -> None:
    """The garbage collector takes off the finalizers that stand for these, which is an update.

    By ``Orphan`` a migration deletes the custom resource that gave way.
    """
    controller.create(resource, closed, _named(manifest, "acme"))

    controller.delete(resource, closed, "acme", propagation=propagation)

    controller.until_gone(resource, closed, "acme", seconds=30)


def test_a_namespace_is_emptied(controller: Client, closed: str, admin: Client) -> None:
    controller.create(CLUSTER_INSTALLATION, closed, _named(cluster_installation(), "acme"))
    namespaces = admin.resource("v1", "Namespace")

    admin.delete(namespaces, None, closed)

    admin.until_gone(CLUSTER_INSTALLATION, closed, "acme", seconds=30)
