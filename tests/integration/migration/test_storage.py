"""An installation whose database and file store the operator keeps, as in its own samples."""

from __future__ import annotations

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    MATTERMOST,
    MINIO_INSTANCE,
    MYSQL_CLUSTER,
    SECRET,
)
from mattermost_migrate.domain.objects import name_of, uid_of
from mattermost_migrate.testing.installations import Installations

pytestmark = pytest.mark.usefixtures("controller", "stand_in")
NAME = "mm-example-anywhere"


def test_passwords_and_stores_outlive_the_cluster_installation(
    installations: Installations,
) -> None:
    place = installations.namespace
    installations.admin.create(
        CLUSTER_INSTALLATION,
        place,
        {"metadata": {"name": NAME}, "spec": {"ingressName": "mattermost.example.com"}},
    )
    source = installations.until_whole(CLUSTER_INSTALLATION, NAME)
    owned = installations.owned_by(source)
    assert {f"Secret/{NAME}-mysql-root-password", f"Secret/{NAME}-minio"} < owned
    stores = {
        name_of(each): (uid_of(each), each.get("spec"), each.get("data"))
        for resource in (SECRET, MYSQL_CLUSTER, MINIO_INSTANCE)
        for each in installations.list(resource)
    }
    before, since = installations.workload(), installations.witness.now()

    installations.move(NAME)

    assert installations.find(CLUSTER_INSTALLATION, NAME) is None
    target = installations.get(MATTERMOST, NAME)
    assert installations.owned_by(target) == owned
    assert installations.owned_by(source) == set()
    # A canary that the garbage collector takes: it is made after the ClusterInstallation went, so
    # when it is gone, whatever else the collector was to take has been looked at too.
    owner = {
        "apiVersion": CLUSTER_INSTALLATION.api_version,
        "kind": CLUSTER_INSTALLATION.kind,
        "name": NAME,
        "uid": uid_of(source),
    }
    canary = {"metadata": {"name": "canary", "ownerReferences": [owner]}}
    bound = installations.witness.now()
    installations.admin.create(SECRET, place, canary)
    installations.witness.until(lambda each: each.of(SECRET, "canary") and each.gone, since=bound)
    chronicle = installations.chronicle(since)
    assert [str(harm) for harm in chronicle.harms() if "canary" not in harm.what] == []
    assert installations.workload() == before
    after = {
        name_of(each): (uid_of(each), each.get("spec"), each.get("data"))
        for resource in (SECRET, MYSQL_CLUSTER, MINIO_INSTANCE)
        for each in installations.list(resource)
    }
    assert stores.items() <= after.items()
