"""A run that gave up before it let anything go left a backup: the next one goes by its own plan."""

from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.domain.backup import Backup, backup_name
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    RUN_ANNOTATION,
    SECRET,
    SERVICE,
    Strategy,
)
from mattermost_migrate.domain.objects import annotations_of, uid_of
from mattermost_migrate.domain.writes import Verb, Write, patch
from mattermost_migrate.testing.builders import installed, migration
from mattermost_migrate.testing.ladder import climb, climb_until, desire
from mattermost_migrate.testing.simulation import Simulation


def given_up(**spec: Any) -> Simulation:
    """A ClusterInstallation again, of which a run saved the originals and released nothing."""
    cluster = installed(**spec)
    climb_until(cluster, releases)
    desire(cluster, "acme", CLUSTER_INSTALLATION.kind)
    climb(cluster)
    assert backup(cluster).objects
    return cluster


def releases(write: Write) -> bool:
    return write.verb is Verb.DELETE and write.resource is DEPLOYMENT


def backup(cluster: Simulation) -> Backup:
    secret = cluster.find(SECRET, backup_name("acme"))
    assert secret is not None
    return Backup.read(secret)


def again(cluster: Simulation, **spec: Any) -> None:
    wanted = {"desiredKind": MATTERMOST.kind, **spec}
    cluster.apply(patch(INSTALLATION_MIGRATION, "acme", {"spec": wanted}))


def test_what_was_added_to_a_child_since_is_saved() -> None:
    cluster = given_up()
    added = {"metadata": {"annotations": {"example.com/role": "chat"}}}
    cluster.apply(patch(SERVICE, "acme", added))
    again(cluster)

    climb_until(cluster, releases)

    saved = backup(cluster).get("service")
    assert saved is not None
    assert annotations_of(saved)["example.com/role"] == "chat"


def test_a_pin_that_is_wanted_by_now_is_there() -> None:
    cluster = given_up(pinPodTemplate=False)
    pods = {uid_of(each) for each in cluster.all(POD)}
    again(cluster, pinPodTemplate=True)

    climb(cluster)

    made = cluster.find(MATTERMOST, "acme")
    assert made is not None
    assert made["spec"]["resourcePatch"]
    assert {uid_of(each) for each in cluster.all(POD)} == pods
    assert cluster.violations == []


@pytest.mark.parametrize("strategy", Strategy)
def test_another_strategy_finds_what_it_needs(strategy: Strategy) -> None:
    before = next(each for each in Strategy if each is not strategy)
    cluster = given_up(strategy=before.value)
    again(cluster, strategy=strategy.value)

    climb(cluster)

    assert cluster.find(MATTERMOST, "acme")
    assert not cluster.find(CLUSTER_INSTALLATION, "acme")
    assert cluster.violations == []


def test_what_another_migration_of_that_name_left_is_not_taken_for_its_own() -> None:
    cluster = given_up()
    del cluster._objects[INSTALLATION_MIGRATION.kind, "acme"]
    cluster.put(INSTALLATION_MIGRATION, migration("acme"))

    climb(cluster)

    assert cluster.find(MATTERMOST, "acme")
    assert not cluster.find(CLUSTER_INSTALLATION, "acme")


def test_a_run_that_is_over_leaves_no_mark() -> None:
    cluster = given_up()
    found = cluster.find(INSTALLATION_MIGRATION, "acme")
    assert found is not None
    assert RUN_ANNOTATION not in annotations_of(found)
