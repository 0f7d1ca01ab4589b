from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.domain.references import of_cluster_installation, of_mattermost
from mattermost_migrate.testing.builders import cluster_installation


def names(references: Any) -> set[str]:
    return {f"{resource}/{name}" for resource, name in references}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            {"mattermostLicenseSecret": "lic"},
            {"Secret/db", "Secret/files", "Secret/lic"},
            id="external",
        ),
        pytest.param(
            {"database": {}, "minio": {}},
            {
                "Secret/acme-mysql-root-password",
                "Secret/acme-minio",
                "Service/acme-minio-hl-svc",
            },
            id="operator-managed",
        ),
    ],
)
def test_a_cluster_installation_refers_to_what_its_stores_need(
    spec: dict[str, Any], expected: set[str]
) -> None:
    assert names(of_cluster_installation(cluster_installation(**spec))) == expected


MANAGED_DATABASE = "Secret/acme-mysql-root-password"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            {},
            {MANAGED_DATABASE, "Secret/acme-minio", "Service/acme-minio-hl-svc"},
            id="operator-managed",
        ),
        pytest.param(
            {
                "database": {"external": {"secret": "db"}},
                "fileStore": {"external": {"url": "s3", "secret": "files"}},
                "licenseSecret": "lic",
            },
            {"Secret/db", "Secret/files", "Secret/lic"},
            id="external",
        ),
        pytest.param(
            {"fileStore": {"external": {"url": "s3", "useServiceAccount": True}}},
            {MANAGED_DATABASE, "ServiceAccount/acme"},
            id="by the ServiceAccount's role",
        ),
        pytest.param(
            {"fileStore": {"externalVolume": {"volumeClaimName": "data"}}},
            {MANAGED_DATABASE, "PersistentVolumeClaim/data"},
            id="a claim of the user's",
        ),
        pytest.param(
            {"fileStore": {"local": {"enabled": True}}},
            {MANAGED_DATABASE, "PersistentVolumeClaim/acme"},
            id="a claim of its own",
        ),
    ],
)
def test_a_mattermost_refers_to_what_its_stores_need(
    spec: dict[str, Any], expected: set[str]
) -> None:
    assert names(of_mattermost({"metadata": {"name": "acme"}, "spec": spec})) == expected
