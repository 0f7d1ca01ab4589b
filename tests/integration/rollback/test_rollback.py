"""A migration that cannot go on goes back by itself, on a real control plane.

What stops it here is the API server: a policy that lets a Mattermost be rehearsed but not created,
so that the refusal comes when the Deployment is exchanged already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mattermost_migrate.domain.backup import backup_name
from mattermost_migrate.domain.freeze import frozen, frozen_spec
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
    V1BETA1,
    Condition,
    Strategy,
)
from mattermost_migrate.domain.objects import controller_of, labels_of, uid_of
from mattermost_migrate.testing.cluster import Client
from mattermost_migrate.testing.installations import (
    Installations,
    condition,
    stable,
    succeeded,
)
from mattermost_migrate.testing.obstacles import OBSTACLES
from mattermost_migrate.testing.policies import REFUSAL, Policy, refusing

pytestmark = pytest.mark.usefixtures("controller")


@pytest.fixture
def refusal(admin: Client, namespace: str) -> Iterator[Policy]:
    """No Mattermost can be created in the namespace, though the dry run says it can."""
    with refusing(admin, namespace, MATTERMOST, "true") as policy:
        yield policy


@pytest.fixture
def installation(installations: Installations) -> dict[str, Any]:
    """A ClusterInstallation that is whole."""
    installations.create("acme")
    return installations.get(CLUSTER_INSTALLATION, "acme")


@pytest.mark.usefixtures("refusal")
def test_a_refusal_in_the_middle_leads_back_to_what_was(
    installations: Installations, installation: dict[str, Any]
) -> None:
    before, since = installations.workload(), installations.witness.now()

    installations.ask("acme")
    imig = installations.until_ended("acme")

    summary = condition(imig, "Succeeded")
    assert summary["reason"] == "RolledBack"
    assert REFUSAL in summary["message"]
    assert "retryGeneration" in imig["status"]["nextCommand"]
    assert installations.find(MATTERMOST, "acme") is None
    after = installations.get(CLUSTER_INSTALLATION, "acme")
    assert uid_of(after) == uid_of(installation)
    assert after["spec"] == installation["spec"]
    assert stable(after)
    deployment = installations.get(DEPLOYMENT, "acme")
    assert (controller_of(deployment) or {})["uid"] == uid_of(installation)
    assert installations.workload() == before
    assert installations.harms(since) == ()
    for each in (*installations.list(POD), *installations.list(REPLICA_SET)):
        assert not V1BETA1.of("acme").keys() & labels_of(each).keys()


@pytest.mark.usefixtures("installation")
def test_it_is_tried_again_when_asked_to(installations: Installations, refusal: Policy) -> None:
    before = installations.workload()
    installations.ask("acme")
    assert not succeeded(installations.until_ended("acme"))
    refusal.lift()

    installations.move("acme", retryGeneration=1)

    assert installations.find(CLUSTER_INSTALLATION, "acme") is None
    assert installations.workload() == before


@pytest.mark.usefixtures("installation")
def test_what_a_run_saved_that_released_nothing_is_not_what_the_next_one_goes_by(
    installations: Installations,
) -> None:
    release = next(each for each in OBSTACLES if each.step is Condition.DEPLOYMENT_RELEASED)
    with release.standing(installations.admin, installations.namespace):
        installations.ask("acme")
        assert not succeeded(installations.until_ended("acme"))
    saved = installations.get(SECRET, backup_name("acme"))

    again = {"strategy": Strategy.RECREATE.value, "drainSeconds": 0, "retryGeneration": 1}
    installations.move("acme", **again)

    assert installations.find(CLUSTER_INSTALLATION, "acme") is None
    kept = installations.get(SECRET, backup_name("acme"))
    assert uid_of(kept) == uid_of(saved)
    assert kept["data"].keys() > saved["data"].keys()


@pytest.mark.usefixtures("refusal")
def test_a_freeze_that_comes_when_all_is_over_is_undone(
    installations: Installations, installation: dict[str, Any]
) -> None:
    installations.ask("acme")
    installations.until_ended("acme")
    since = installations.witness.now()

    late = {"spec": frozen_spec(installation)}
    installations.admin.patch(CLUSTER_INSTALLATION, installations.namespace, "acme", late)
    after = installations.until(CLUSTER_INSTALLATION, "acme", lambda each: not frozen(each))

    assert after["spec"] == installation["spec"]
    installations.until(CLUSTER_INSTALLATION, "acme", stable)
    assert installations.harms(since) == ()


@pytest.mark.usefixtures("refusal")
def test_asked_to_hold_it_stays_for_a_look(
    installations: Installations, installation: dict[str, Any]
) -> None:
    installations.ask("acme", onFailure="Hold")

    imig = installations.until(
        INSTALLATION_MIGRATION,
        "acme",
        lambda each: condition(each, "Stalled").get("status") == "True",
    )

    assert LOCK_LABEL in labels_of(imig)
    assert condition(imig, "Succeeded")["reason"] == "Rejected"
    installations.move("acme", kind=CLUSTER_INSTALLATION.kind)
    assert installations.get(CLUSTER_INSTALLATION, "acme")["spec"] == installation["spec"]


def test_what_stays_for_somebodys_finalizer_is_given_nothing(
    installations: Installations, installation: dict[str, Any]
) -> None:
    """Deleted, it goes as soon as that is taken off, and whatever it owned by then goes with it."""
    before, since = installations.workload(), installations.witness.now()
    place, finalizer = (CLUSTER_INSTALLATION, installations.namespace, "acme"), "example.com/bill"
    installations.admin.patch(*place, {"metadata": {"finalizers": [finalizer]}})

    installations.ask("acme", progressDeadlineSeconds=10)
    imig = installations.until(
        INSTALLATION_MIGRATION,
        "acme",
        lambda each: condition(each, "Stalled").get("status") == "True",
    )
    assert condition(imig, "Succeeded")["reason"] == "DeadlineExceeded"
    assert finalizer in condition(imig, "Succeeded")["message"]
    assert "failure" not in imig["status"], "it cannot go back, and did"

    installations.ask("acme", kind=CLUSTER_INSTALLATION.kind, progressDeadlineSeconds=600)
    installations.until(
        INSTALLATION_MIGRATION,
        "acme",
        lambda each: finalizer in condition(each, "TargetCreated").get("message", ""),
    )
    assert not installations.owned_by(installation)
    installations.admin.patch(*place, {"metadata": {"finalizers": None}})
    assert succeeded(installations.until_ended("acme"))

    after = installations.get(CLUSTER_INSTALLATION, "acme")
    assert uid_of(after) != uid_of(installation)
    assert after["metadata"]["finalizers"] == [finalizer]
    assert after["spec"] == installation["spec"]
    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    assert installations.workload() == before
    assert installations.harms(since) == ()
    installations.admin.patch(*place, {"metadata": {"finalizers": None}})
