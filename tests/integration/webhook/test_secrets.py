"""Warnings of the Secrets that an installation names, through the real API server."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, SECRET
from mattermost_migrate.testing.builders import (
    cluster_installation,
    database_secret,
    file_secret,
    secret,
)
from mattermost_migrate.testing.cluster import MERGE, Client, LocalCluster, kubeconfig
from mattermost_migrate.testing.cluster.ports import free_port
from mattermost_migrate.testing.faults import Exchange, Fault, Gateway, Hold
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.webhook import NAMESPACE, RunningWebhook, install_chart

pytestmark = pytest.mark.usefixtures("webhook")
ACCOUNT = "mattermost-migrate-webhook"
OLD_URL = "postgresql://mm:hunter2@db/mm"


def body(namespace: str, **spec: Any) -> dict[str, Any]:
    given = {"apiVersion": CLUSTER_INSTALLATION.api_version, "kind": CLUSTER_INSTALLATION.kind}
    return {**cluster_installation(namespace=namespace, **spec), **given}


def created(admin: Client, namespace: str, *, query: str = "", **spec: Any) -> list[str]:
    """What is said of Secrets when a ClusterInstallation is created."""
    path = f"{CLUSTER_INSTALLATION.path(namespace)}{query}"
    return [each for each in admin.warnings("POST", path, body(namespace, **spec)) if told(each)]


def told(warning: str) -> bool:
    return "Secret " in warning


@pytest.fixture
def secrets(admin: Client, namespace: str) -> None:
    """Both stores have theirs."""
    for each in (database_secret(namespace=namespace), file_secret(namespace=namespace)):
        admin.create(SECRET, namespace, each)


def test_missing_secrets_are_warned_of_and_a_dry_run_says_the_same(
    admin: Client, namespace: str, local_cluster: LocalCluster
) -> None:
    expected = [
        "spec.database.secret: there is no Secret 'db' in the namespace",
        "spec.minio.secret: there is no Secret 'files' in the namespace",
        "spec.mattermostLicenseSecret: there is no Secret 'lic' in the namespace",
    ]

    assert created(admin, namespace, query="?dryRun=All", mattermostLicenseSecret="lic") == expected
    assert created(admin, namespace, mattermostLicenseSecret="lic") == expected
    asked = [
        (event["verb"], event["requestURI"])
        for event in local_cluster.audit()
        if event["user"].get("username", "").endswith(f":{ACCOUNT}")
        and f"/namespaces/{namespace}/" in event["requestURI"]
    ]
    # The second time the verdict was remembered.
    assert sorted(asked) == [
        ("get", SECRET.path(namespace, name)) for name in ("db", "files", "lic")
    ]


@pytest.mark.usefixtures("secrets")
def test_nothing_is_said_where_all_is_well(admin: Client, namespace: str) -> None:
    assert created(admin, namespace) == []


def test_an_url_that_a_mattermost_refuses_is_warned_of_and_not_repeated(
    admin: Client, namespace: str, webhook: RunningWebhook
) -> None:
    held = database_secret(namespace=namespace)["data"]
    connection = {"DB_CONNECTION_STRING": OLD_URL, "DB_CONNECTION_CHECK_URL": OLD_URL}
    assert held.keys() == connection.keys()
    admin.create(SECRET, namespace, secret("db", namespace, **connection))
    admin.create(SECRET, namespace, file_secret(namespace=namespace))
    wrong = "Secret 'db': DB_CONNECTION_CHECK_URL is postgresql://, must be postgres://"

    assert created(admin, namespace) == [f"spec.database.secret: {wrong}"]
    mattermost = {
        "apiVersion": MATTERMOST.api_version,
        "kind": MATTERMOST.kind,
        "metadata": {"name": "new"},
        "spec": {
            "ingress": {"enabled": True, "host": "new.example.com", "tlsSecret": "new-tls"},
            "database": {"external": {"secret": "db"}},
        },
    }
    said = admin.warnings("POST", MATTERMOST.path(namespace), mattermost)
    assert list(filter(told, said)) == [
        f"spec.database.external.secret: {wrong}",
        "spec.ingress.tlsSecret: there is no Secret 'new-tls' in the namespace",
    ]
    assert "hunter2" not in webhook.process.log.read_text()


@pytest.mark.usefixtures("secrets")
def test_an_update_is_warned_of_new_names_only(admin: Client, namespace: str) -> None:
    assert created(admin, namespace, mattermostLicenseSecret="lic") != []
    path = CLUSTER_INSTALLATION.path(namespace, "acme")

    def said(**spec: Any) -> list[str]:
        found = admin.warnings("PATCH", path, {"spec": spec}, content_type=MERGE)
        return list(filter(told, found))

    assert said(replicas=1) == []
    assert said(mattermostLicenseSecret="other") == [
        "spec.mattermostLicenseSecret: there is no Secret 'other' in the namespace"
    ]


def test_without_the_right_nothing_is_said_and_all_else_is_as_before(
    admin: Client,
    namespace: str,
    webhook: RunningWebhook,
    local_cluster: LocalCluster,
    tools: Toolbox,
) -> None:
    values = {"webhook.externalName": "localhost", "webhook.port": str(webhook.port)}
    install_chart(local_cluster, tools["helm3"], {**values, "webhook.readSecrets": "false"})
    try:
        own = Client(local_cluster.service_account(NAMESPACE, ACCOUNT))
        until_forbidden(own, namespace)

        said = admin.warnings("POST", CLUSTER_INSTALLATION.path(namespace), body(namespace))

        assert list(filter(told, said)) == []
        assert any("plain HTTP" in each for each in said)
        assert "May not look up Secrets" in webhook.process.tail(20)
    finally:
        install_chart(local_cluster, tools["helm3"], values)


def until_forbidden(own: Client, namespace: str) -> None:
    """Authorizers learn of a change a moment later."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {"namespace": namespace, "verb": "get", "resource": "secrets"}
        },
    }
    ends = time.monotonic() + 30
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    while own.request("POST", path, review)["status"]["allowed"]:
        assert time.monotonic() < ends
        time.sleep(0.1)


