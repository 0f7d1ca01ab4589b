"""As long as there is a migration: what may be created of either kind, with the webhook or without.

The table is read from docs/reference/edit-lock.md, as that of the lock is.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    Resource,
)
from mattermost_migrate.testing.cluster import Client, Cluster
from mattermost_migrate.testing.policies import until_accepted
from mattermost_migrate.testing.webhook import NAMESPACE

from .edit_lock_table import LOCKS, REFUSED, rows
from .locked import NEW_SPEC, OLD_SPEC, migration, until_refused

BODIES = {
    CLUSTER_INSTALLATION: {"metadata": {"name": "chat"}, "spec": OLD_SPEC},
    MATTERMOST: {"metadata": {"name": "chat"}, "spec": NEW_SPEC},
}
OLD = BODIES[CLUSTER_INSTALLATION]
OTHER = {CLUSTER_INSTALLATION: MATTERMOST, MATTERMOST: CLUSTER_INSTALLATION}
TABLE = {
    what: outcomes
    for what, *outcomes in rows("As long as the InstallationMigration exists, also after success")
}


class Case(NamedTuple):
    """A creation that a row of the table means."""

    row: str
    #: Whether the migration has succeeded.
    succeeded: bool
    #: Whether the kind that it is to is created.
    wanted: bool


CASES = [
    Case(row, succeeded, wanted)
    for row, wanted, states in (
        ("the kind that is not `spec.desiredKind` created under that name", False, (True, False)),
        (
            "the kind that is `spec.desiredKind` created before the migration has succeeded",
            True,
            (False,),
        ),
    )
    for succeeded in states
]


def _begun(cluster: Cluster, namespace: str, desired: Resource, *, succeeded: bool) -> None:
    """An InstallationMigration of an installation that is not there, and holds no lock."""
    with Client(cluster.service_account(NAMESPACE, "mattermost-migrate-controller")) as controller:
        body = migration(desired.kind, lock=None)
        created = controller.create(INSTALLATION_MIGRATION, namespace, body)
        if succeeded:
            status = _succeeded(created)
            controller.patch(
                INSTALLATION_MIGRATION, namespace, "chat", status, subresource="status"
            )


def _succeeded(migration: dict[str, Any]) -> dict[str, Any]:
    metadata = migration["metadata"]
    condition = {
        "type": "Succeeded",
        "status": "True",
        "reason": "Succeeded",
        "message": "",
        "lastTransitionTime": metadata["creationTimestamp"],
    }
    return {"status": {"observedGeneration": metadata["generation"], "conditions": [condition]}}


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("desired", [MATTERMOST, CLUSTER_INSTALLATION], ids=str)
def test_every_cell_of_the_table(
    cluster: Cluster, namespace: str, lock: str, case: Case, desired: Resource
) -> None:
    _begun(cluster, namespace, desired, succeeded=case.succeeded)
    other = OTHER[desired]
    created = desired if case.wanted else other

    def create(resource: Resource) -> None:
        cluster.admin.create(resource, namespace, BODIES[resource], dry_run=True)

    # It knows of the migration when it refuses the other kind, which it does in any case.
    until_refused(lambda: create(other), by=lock)

    if TABLE[case.row][LOCKS.index(lock)] == REFUSED:
        until_refused(lambda: create(created), by=lock)
    else:
        create(created)


def test_every_row_is_tried() -> None:
    assert TABLE.keys() == {case.row for case in CASES}


@pytest.fixture
def finished(lock: str, cluster: Cluster, namespace: str) -> None:
    """An InstallationMigration that has made chat a Mattermost, which was deleted since."""
    _begun(cluster, namespace, MATTERMOST, succeeded=True)


@pytest.mark.usefixtures("finished")
def test_the_old_kind_is_refused_with_the_edit_to_make_in_git(
    admin: Client, namespace: str, lock: str
) -> None:
    refusal = until_refused(
        lambda: admin.create(CLUSTER_INSTALLATION, namespace, OLD, dry_run=True), by=lock
    )

    assert "in your git repository" in refusal
    assert f"helm mattermost-migrate revert chat -n {namespace}" in refusal


def test_who_has_lost_the_old_kind_before_it_began_takes_the_migration_away(
    cluster: Cluster, admin: Client, namespace: str, lock: str
) -> None:
    _begun(cluster, namespace, MATTERMOST, succeeded=False)

    def again() -> None:
        admin.create(CLUSTER_INSTALLATION, namespace, OLD, dry_run=True)

    refusal = until_refused(again, by=lock)
    command = re.search(r"kubectl -n (\S+) delete installationmigration (\S+)", refusal)
    assert command is not None, refusal
    assert command.groups() == (namespace, "chat")
    admin.delete(INSTALLATION_MIGRATION, namespace, "chat")
    until_accepted(again, seconds=30)


@pytest.mark.usefixtures("finished")
def test_the_new_kind_may_be_created_again(admin: Client, namespace: str, lock: str) -> None:
    until_refused(lambda: admin.create(CLUSTER_INSTALLATION, namespace, OLD, dry_run=True), by=lock)

    admin.create(MATTERMOST, namespace, BODIES[MATTERMOST])


@pytest.mark.usefixtures("finished")
def test_another_installation_is_nobody_s_business(
    admin: Client, namespace: str, lock: str
) -> None:
    until_refused(lambda: admin.create(CLUSTER_INSTALLATION, namespace, OLD, dry_run=True), by=lock)

    admin.create(CLUSTER_INSTALLATION, namespace, {**OLD, "metadata": {"name": "other"}})
