"""The stand-in gives an installation what it waits for: storage Services, a public address."""

from __future__ import annotations

import pytest

from mattermost_migrate.domain.names import (
    MINIO_INSTANCE,
    MYSQL_CLUSTER,
    SERVICE,
    Resource,
)
from mattermost_migrate.domain.objects import controller_of
from mattermost_migrate.testing.cluster import Client

pytestmark = pytest.mark.usefixtures("stand_in")


@pytest.mark.parametrize(
    ("owner", "name", "services"),
    [
        pytest.param(
            MYSQL_CLUSTER, "db-53bce4", ["db-53bce4-mysql", "db-53bce4-mysql-master"], id="MySQL"
        ),
        pytest.param(MINIO_INSTANCE, "acme-minio", ["acme-minio-hl-svc"], id="MinIO"),
    ],
)
def test_services_come_with_their_owner_and_go_with_it(
    admin: Client, namespace: str, owner: Resource, name: str, services: list[str]
) -> None:
    made = admin.create(owner, namespace, {"metadata": {"name": name}, "spec": {"replicas": 2}})

    for service in services:
        found = admin.until(SERVICE, namespace, service, bool)
        assert (controller_of(found) or {})["uid"] == made["metadata"]["uid"]
        assert found["spec"]["ports"][0]["port"]

    admin.delete(owner, namespace, name)
    for service in services:
        admin.until_gone(SERVICE, namespace, service, seconds=10)


def test_a_minio_instance_reports_its_replicas_again_when_someone_writes_over_them(
    admin: Client, namespace: str
) -> None:
    """Its kind has no status subresource, so the operator resets it (operator facts 0.7)."""
    made = admin.create(
        MINIO_INSTANCE, namespace, {"metadata": {"name": "acme-minio"}, "spec": {"replicas": 4}}
    )

    def reported(obj: dict) -> bool:
        return obj.get("status", {}).get("availableReplicas") == 4

    seen = admin.until(MINIO_INSTANCE, namespace, "acme-minio", reported)
    reset = admin.replace(MINIO_INSTANCE, {**seen, "status": {"availableReplicas": 0}})
    assert reset["metadata"]["uid"] == made["metadata"]["uid"]

    admin.until(MINIO_INSTANCE, namespace, "acme-minio", reported)


def test_a_load_balancer_gets_an_address(admin: Client, namespace: str) -> None:
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    admin.create(SERVICE, namespace, {"metadata": {"name": "acme"}, "spec": spec})

    def addressed(service: dict) -> bool:
        return bool(service["status"]["loadBalancer"].get("ingress"))

    seen = admin.until(SERVICE, namespace, "acme", addressed)

    host = f"acme.{namespace}.lb.example.com"
    assert seen["status"]["loadBalancer"]["ingress"] == [{"hostname": host}]


def test_other_services_are_left_alone(admin: Client, namespace: str) -> None:
    admin.create(
        SERVICE, namespace, {"metadata": {"name": "plain"}, "spec": {"ports": [{"port": 80}]}}
    )
    balanced = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    admin.create(SERVICE, namespace, {"metadata": {"name": "later"}, "spec": balanced})
    admin.until(SERVICE, namespace, "later", lambda s: s["status"]["loadBalancer"].get("ingress"))

    seen = admin.get(SERVICE, namespace, "plain")

    assert seen["status"] == {"loadBalancer": {}}
    assert [entry["manager"] for entry in seen["metadata"]["managedFields"]] == [
        "mattermost-migrate-testing"
    ]
