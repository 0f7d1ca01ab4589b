"""There and back again leaves no trace: every object of the namespace is compared, whole."""

from __future__ import annotations

import pytest

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST
from mattermost_migrate.testing.installations import Installations
from mattermost_migrate.testing.traces import differences, traces

pytestmark = pytest.mark.usefixtures("engine", "operator")
ROUNDS = 3


def test_there_and_back_again_and_again_leaves_no_trace(installations: Installations) -> None:
    """A hundred rounds are a command of their own: bench/there_and_back.py."""
    installations.create(
        "acme",
        mattermostEnv=[{"name": "TEAM", "value": "chat"}],
        ingressAnnotations={"example.com/class": "public"},
        resourceLabels={"tier": "gold"},
    )
    before, workload = (
        traces(installations.admin, installations.namespace),
        installations.workload(),
    )
    since = installations.witness.now()

    for _ in range(ROUNDS):
        installations.move("acme")
        installations.until_whole(MATTERMOST, "acme")
        installations.move("acme", kind=CLUSTER_INSTALLATION.kind)
        installations.until_whole(CLUSTER_INSTALLATION, "acme")

    after = traces(installations.admin, installations.namespace)
    assert list(differences(before, after)) == []
    assert installations.workload() == workload
    assert installations.harms(since) == ()
