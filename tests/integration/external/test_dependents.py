"""What others made for an installation, or added to what it owns: kept, with the new owner."""

from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.domain.inventory import LABELLED, database_name
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    CONFIG_MAP,
    CRON_JOB,
    HORIZONTAL_POD_AUTOSCALER,
    JOB,
    MATTERMOST,
    MYSQL_CLUSTER,
    NETWORK_POLICY,
    PERSISTENT_VOLUME_CLAIM,
    POD_DISRUPTION_BUDGET,
    ROLE_BINDING,
    V1ALPHA1,
    Resource,
)
from mattermost_migrate.domain.objects import annotations_of, owner_reference, owners_of
from mattermost_migrate.testing.builders import cluster_installation
from mattermost_migrate.testing.cluster import Process
from mattermost_migrate.testing.installations import Installations

pytestmark = pytest.mark.usefixtures("engine", "operator")
_POD = {
    "spec": {
        "containers": [{"name": "check", "image": "example/check"}],
        "restartPolicy": "Never",
        "nodeSelector": {"no": "such-node"},  # none of them is ever over
    }
}
_SELECTOR = {"matchLabels": {"app": "mattermost"}}
#: One of each kind that others make.
MADE: dict[Resource, dict[str, Any]] = {
    CONFIG_MAP: {"data": {"a": "b"}},
    PERSISTENT_VOLUME_CLAIM: {
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        }
    },
    CRON_JOB: {"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": _POD}}}},
    JOB: {"spec": {"template": _POD}},
    HORIZONTAL_POD_AUTOSCALER: {
        "spec": {
            "maxReplicas": 2,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "nobody"},
        }
    },
    NETWORK_POLICY: {"spec": {"podSelector": {"matchLabels": {"app": "nobody"}}}},
    POD_DISRUPTION_BUDGET: {"spec": {"selector": _SELECTOR}},
}


def test_what_others_made_gets_the_new_owner_and_the_old_one_back(
    installations: Installations,
) -> None:
    assert set(MADE) == set(LABELLED)
    installations.create("acme")
    old = installations.get(CLUSTER_INSTALLATION, "acme")
    plain = {**owner_reference(old, CLUSTER_INSTALLATION), "controller": False}
    marks = {"labels": {V1ALPHA1.installation: "acme"}, "ownerReferences": [plain]}
    for resource, body in MADE.items():
        manifest = {"metadata": {"name": "extra", **marks}, **body}
        installations.admin.create(resource, installations.namespace, manifest)

    for kind in (MATTERMOST, CLUSTER_INSTALLATION):
        installations.move("acme", kind=kind.kind)

        new = owner_reference(installations.get(kind, "acme"), kind)
        for resource in MADE:
            (owner,) = owners_of(installations.get(resource, "extra"))
            assert owner == {**new, "controller": False}, (kind, resource)


def test_what_was_added_to_a_database_or_a_binding_is_put_back(
    installations: Installations, stand_in: Process
) -> None:
    place, database = installations.namespace, database_name("acme")
    manifest = cluster_installation("acme", place, database={"type": "mysql"}, minio={})
    installations.admin.create(CLUSTER_INSTALLATION, place, manifest)
    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    added = {"example.com/reviewed": "2026"}
    kept = ((MYSQL_CLUSTER, database), (ROLE_BINDING, "acme"))
    for resource, name in kept:
        installations.admin.patch(resource, place, name, {"metadata": {"annotations": added}})

    installations.move("acme")

    for resource, name in kept:
        assert added.items() <= annotations_of(installations.get(resource, name)).items(), resource
