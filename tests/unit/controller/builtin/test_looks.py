"""Which installations are looked at when their InstallationMigration changes."""

from __future__ import annotations

from typing import Any

import pytest

from controller.builtin.operator import BuiltinOperator
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION
from mattermost_migrate.kube import Informer


@pytest.mark.parametrize(
    ("spec", "looked_at"),
    [
        pytest.param({}, 0, id="it has nothing to do with it"),
        pytest.param({"migrate": False}, 0, id="awake"),
        pytest.param({"migrate": True}, 1, id="it waits for a migration"),
    ],
)
def test_only_what_waits_for_a_migration_is_looked_at_for_it(
    spec: dict[str, Any], looked_at: int
) -> None:
    nobody: Any = None
    known = Informer(nobody, CLUSTER_INSTALLATION)
    metadata = {"namespace": "ns", "name": "acme", "uid": "1", "resourceVersion": "7"}
    known.note({"metadata": metadata, "spec": spec})
    operator = BuiltinOperator(nobody, {CLUSTER_INSTALLATION: known})

    operator._of_migration(None, {"metadata": {"namespace": "ns", "name": "acme"}})

    assert len(operator._queues[CLUSTER_INSTALLATION.kind]) == looked_at
