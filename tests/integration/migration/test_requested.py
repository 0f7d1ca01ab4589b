"""``spec.migrate: true`` on a ClusterInstallation, which is what the operator's docs tell users."""

from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    REQUESTED_ANNOTATION,
)
from mattermost_migrate.domain.objects import annotations_of
from mattermost_migrate.testing.installations import Installations, ended, stable, succeeded

pytestmark = pytest.mark.usefixtures("controller")


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param({"spec": {"migrate": True}}, id="the field"),
        pytest.param(
            {"metadata": {"annotations": {"migration.mattermost.com/requested": "true"}}},
            id="what the webhook makes of the field beside the Go operator",
        ),
    ],
)
def test_a_wish_starts_a_migration(installations: Installations, wish: dict[str, Any]) -> None:
    installations.create("acme")
    before, since = installations.workload(), installations.witness.now()

    installations.admin.patch(CLUSTER_INSTALLATION, installations.namespace, "acme", wish)

    imig = installations.until(INSTALLATION_MIGRATION, "acme", ended)
    assert succeeded(imig), imig["status"]
    assert installations.harms(since) == ()
    assert installations.workload() == before
    assert installations.find(CLUSTER_INSTALLATION, "acme") is None
    target = installations.get(MATTERMOST, "acme")
    assert stable(target)
    assert "Service/acme" in installations.owned_by(target)


def test_a_wish_that_was_granted_is_not_granted_again_after_the_way_back(
    installations: Installations,
) -> None:
    installations.create("acme")
    annotated = {"metadata": {"annotations": {REQUESTED_ANNOTATION: "true"}}}
    installations.admin.patch(CLUSTER_INSTALLATION, installations.namespace, "acme", annotated)
    installations.until(INSTALLATION_MIGRATION, "acme", ended)

    installations.ask("acme", kind="ClusterInstallation")

    restored = installations.until(CLUSTER_INSTALLATION, "acme", stable)
    assert REQUESTED_ANNOTATION not in annotations_of(restored)
    imig = installations.until(INSTALLATION_MIGRATION, "acme", ended)
    assert succeeded(imig), imig["status"]
    installations.admin.delete(INSTALLATION_MIGRATION, installations.namespace, "acme")
    installations.admin.until_gone(INSTALLATION_MIGRATION, installations.namespace, "acme")
    assert installations.find(INSTALLATION_MIGRATION, "acme") is None
