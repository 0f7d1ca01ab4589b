"""``spec.migrate: true`` on a ClusterInstallation, which is what the operator's docs tell users."""

from __future__ import annotations

import pytest

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, INSTALLATION_MIGRATION, MATTERMOST
from mattermost_migrate.testing.installations import Installations, ended, stable, succeeded

pytestmark = pytest.mark.usefixtures("controller")


def test_the_field_starts_a_migration(installations: Installations) -> None:
    installations.create("acme")
    before, since = installations.workload(), installations.witness.now()

    installations.admin.patch(
        CLUSTER_INSTALLATION, installations.namespace, "acme", {"spec": {"migrate": True}}
    )

    imig = installations.until(INSTALLATION_MIGRATION, "acme", ended)
    assert succeeded(imig), imig["status"]
    assert installations.harms(since) == ()
    assert installations.workload() == before
    assert installations.find(CLUSTER_INSTALLATION, "acme") is None
    target = installations.get(MATTERMOST, "acme")
    assert stable(target)
    assert "Service/acme" in installations.owned_by(target)
