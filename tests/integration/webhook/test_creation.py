"""After success: the kind that gave way does not come back, with the webhook or without."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
)
from mattermost_migrate.testing.cluster import ApiError, Client, Cluster
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.webhook import NAMESPACE, RunningWebhook, install_chart

OLD = {"metadata": {"name": "chat"}, "spec": {"ingressName": "chat.example.com"}}
NEW = {
    "metadata": {"name": "chat"},
    "spec": {"ingress": {"enabled": True, "host": "chat.example.com"}},
}


@pytest.fixture(scope="module", params=["webhook", "policy"])
def guard(
    request: pytest.FixtureRequest, webhook: RunningWebhook, cluster: Cluster, tools: Toolbox
) -> Iterator[str]:
    values = {"webhook.externalName": "localhost", "webhook.port": str(webhook.port)}
    if request.param == "webhook":
        install_chart(cluster, tools["helm3"], {**values, "policy.enabled": "false"})
    else:
        install_chart(cluster, tools["helm3"], values)
        webhook.process.stop()
    yield request.param
    install_chart(cluster, tools["helm3"], values)
    webhook.process.start()
    webhook.until_ready()


@pytest.fixture
def finished(guard: str, cluster: Cluster, namespace: str) -> None:
    """An InstallationMigration that has made chat a Mattermost, which was deleted since."""
    with Client(cluster.service_account(NAMESPACE, "mattermost-migrate-controller")) as controller:
        created = controller.create(
            INSTALLATION_MIGRATION,
            namespace,
            {"metadata": {"name": "chat"}, "spec": {"desiredKind": "Mattermost"}},
        )
        controller.patch(
            INSTALLATION_MIGRATION, namespace, "chat", _succeeded(created), subresource="status"
        )


def _succeeded(migration: dict[str, Any]) -> dict[str, Any]:
    metadata = migration["metadata"]
    condition = {
        "type": "Succeeded",
        "status": "True",
        "reason": "Succeeded",
        "message": "",
        "lastTransitionTime": metadata["creationTimestamp"],
    }
    return {"status": {"observedGeneration": metadata["generation"], "conditions": [condition]}}


#: How the API server says who refused.
SAYS = {"webhook": "admission webhook", "policy": "ValidatingAdmissionPolicy"}


def _refusal(write: Callable[[], object], *, by: str, seconds: float = 60.0) -> str:
    """What is said once webhook or policy knows, which is a moment later."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            write()
        except ApiError as error:
            if SAYS[by] in str(error):
                return str(error)
        time.sleep(0.1)
    pytest.fail(f"still not refused after {seconds} s")


@pytest.mark.usefixtures("finished")
def test_the_old_kind_is_refused_with_the_edit_to_make_in_git(
    admin: Client, namespace: str, guard: str
) -> None:
    refusal = _refusal(
        lambda: admin.create(CLUSTER_INSTALLATION, namespace, OLD, dry_run=True), by=guard
    )

    assert "in your git repository" in refusal
    assert f"helm mattermost-migrate revert chat -n {namespace}" in refusal


@pytest.mark.usefixtures("finished")
def test_the_new_kind_may_be_created_again(admin: Client, namespace: str, guard: str) -> None:
    _refusal(lambda: admin.create(CLUSTER_INSTALLATION, namespace, OLD, dry_run=True), by=guard)

    admin.create(MATTERMOST, namespace, NEW)


@pytest.mark.usefixtures("finished")
def test_another_installation_is_nobody_s_business(
    admin: Client, namespace: str, guard: str
) -> None:
    _refusal(lambda: admin.create(CLUSTER_INSTALLATION, namespace, OLD, dry_run=True), by=guard)

    admin.create(CLUSTER_INSTALLATION, namespace, {**OLD, "metadata": {"name": "other"}})
