"""The stand-in gives operator-managed storage what an installation waits for."""

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

pytestmark = pytest.mark.usefixtures("storage")


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
