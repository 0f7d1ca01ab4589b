"""Whatever stops a migration, and wherever: it goes back by itself, and all is as it was.

Each step's write is refused once; a deadline passes with pods that are not ready, and with a
Mattermost that does not get stable; somebody changes their mind at each step. How long the way back
takes is measured by ``bench/rollback.py``; here it is only asked that it comes to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from helm_mattermost_migrate.readiness import WEBHOOK_CONFIGURATION
from mattermost_migrate.domain.freeze import frozen
from mattermost_migrate.domain.names import (
    BACKUP_LABEL,
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    V1BETA1,
    Condition,
    Resource,
)
from mattermost_migrate.domain.objects import labels_of, name_of, namespace_of, uid_of
from mattermost_migrate.testing.chronicle import Rule
from mattermost_migrate.testing.installations import (
    Installations,
    condition,
    ended,
    succeeded,
)
from mattermost_migrate.testing.obstacles import OBSTACLES, Obstacle, dependent
from mattermost_migrate.testing.policies import REFUSAL, refusing
from mattermost_migrate.testing.witness import Entry

#: How far a migration has come, seen from outside.
POINTS: dict[str, Callable[[Entry], bool]] = {
    "saved": lambda each: each.of(SECRET) and BACKUP_LABEL in labels_of(each.obj),
    "frozen": lambda each: each.of(CLUSTER_INSTALLATION) and frozen(each.obj),
    "released": lambda each: each.of(DEPLOYMENT) and "deletionTimestamp" in each.obj["metadata"],
    "labelled": lambda each: each.of(POD) and V1BETA1.installation in labels_of(each.obj),
    "exchanged": lambda each: each.of(DEPLOYMENT) and V1BETA1.installation in labels_of(each.obj),
    "converted": lambda each: each.of(MATTERMOST),
}
pytestmark = pytest.mark.usefixtures("controller")
BACK = CLUSTER_INSTALLATION.kind
#: By which the scheduler gives a pod to a node.
BINDING = Resource("", "v1", "Binding", "pods/binding")


class Before:
    """What there was of an installation, and that it is so again."""

    def __init__(self, here: Installations) -> None:
        self.here = here
        self.source = here.get(CLUSTER_INSTALLATION, "acme")
        self.owned = here.owned_by(self.source)
        self.workload = here.workload()
        self.since = here.witness.now()

    def assert_again(self, *, same: bool = True) -> None:
        """The same spec, the same children, the same pods; and the very same object if asked."""
        here = self.here
        after = here.until_whole(CLUSTER_INSTALLATION, "acme")
        assert after["spec"] == self.source["spec"]
        assert here.find(MATTERMOST, "acme") is None
        assert here.owned_by(after) == self.owned
        assert here.workload() == self.workload
        assert here.harms(self.since) == ()
        assert (uid_of(after) == uid_of(self.source)) or not same
        for each in (*here.list(POD), *here.list(REPLICA_SET)):
            assert not V1BETA1.of("acme").keys() & labels_of(each).keys()


@pytest.fixture
def before(installations: Installations) -> Before:
    installations.create("acme")
    dependent(installations.admin, installations.namespace, "acme")
    return Before(installations)


def until_rolled_back(here: Installations) -> str:
    """Wait for it; give the reason for which it went back, as it is told."""
    over = here.until_ended("acme")
    summary = condition(over, Condition.SUCCEEDED)
    assert (summary["status"], summary["reason"]) == ("False", "RolledBack"), summary
    here.until_told("acme", "Progressing", "RollingBack", "RolledBack")
    return str(summary["message"])


@pytest.mark.parametrize("obstacle", OBSTACLES, ids=str)
def test_a_step_that_is_refused_leads_back(
    installations: Installations, before: Before, obstacle: Obstacle
) -> None:
    with obstacle.standing(installations.admin, installations.namespace):
        installations.ask("acme")
        told = until_rolled_back(installations)

    assert told.startswith("Rejected: ")
    assert REFUSAL in told
    before.assert_again()


def test_pods_that_get_unready_lead_back_when_patience_ends(
    installations: Installations, before: Before
) -> None:
    """One has died, and its successor finds no node; the way back asks for no pod."""
    admin, place = installations.admin, installations.namespace
    with refusing(admin, place, BINDING, "true"):
        admin.delete(POD, place, name_of(installations.list(POD)[0]))
        installations.until(
            DEPLOYMENT, "acme", lambda each: each["status"].get("unavailableReplicas")
        )
        installations.ask("acme", progressDeadlineSeconds=15)
        over = installations.until(INSTALLATION_MIGRATION, "acme", ended)

    summary = condition(over, Condition.SUCCEEDED)
    assert summary["reason"] == "RolledBack"
    assert summary["message"].startswith("DeadlineExceeded: no progress for 15 s: Deployment acme")
    assert installations.get(CLUSTER_INSTALLATION, "acme")["spec"] == before.source["spec"]
    assert installations.find(MATTERMOST, "acme") is None
    installations.until_whole(CLUSTER_INSTALLATION, "acme")  # it finds a node now
    rules = {harm.rule for harm in installations.harms(before.since)}
    assert rules <= {Rule.MADE, Rule.LOST, Rule.TOO_FEW_READY, Rule.ADDRESS_LOST}
    sets = {uid_of(each) for each in installations.list(REPLICA_SET)}
    assert sets == {uid for name, uid in before.workload.items() if name.startswith("ReplicaSet/")}


def test_a_mattermost_that_does_not_get_stable_leads_back_when_patience_ends(
    installations: Installations, before: Before
) -> None:
    """Its operator may not move the Service to the new labels."""
    moved = f"'{V1BETA1.installation}' in object.spec.selector"
    with refusing(
        installations.admin, installations.namespace, SERVICE, moved, operations=("UPDATE",)
    ):
        installations.ask("acme", progressDeadlineSeconds=15)
        told = until_rolled_back(installations)

    assert told.startswith("DeadlineExceeded: no progress for 15 s: Mattermost acme: ")
    assert REFUSAL in told
    before.assert_again()


@contextmanager
def broken_webhook(here: Installations) -> Iterator[None]:
    """Somebody's admission webhook for Mattermosts, behind which nobody answers; dry runs pass."""
    name = f"broken-{here.namespace}"
    rule = {
        "apiGroups": [MATTERMOST.group],
        "apiVersions": ["*"],
        "operations": ["CREATE"],
        "resources": [MATTERMOST.plural],
    }
    webhook = {
        "name": "broken.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": here.namespace}},
        "matchConditions": [{"name": "no-dry-run", "expression": "!request.dryRun"}],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    body = {"metadata": {"name": name}, "webhooks": [webhook]}
    here.admin.create(WEBHOOK_CONFIGURATION, None, body)
    yield
    here.admin.delete(WEBHOOK_CONFIGURATION, None, name)