def silent(exchange: Exchange) -> Fault | None:
    """Of Secrets the API server says nothing at all."""
    return Hold() if exchange.resource == "secrets" else None


@pytest.fixture
def beside(
    local_cluster: LocalCluster, webhook: RunningWebhook, tmp_path: Path
) -> Iterator[RunningWebhook]:
    """Another webhook, for which the API server is slow."""
    with Gateway(local_cluster) as gateway:
        gate = gateway.gate(silent)
        through = dataclasses.replace(
            local_cluster.service_account(NAMESPACE, ACCOUNT), server=gate.server
        )
        given = kubeconfig.write(tmp_path / "slow", through, user=ACCOUNT, namespace=NAMESPACE)
        port = free_port()
        place = [f"--bind=127.0.0.1:{port}", f"--cert-dir={webhook.certificates}"]
        command = [sys.executable, "-m", "webhook", *place, "--server-name=localhost"]
        process = local_cluster.run("webhook-slow", command, KUBECONFIG=str(given))
        running = RunningWebhook(process, port, webhook.certificates)
        running.until_ready()
        yield running
        process.stop()


def test_a_slow_api_server_costs_a_review_a_third_of_a_second_once(
    beside: RunningWebhook, namespace: str
) -> None:
    took = []
    for name in ("one", "two"):
        new = body(namespace, database={"secret": name})
        request = {
            "uid": name,
            "kind": {"kind": CLUSTER_INSTALLATION.kind},
            "operation": "CREATE",
            "namespace": namespace,
            "name": "acme",
            "userInfo": {"username": "gitops"},
            "object": new,
        }
        asked = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        began = time.monotonic()
        answer = requests.post(
            f"{beside.url}/validate/clusterinstallation",
            data=json.dumps(asked),
            headers={"Content-Type": "application/json"},
            verify=str(beside.authority),
            timeout=10,
        )
        took.append(time.monotonic() - began)
        response = answer.json()["response"]
        assert response["allowed"] is True
        assert not any(map(told, response["warnings"]))

    # What was waited for is the limit itself; a busy machine adds to it, but no second wait.
    assert 0.3 <= took[0] < 2.0
    assert "Could not look up Secrets" in beside.process.tail(20)
    text = requests.get(f"{beside.url}/metrics", verify=str(beside.authority), timeout=10).text
    assert 'mattermost_migrate_webhook_secret_lookups_total{outcome="failed"} 1.0' in text
