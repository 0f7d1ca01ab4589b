"""The processes as shipped, with the rights of the chart and nothing more, under both locks."""

from __future__ import annotations

import itertools
import json
import re
import sys
import time
from collections.abc import Iterator

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    SECRET,
    Condition,
)
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.testing.builders import (
    cluster_installation,
    database_secret,
    file_secret,
)
from mattermost_migrate.testing.cluster import ApiError, Client, Cluster, Process
from mattermost_migrate.testing.installations import Installations
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.webhook import (
    NAMESPACE,
    RunningWebhook,
    called_webhook,
    install_chart,
)
from mattermost_migrate.testing.witness import Witness

NAMES = ("acme-0", "acme-1", "acme-2")


@pytest.fixture(scope="module")
def webhook(cluster: Cluster, tools: Toolbox) -> Iterator[RunningWebhook]:
    with called_webhook(cluster, tools["helm3"]) as running:
        values = {"webhook.externalName": "localhost", "webhook.port": str(running.port)}
        install_chart(cluster, tools["helm3"], {**values, "controller.operator": "builtin"})
        yield running


@pytest.fixture(scope="module")
def controller(cluster: Cluster, webhook: RunningWebhook) -> Iterator[Process]:
    kubeconfig = cluster.service_account_kubeconfig(
        NAMESPACE, "mattermost-migrate-controller", cluster.folder / "controller.kubeconfig"
    )
    command = [sys.executable, "-m", "controller", "--operator=builtin"]
    process = cluster.run(
        "controller", [*command, f"--namespace={NAMESPACE}"], KUBECONFIG=str(kubeconfig)
    )
    yield process
    process.stop()


@pytest.fixture
def installations(admin: Client, namespace: str, controller: Process) -> None:
    for secret in (database_secret(namespace=namespace), file_secret(namespace=namespace)):
        admin.create(SECRET, namespace, secret)
    for name in NAMES:
        admin.create(CLUSTER_INSTALLATION, namespace, cluster_installation(name, namespace))
    for name in NAMES:
        admin.until(
            CLUSTER_INSTALLATION,
            namespace,
            name,
            lambda ci: (ci.get("status") or {}).get("state") == "stable",
        )


def _succeeded(migration: JsonObject | None) -> bool:
    conditions = ((migration or {}).get("status") or {}).get("conditions") or ()
    return any(c["type"] == Condition.SUCCEEDED and c["status"] == "True" for c in conditions)


@pytest.mark.usefixtures("installations")
def test_a_fleet_gets_through_while_somebody_keeps_editing(
    admin: Client, namespace: str, controller: Process
) -> None:
    pods = {pod["metadata"]["uid"] for pod in admin.list(POD, namespace)}
    fleet = {"selector": {"namespaces": [namespace]}, "desiredKind": "Mattermost"}
    admin.create(FLEET_MIGRATION, None, {"metadata": {"name": namespace}, "spec": fleet})

    refusals = _edit_until_done(admin, namespace)

    assert refusals, "no edit met the lock"
    assert all("locked by InstallationMigration" in refusal for refusal in refusals)
    for name in NAMES:
        migration = admin.find(INSTALLATION_MIGRATION, namespace, name)
        assert _succeeded(migration), json.dumps(migration, indent=1)
        assert admin.find(MATTERMOST, namespace, name) is not None
        assert admin.find(CLUSTER_INSTALLATION, namespace, name) is None
    assert {pod["metadata"]["uid"] for pod in admin.list(POD, namespace)} == pods
    with Witness(Client(admin.credentials)) as witness:
        Installations(admin, witness, namespace).until_agreed()
    controller.check()
    assert not re.findall(r"cannot \w+ resource.*", controller.log.read_text()), (
        "a right is missing"
    )


def _edit_until_done(admin: Client, namespace: str) -> list[str]:
    """Edit what is locked, in turns, until all are through; what was said to refused edits.

    They are dry runs: one that came before the lock would be an ordinary edit, with a rollout.
    """
    refusals = []
    ends = time.monotonic() + 90
    for name in itertools.cycle(NAMES):
        migrations = [admin.find(INSTALLATION_MIGRATION, namespace, each) for each in NAMES]
        if all(_succeeded(migration) for migration in migrations):
            return refusals
        assert time.monotonic() < ends, json.dumps(migrations, indent=1)
        try:
            admin.request(
                "PATCH",
                CLUSTER_INSTALLATION.path(namespace, name),
                {"spec": {"version": "9.9.9"}},
                params={"dryRun": "All"},
                content_type="application/merge-patch+json",
            )
        except ApiError as error:
            if error.status != 404:
                refusals.append(str(error))
        time.sleep(0.05)
    raise AssertionError