def test_a_webhook_of_somebody_s_that_is_down_for_good_is_told_of_and_leads_back(
    installations: Installations, before: Before
) -> None:
    """The API server calls that a fault of its own (500), as it does when it is busy."""
    with broken_webhook(installations):
        installations.ask("acme", progressDeadlineSeconds=15)
        told = until_rolled_back(installations)

    assert told.startswith("DeadlineExceeded: no progress for 15 s: ")
    assert "broken.example.com" in told
    before.assert_again()


def at(here: Installations, point: str) -> Callable[[Entry], bool]:
    return lambda each: namespace_of(each.obj) == here.namespace and POINTS[point](each)


@pytest.mark.parametrize("point", POINTS)
def test_a_mind_that_is_changed_leads_back_from_there(
    installations: Installations, before: Before, point: str
) -> None:
    """It may have come further by the time the API server hears of it, even to its end."""
    installations.ask("acme")
    installations.witness.until(at(installations, point), since=before.since)
    installations.move("acme", kind=BACK)

    before.assert_again(same=False)


def test_a_way_back_that_fails_says_so_and_what_goes_on_with_it(
    installations: Installations, before: Before
) -> None:
    """The thaw is refused as well; once that is lifted, the command that is named ends it."""
    admin, place = installations.admin, installations.namespace
    there = next(each for each in OBSTACLES if each.step is Condition.TARGET_CREATED)
    thaw = Obstacle(
        Condition.TARGET_CREATED,
        CLUSTER_INSTALLATION,
        "UPDATE",
        "!(has(object.spec.migrate) && object.spec.migrate)",
    )
    with there.standing(admin, place), thaw.standing(admin, place):
        installations.ask("acme")
        stalled = installations.until(
            INSTALLATION_MIGRATION,
            "acme",
            lambda each: condition(each, Condition.SUCCEEDED).get("reason") == "RollbackFailed",
        )

    summary = condition(stalled, Condition.SUCCEEDED)
    assert summary["status"] == "False"
    assert condition(stalled, Condition.STALLED)["status"] == "True"
    assert LOCK_LABEL in labels_of(stalled)
    assert summary["message"].count(REFUSAL) == 2
    assert "(rolling back because of Rejected: " in summary["message"]
    body = '{"spec":{"desiredKind":"ClusterInstallation"}}'
    assert stalled["status"]["nextCommand"] == (
        f"kubectl -n {place} patch installationmigration acme --type merge -p '{body}'"
    )
    assert installations.harms(before.since) == ()  # the pods serve all the while
    installations.ask("acme", kind=BACK)
    assert succeeded(installations.until_ended("acme"))
    before.assert_again()
