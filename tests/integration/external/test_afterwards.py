"""After success: back again with or without edits, the pin taken off, the way back dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
    Condition,
    Resource,
)
from mattermost_migrate.domain.objects import annotations_of, controller_of, name_of, uid_of
from mattermost_migrate.domain.pin import PINNED, is_pinned
from mattermost_migrate.testing.cluster import Cluster
from mattermost_migrate.testing.installations import (
    Installations,
    condition,
    stable,
    succeeded,
)
from mattermost_migrate.testing.policies import REFUSAL, refusing

pytestmark = pytest.mark.usefixtures("engine", "operator")
BACK = CLUSTER_INSTALLATION.kind
BACKUP = "acme-migration-backup"
RESTARTED = "kubectl.kubernetes.io/restartedAt"


@pytest.fixture
def migrated(installations: Installations) -> Installations:
    """A Mattermost ``acme`` that was a ClusterInstallation."""
    installations.create("acme")
    installations.move("acme")
    installations.until_whole(MATTERMOST, "acme")
    return installations


def spec(here: Installations, name: str = "acme", **fields: Any) -> None:
    here.admin.patch(INSTALLATION_MIGRATION, here.namespace, name, {"spec": fields})


def edit(here: Installations, **fields: Any) -> None:
    here.admin.patch(MATTERMOST, here.namespace, "acme", {"spec": fields})


def holds(here: Installations, kind: Condition, status: str = "True") -> dict[str, Any]:
    """Wait until a condition says so of the spec as it is."""
    return here.until(
        INSTALLATION_MIGRATION,
        "acme",
        lambda imig: (
            (told := condition(imig, kind)).get("status") == status
            and told["observedGeneration"] == imig["metadata"]["generation"]
        ),
    )


def env(here: Installations) -> dict[str, str | None]:
    deployment = here.get(DEPLOYMENT, "acme")
    entries = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    return {each["name"]: each.get("value") for each in entries}


def rolled(here: Installations, before: dict[str, str]) -> None:
    """Wait until other pods than those before run, all of one new ReplicaSet."""
    here.until(
        DEPLOYMENT,
        "acme",
        lambda each: (
            each["status"].get("observedGeneration") == each["metadata"]["generation"]
            and each["status"].get("updatedReplicas") == each["spec"]["replicas"]
            and each["status"].get("replicas") == each["spec"]["replicas"]
        ),
    )
    here.until_settled("acme")
    here.until_so(lambda: not {uid_of(each) for each in here.list(POD)} & set(before.values()))


def test_finalized_there_is_no_way_back(migrated: Installations) -> None:
    assert migrated.find(SECRET, BACKUP)

    spec(migrated, finalize=True)

    over = holds(migrated, Condition.FINALIZED)
    assert succeeded(over)
    assert over["status"]["finalizedTime"]
    assert "backup" not in over["status"]
    assert migrated.find(SECRET, BACKUP) is None
    migrated.until_told("acme", "Progressing", "Succeeded", "Finalized")

    workload = migrated.workload()
    spec(migrated, desiredKind=BACK, finalize=False)
    refused = holds(migrated, Condition.SUCCEEDED, "False")
    assert condition(refused, Condition.SUCCEEDED)["reason"] == "Finalized"
    assert over["status"]["finalizedTime"] in condition(refused, Condition.SUCCEEDED)["message"]
    assert MATTERMOST.kind in refused["status"]["nextCommand"]
    spec(migrated, desiredKind=MATTERMOST.kind)
    assert holds(migrated, Condition.SUCCEEDED)["status"]["finalizedTime"]
    assert migrated.workload() == workload


def test_finalized_it_waits_for_no_garbage_collector(
    migrated: Installations, cluster: Cluster
) -> None:
    """Behind thousands of others that one may come late."""
    collector = cluster.processes["kube-controller-manager"]
    collector.pause()
    try:
        spec(migrated, finalize=True)
        over = holds(migrated, Condition.FINALIZED)
    finally:
        collector.resume()

    assert succeeded(over)
    assert migrated.find(SECRET, BACKUP) is None
    migrated.until_told("acme", "Progressing", "Succeeded", "Finalized")


def test_deleting_a_finished_one_takes_the_backup_along(migrated: Installations) -> None:
    migrated.admin.delete(INSTALLATION_MIGRATION, migrated.namespace, "acme")

    migrated.admin.until_gone(SECRET, migrated.namespace, BACKUP)
    assert stable(migrated.get(MATTERMOST, "acme"))


def test_unpinned_it_rolls_once_and_a_users_own_patch_stays(installations: Installations) -> None:
    installations.create("acme")
    installations.move("acme")
    before, since = installations.workload(), installations.witness.now()
    generation = installations.get(DEPLOYMENT, "acme")["metadata"]["generation"]
    own = {"op": "add", "path": "/metadata/annotations/example.com~1own", "value": "yes"}
    patch = json.loads(
        installations.get(MATTERMOST, "acme")["spec"]["resourcePatch"]["deployment"]["patch"]
    )
    # Ours are the last ones.
    edit(installations, resourcePatch={"deployment": {"patch": json.dumps([own, *patch])}})

    spec(installations, pinPodTemplate=False)

    over = holds(installations, Condition.UNPINNED)
    assert succeeded(over)
    assert "pinnedGeneration" not in over["status"]
    mattermost = installations.until(MATTERMOST, "acme", lambda each: not is_pinned(each))
    left = json.loads(mattermost["spec"]["resourcePatch"]["deployment"]["patch"])
    assert left == [own]
    # Before its operator has seen the Mattermost without the pin, nothing is there to roll.
    installations.until(
        DEPLOYMENT, "acme", lambda each: each["metadata"]["generation"] > generation
    )
    rolled(installations, before)
    assert installations.get(DEPLOYMENT, "acme")["metadata"]["generation"] > generation
    assert env(installations)["MM_FILESETTINGS_AMAZONS3SSL"] == "false"  # the behaviour is kept
    chronicle = installations.chronicle(since)
    made = {uid_of(e.obj) for e in chronicle.entries if e.of(REPLICA_SET)} - set(before.values())
    assert len(made) == 1
    # The way back is still there, at the price of one rolling update.
    installations.move("acme", kind=BACK, discardEdits=True)
    rolled(installations, {})
    installations.until_whole(CLUSTER_INSTALLATION, "acme")


def restart(here: Installations, when: str) -> None:
    """As ``kubectl rollout restart`` does."""
    template = {"metadata": {"annotations": {RESTARTED: when}}}
    here.admin.patch(DEPLOYMENT, here.namespace, "acme", {"spec": {"template": template}})


def restarted(deployment: dict[str, Any]) -> str | None:
    return annotations_of(deployment["spec"]["template"]).get(RESTARTED)


def test_a_restart_is_undone_while_the_pin_holds_the_one_before(
    installations: Installations,
) -> None:
    installations.create("acme")
    made = installations.workload()
    restart(installations, "first")
    rolled(installations, made)
    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    before = installations.workload()
    (current,) = (each for each in installations.list(REPLICA_SET) if each["spec"]["replicas"])

    installations.move("acme")

    assert installations.workload() == before
    (told,) = installations.get(INSTALLATION_MIGRATION, "acme")["status"]["warnings"]
    assert f"metadata.annotations[{RESTARTED}]" in told["message"]
    assert f"unpin acme -n {installations.namespace}" in told["message"]
    installations.until_whole(MATTERMOST, "acme")

    restart(installations, "second")
    installations.until(DEPLOYMENT, "acme", lambda each: restarted(each) == "first")
    installations.until(REPLICA_SET, name_of(current), lambda each: each["spec"]["replicas"] == 2)
    rolled(installations, {})
    pods = {name_of(each): controller_of(each) for each in installations.list(POD)}
    assert {owner["uid"] for owner in pods.values() if owner} == {uid_of(current)}

    spec(installations, pinPodTemplate=False)
    installations.until_unpinned("acme")
    rolled(installations, before)
    assert restarted(installations.get(DEPLOYMENT, "acme")) is None

    unpinned = installations.workload()
    restart(installations, "third")
    rolled(installations, unpinned)
    installations.until_whole(MATTERMOST, "acme")
    assert restarted(installations.get(DEPLOYMENT, "acme")) == "third"


def test_a_pin_that_somebody_edited_is_left_to_him(migrated: Installations) -> None:
    pods = migrated.workload()
    patch = migrated.get(MATTERMOST, "acme")["spec"]["resourcePatch"]["deployment"]["patch"]
    changed = json.loads(patch)
    changed[-1]["value"] = "mine"
    edit(migrated, resourcePatch={"deployment": {"patch": json.dumps(changed), "disable": True}})

    spec(migrated, pinPodTemplate=False)

    over = holds(migrated, Condition.UNPINNED, "False")
    assert condition(over, Condition.UNPINNED)["reason"] == "NotUnpinnable"
    assert "spec.resourcePatch.deployment.patch" in condition(over, Condition.UNPINNED)["message"]
    assert succeeded(over)
    assert is_pinned(migrated.get(MATTERMOST, "acme"))
    assert pods  # the operator may roll them: that is what the edit asked for


@pytest.mark.parametrize(
    ("wish", "kind", "denied"),
    [
        pytest.param(
            {"pinPodTemplate": False},
            Condition.UNPINNED,
            (MATTERMOST, "UPDATE", "!has(object.spec.resourcePatch)"),
            id="unpin",
        ),
        pytest.param(
            {"finalize": True},
            Condition.FINALIZED,
            (SECRET, "DELETE", f"request.name == '{BACKUP}'"),
            id="finalize",
        ),
    ],
)
def test_a_wish_that_a_policy_denies_fails_nothing_and_comes_true_once_that_is_lifted(
    migrated: Installations,
    wish: dict[str, Any],
    kind: Condition,
    denied: tuple[Resource, str, str],
) -> None:
    resource, operation, when = denied
    ended = migrated.get(INSTALLATION_MIGRATION, "acme")["status"]["completionTime"]
    with refusing(migrated.admin, migrated.namespace, resource, when, operations=(operation,)):
        spec(migrated, **wish)
        told = holds(migrated, kind, "False")
        migrated.until_agreed("acme")

    assert condition(told, kind)["reason"] == "Rejected"
    assert REFUSAL in condition(told, kind)["message"]
    assert succeeded(told)
    assert condition(told, Condition.STALLED) == {}
    assert told["status"]["completionTime"] == ended
    assert succeeded(holds(migrated, kind))
    migrated.until_told("acme", "Progressing", "Succeeded", "Rejected", str(kind))
    migrated.until_whole(MATTERMOST, "acme")


def test_an_edit_of_the_environment_drops_the_pin(migrated: Installations) -> None:
    """The pin hides it otherwise; an edit that changes no pod leaves the pin alone."""
    before = migrated.workload()
    edit(migrated, ingressAnnotations={"example.com/some": "thing"})
    migrated.until(
        INSTALLATION_MIGRATION,
        "acme",
        lambda imig: (
            imig["status"]["pinnedGeneration"]
            == migrated.get(MATTERMOST, "acme")["metadata"]["generation"]
        ),
    )
    assert is_pinned(migrated.get(MATTERMOST, "acme"))
    assert migrated.workload() == before

    edit(migrated, mattermostEnv=[{"name": "TEAM", "value": "chat"}])

    migrated.until(MATTERMOST, "acme", lambda each: PINNED not in annotations_of(each))
    migrated.until(DEPLOYMENT, "acme", lambda _: env(migrated).get("TEAM") == "chat")
    rolled(migrated, before)


def test_edits_that_have_a_place_come_back(migrated: Installations) -> None:
    edit(migrated, replicas=3, version="7.8.16")
    migrated.until_unpinned("acme")

    migrated.move("acme", kind=BACK)

    migrated.until_whole(CLUSTER_INSTALLATION, "acme")
    restored = migrated.get(CLUSTER_INSTALLATION, "acme")["spec"]
    assert (restored["replicas"], restored["version"]) == (3, "7.8.16")
    migrated.until_so(lambda: len(migrated.list(POD)) == 3)


def test_edits_without_a_place_are_refused_by_field_or_dropped(migrated: Installations) -> None:
    before, since = migrated.workload(), migrated.witness.now()
    edit(migrated, updateJob={"disabled": True})
    migrated.until_whole(MATTERMOST, "acme")

    spec(migrated, desiredKind=BACK)

    refused = holds(migrated, Condition.SUCCEEDED, "False")
    summary = condition(refused, Condition.SUCCEEDED)
    assert summary["reason"] == "NoPlace"
    assert "spec.updateJob" in summary["message"]
    assert "discardEdits" in summary["message"]
    assert migrated.find(CLUSTER_INSTALLATION, "acme") is None
    spec(migrated, discardEdits=True)
    assert succeeded(migrated.until_ended("acme"))
    migrated.until_whole(CLUSTER_INSTALLATION, "acme")
    assert migrated.workload() == before
    assert migrated.harms(since) == ()
