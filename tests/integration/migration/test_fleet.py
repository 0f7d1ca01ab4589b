"""Thirty installations move, twenty at once, and nobody notices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
)
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of, uid_of
from mattermost_migrate.testing.chronicle import Chronicle
from mattermost_migrate.testing.cluster import LocalCluster
from mattermost_migrate.testing.installations import (
    PATIENCE,
    Installations,
    condition,
    engine_writes,
    stable,
)

pytestmark = pytest.mark.usefixtures("controller")
NAMES = tuple(f"mm-{number:02d}" for number in range(30))
AT_ONCE = 20


def locked_at_once(chronicle: Chronicle) -> Iterator[int]:
    """How many installations were under way after each change, seen from outside."""
    locked: set[str] = set()
    for entry in chronicle.entries:
        if entry.resource is INSTALLATION_MIGRATION:
            locked.discard(uid_of(entry.obj))
            if LOCK_LABEL in labels_of(entry.obj) and not entry.gone:
                locked.add(uid_of(entry.obj))
            yield len(locked)


def over(fleet: JsonObject) -> bool:
    return "completionTime" in (fleet.get("status") or {})


def test_a_fleet_moves_within_its_limit_and_counts_right(
    installations: Installations, local_cluster: LocalCluster
) -> None:
    namespace, witness = installations.namespace, installations.witness
    installations.create(*NAMES)
    before, since = installations.workload(), witness.now()
    fleet = {
        "metadata": {"name": namespace},
        "spec": {
            "selector": {"namespaces": [namespace]},
            "desiredKind": MATTERMOST.kind,
            "maxConcurrent": AT_ONCE,
        },
    }

    installations.admin.create(FLEET_MIGRATION, None, fleet)
    done = installations.admin.until(FLEET_MIGRATION, None, namespace, over, seconds=PATIENCE)

    assert done["status"]["counts"] == {
        "selected": 30,
        "waiting": 0,
        "running": 0,
        "succeeded": 30,
        "skipped": 0,
        "failed": 0,
    }
    assert condition(done, "Succeeded")["status"] == "True"
    chronicle = installations.chronicle(since)
    assert chronicle.harms() == ()
    assert installations.workload() == before
    assert installations.list(CLUSTER_INSTALLATION) == []
    assert all(stable(each) for each in installations.list(MATTERMOST))
    deployments = {name_of(each): each for each in installations.list(DEPLOYMENT)}
    for each in installations.list(MATTERMOST):
        owners = deployments[name_of(each)]["metadata"]["ownerReferences"]
        assert [owner["uid"] for owner in owners] == [uid_of(each)]
    most = max(locked_at_once(chronicle))
    assert 1 < most <= AT_ONCE
    reports = [
        entry.obj["status"]["counts"]
        for entry in witness.journal()
        if entry.of(FLEET_MIGRATION, namespace) and "counts" in (entry.obj.get("status") or {})
    ]
    assert reports
    for counts in reports:
        assert sum(counts.values()) == 2 * counts["selected"]
        assert counts["running"] <= AT_ONCE
    # Thirteen of the migration and the fleet's two, and its status beside: at the end, and while it
    # takes longer.
    writes = Counter(engine_writes(local_cluster, namespace))
    told = writes.pop("patch installationmigrations/status")
    assert told >= len(NAMES)
    assert sum(writes.values()) == 15 * len(NAMES), writes
