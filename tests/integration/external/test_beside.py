"""Beside an operator that is up, down, slow, restarted or of another mind: never two writers."""

from __future__ import annotations

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    MATTERMOST,
)
from mattermost_migrate.testing.installations import Installations, stable

pytestmark = pytest.mark.usefixtures("engine", "operator")
BACK = CLUSTER_INSTALLATION.kind


def test_many_at_once_there_and_back_and_nobody_notices(installations: Installations) -> None:
    """More than the operator lets reconcile at once."""
    names = [f"acme-{number}" for number in range(6)]
    installations.create(*names)
    before, since = installations.workload(), installations.witness.now()

    installations.move(*names)

    for name in names:
        assert installations.find(CLUSTER_INSTALLATION, name) is None
        assert stable(installations.until_whole(MATTERMOST, name))
    assert installations.workload() == before

    installations.move(*names, kind=BACK)

    for name in names:
        assert installations.find(MATTERMOST, name) is None
        installations.until_whole(CLUSTER_INSTALLATION, name)
    assert installations.workload() == before
    assert installations.harms(since) == ()
