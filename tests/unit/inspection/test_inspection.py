"""The inspection: whole installations are called whole, and each way of being broken is named."""

from __future__ import annotations

import base64
import copy
import functools
import json
from collections.abc import Callable
from typing import Any

import pytest

from mattermost_migrate.domain.holding import hold
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    HELD_LABEL,
    INSTALLATION_MIGRATION,
    LAST_APPLIED,
    LOCK_LABEL,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    V1BETA1,
    Resource,
    Strategy,
)
from mattermost_migrate.domain.steps import Act, Done, Wait
from mattermost_migrate.inspection import Flaw, Scene, State, Verdict, inspect, installations
from mattermost_migrate.testing.builders import installed
from mattermost_migrate.testing.ladder import climb, decision, desire
from mattermost_migrate.testing.simulation import Simulation


def scene(cluster: Simulation) -> dict[str, dict[str, Any]]:
    """What an API server would show of it, by kind; pods have addresses, and all of them serve."""
    objects = copy.deepcopy(cluster.objects())
    pods = [each for each in objects if each["kind"] == POD.kind]
    for number, pod in enumerate(pods):
        pod["status"]["podIP"] = f"10.0.0.{number}"
    endpoints = [
        {"addresses": [pod["status"]["podIP"]], "conditions": {"ready": True}} for pod in pods
    ]
    served = {
        "apiVersion": ENDPOINT_SLICE.api_version,
        "kind": ENDPOINT_SLICE.kind,
        "metadata": {
            "name": "acme-1",
            "namespace": "ns",
            "uid": "slice",
            "labels": {"kubernetes.io/service-name": "acme"},
        },
        "endpoints": endpoints,
    }
    found = {
        f"{each['kind']}/{each['metadata']['name']}": each
        for each in objects
        if each["kind"] != ENDPOINT_SLICE.kind
    }
    return {**found, "EndpointSlice/acme-1": served}


def verdict(objects: dict[str, dict[str, Any]]) -> Verdict:
    return inspect(Scene(objects.values()), "ns", "acme")


def one(objects: dict[str, dict[str, Any]], resource: Resource) -> dict[str, Any]:
    return next(each for each in objects.values() if each["kind"] == resource.kind)


def one_of(cluster: Simulation, resource: Resource) -> dict[str, Any]:
    return next(iter(cluster.all(resource)))


@functools.cache
def moved(kind: str = MATTERMOST.kind) -> Simulation:
    cluster = installed()
    for wanted in (MATTERMOST.kind, kind):
        desire(cluster, "acme", wanted)
        climb(cluster)
    return cluster


def test_a_cluster_installation_is_whole() -> None:
    assert verdict(scene(installed())) == Verdict("ns", "acme", State.WHOLE_AS_CLUSTER_INSTALLATION)


def test_a_migrated_one_is_whole_as_a_mattermost() -> None:
    assert verdict(scene(moved())) == Verdict("ns", "acme", State.WHOLE_AS_MATTERMOST)


def test_one_that_went_back_is_whole_again() -> None:
    back = verdict(scene(moved(CLUSTER_INSTALLATION.kind)))

    assert back == Verdict("ns", "acme", State.WHOLE_AS_CLUSTER_INSTALLATION)


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("kind", [MATTERMOST.kind, CLUSTER_INSTALLATION.kind])
def test_at_every_point_of_the_way_it_is_under_way_and_nothing_is_wrong(
    kind: str, strategy: Strategy
) -> None:
    cluster = copy.deepcopy(installed() if kind == MATTERMOST.kind else moved())
    desire(cluster, "acme", kind)
    one_of(cluster, INSTALLATION_MIGRATION)["spec"].update(strategy=strategy, drainSeconds=1)
    states = [verdict(scene(cluster))]

    for _ in range(200):
        match decision(cluster).verdict:
            case Done():
                break
            case Act() as act:
                for write in act.writes:
                    cluster.apply(write)
                    states.append(verdict(scene(cluster)))
            case Wait():
                for move in cluster.controllers():
                    move()
                    states.append(verdict(scene(cluster)))

    assert [each for each in states if each.findings] == []
    order = [each.state for each in states]
    first, last = State.WHOLE_AS_CLUSTER_INSTALLATION, State.WHOLE_AS_MATTERMOST
    if kind == CLUSTER_INSTALLATION.kind:
        first, last = last, first
    assert order == [first] + [State.UNDER_WAY] * (len(order) - 2) + [last]


Breaking = Callable[[dict[str, dict[str, Any]]], None]


def without(key: str) -> Breaking:
    return lambda objects: objects.pop(key) and None


def changed(resource: Resource, change: Callable[[dict[str, Any]], object]) -> Breaking:
    def break_it(objects: dict[str, dict[str, Any]]) -> None:
        change(one(objects, resource))

    return break_it


def freeze(mattermost: dict[str, Any]) -> None:
    mattermost["spec"]["ingress"] = {"enabled": True, "host": ""}


def second_controller(obj: dict[str, Any]) -> None:
    owners = obj["metadata"]["ownerReferences"]
    owners.append({**owners[0], "uid": "another", "kind": "Widget", "name": "other"})


def stranger(obj: dict[str, Any]) -> None:
    obj["metadata"]["ownerReferences"][0] |= {"uid": "long-gone"}


def orphaned(obj: dict[str, Any]) -> None:
    obj["metadata"]["ownerReferences"] = []


def resource_of(kind: Resource) -> Callable[[dict[str, Any]], object]:
    def take(obj: dict[str, Any]) -> None:
        obj["metadata"]["ownerReferences"][0] |= {"uid": "w", "kind": kind.kind, "name": "widget"}

    return take


def unready(pod: dict[str, Any]) -> None:
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]


def edited(secret: dict[str, Any]) -> None:
    secret["data"]["service.json"] = base64.b64encode(json.dumps({"no": "no"}).encode()).decode()


def locked(migration: dict[str, Any]) -> None:
    summary = {"type": "Succeeded", "status": "True", "observedGeneration": 1}
    migration["metadata"]["labels"] = {LOCK_LABEL: "frozen"}
    migration["metadata"]["generation"] = 1
    migration["status"] = {"conditions": [summary]}


def stalled(migration: dict[str, Any]) -> None:
    locked(migration)
    migration["status"]["conditions"] = [
        {"type": "Succeeded", "status": "False", "observedGeneration": 1, "message": "no"},
        {"type": "Stalled", "status": "True"},
    ]


def reported_otherwise(migration: dict[str, Any]) -> None:
    locked(migration)
    del migration["metadata"]["labels"]
    migration["spec"]["desiredKind"] = CLUSTER_INSTALLATION.kind


def both(objects: dict[str, dict[str, Any]]) -> None:
    twin = one(scene(installed()), CLUSTER_INSTALLATION)
    objects["ClusterInstallation/acme"] = twin | {
        "metadata": {**twin["metadata"], "uid": "twin"},
    }


def late(objects: dict[str, dict[str, Any]]) -> None:
    both(objects)
    objects["ClusterInstallation/acme"] |= hold(objects["ClusterInstallation/acme"])


def backup(change: Callable[[dict[str, Any]], object]) -> Breaking:
    return lambda objects: change(objects["Secret/acme-migration-backup"]) and None


@pytest.mark.parametrize(
    ("breaking", "kind", "flaw"),
    [
        pytest.param(without("Mattermost/acme"), "ClusterInstallation", Flaw.MISSING, id="no kind"),
        pytest.param(both, "ClusterInstallation", Flaw.TWO_KINDS, id="two kinds"),
        pytest.param(changed(MATTERMOST, freeze), "Mattermost", Flaw.FREEZE_LEFT, id="frozen"),
        pytest.param(late, "ClusterInstallation", Flaw.HELD_LEFT, id="held kind"),
        pytest.param(
            changed(DEPLOYMENT, lambda d: d["metadata"]["labels"].update({HELD_LABEL: "running"})),
            "Deployment",
            Flaw.HELD_LEFT,
            id="held Deployment",
        ),
        pytest.param(
            changed(MATTERMOST, lambda mm: mm["metadata"].update(deletionTimestamp="now")),
            "Mattermost",
            Flaw.BEING_DELETED,
            id="being deleted",
        ),
        pytest.param(
            changed(MATTERMOST, lambda mm: mm["status"].update(state="reconciling")),
            "Mattermost",
            Flaw.NOT_STABLE,
            id="not stable",
        ),
        pytest.param(
            changed(INSTALLATION_MIGRATION, locked),
            "InstallationMigration",
            Flaw.LOCK_LEFT,
            id="lock left",
        ),
        pytest.param(
            changed(INSTALLATION_MIGRATION, stalled),
            "InstallationMigration",
            Flaw.STALLED,
            id="stopped half-way",
        ),
        pytest.param(
            changed(INSTALLATION_MIGRATION, reported_otherwise),
            "InstallationMigration",
            Flaw.REPORTED_OTHERWISE,
            id="reports another kind",
        ),
        pytest.param(without("Deployment/acme"), "Deployment", Flaw.MISSING, id="no Deployment"),
        pytest.param(
            changed(DEPLOYMENT, lambda d: d["spec"]["selector"]["matchLabels"].pop("app")),
            "Deployment",
            Flaw.OTHER_SELECTOR,
            id="Deployment selects otherwise",
        ),
        pytest.param(
            changed(DEPLOYMENT, stranger),
            "Deployment",
            Flaw.OWNER_UNKNOWN,
            id="Deployment of nobody",
        ),
        pytest.param(
            changed(REPLICA_SET, orphaned), "ReplicaSet", Flaw.NO_OWNER, id="orphaned ReplicaSet"
        ),
        pytest.param(
            changed(REPLICA_SET, stranger),
            "ReplicaSet",
            Flaw.OWNER_UNKNOWN,
            id="ReplicaSet of nobody",
        ),
        pytest.param(changed(POD, orphaned), "Pod", Flaw.NO_OWNER, id="orphaned pod"),
        pytest.param(changed(POD, stranger), "Pod", Flaw.OWNER_UNKNOWN, id="pod of nobody"),
        pytest.param(
            changed(POD, resource_of(DEPLOYMENT)), "Pod", Flaw.OTHER_OWNER, id="pod of another kind"
        ),
        pytest.param(changed(POD, unready), "Deployment", Flaw.TOO_FEW_READY, id="too few ready"),
        pytest.param(without("Service/acme"), "Service", Flaw.MISSING, id="no Service"),
        pytest.param(
            changed(SERVICE, lambda s: s["spec"]["selector"].update(more="no")),
            "Service",
            Flaw.OTHER_SELECTOR,
            id="Service selects otherwise",
        ),
        pytest.param(
            changed(POD, lambda pod: pod["metadata"]["labels"].pop(V1BETA1.resource)),
            "Pod",
            Flaw.NOT_SELECTED,
            id="pod out of reach",
        ),
        pytest.param(
            changed(ENDPOINT_SLICE, lambda each: each["endpoints"].pop()),
            "Pod",
            Flaw.NOT_SERVED,
            id="address lost",
        ),
        pytest.param(
            changed(SERVICE, second_controller), "Service", Flaw.TWO_OWNERS, id="two controllers"
        ),
        pytest.param(
            changed(SERVICE, lambda s: s["metadata"].update(ownerReferences=[])),
            "Service",
            Flaw.NO_OWNER,
            id="Service of nobody",
        ),
        pytest.param(
            without("Secret/acme-migration-backup"), "Secret", Flaw.BACKUP_MISSING, id="no backup"
        ),
        pytest.param(backup(edited), "Secret", Flaw.BACKUP_CHANGED, id="backup edited"),
        pytest.param(
            backup(lambda secret: secret["data"].update({"a.json": "%"})),
            "Secret",
            Flaw.BACKUP_CHANGED,
            id="backup unreadable",
        ),
    ],
)
def test_each_way_of_being_broken_is_named(breaking: Breaking, kind: str, flaw: Flaw) -> None:
    objects = scene(moved())

    breaking(objects)

    found = verdict(objects)
    assert found.state is State.BROKEN
    assert (kind, flaw) in {(each.kind, each.flaw) for each in found.findings}
    for each in found.findings:
        assert each.message
        assert each.next_command
        assert each.namespace == "ns"


def test_what_was_never_let_go_is_not_taken_for_a_second_owner() -> None:
    objects = scene(moved())

    late(objects)

    assert {each.flaw for each in verdict(objects).findings} == {Flaw.HELD_LEFT}


def test_what_was_finalized_needs_no_backup() -> None:
    """Once it is done the field may be taken back; the backup does not come back."""
    objects = scene(moved())
    without("Secret/acme-migration-backup")(objects)
    imig = one(objects, INSTALLATION_MIGRATION)
    imig["status"] = {**(imig.get("status") or {}), "finalizedTime": "2026-01-01T00:00:00Z"}

    assert verdict(objects).state is State.WHOLE_AS_MATTERMOST


def test_back_as_a_cluster_installation_no_label_may_be_left() -> None:
    objects = scene(moved(CLUSTER_INSTALLATION.kind))
    one(objects, POD)["metadata"]["labels"] |= V1BETA1.of("acme")

    (found,) = verdict(objects).findings

    assert found.flaw is Flaw.LABELS_LEFT
    assert found.next_command.endswith(f"{V1BETA1.installation}- {V1BETA1.resource}-")


def test_the_generated_database_secret_needs_an_owner_where_there_is_a_database() -> None:
    objects = scene(moved())
    place = {"namespace": "ns", "ownerReferences": []}
    loose = {"apiVersion": "v1", "kind": SECRET.kind, "metadata": {**place, "uid": "s"}}
    loose["metadata"]["name"] = "acme-mysql-root-password"
    objects["loose"] = loose
    assert verdict(objects).findings == ()  # a user's own

    owner = {"kind": "Mattermost", "name": "acme", "controller": True}
    owner["uid"] = one(objects, MATTERMOST)["metadata"]["uid"]
    objects["db"] = {
        "apiVersion": "mysql.presslabs.org/v1alpha1",
        "kind": "MysqlCluster",
        "metadata": {"name": "db-53bce4", "namespace": "ns", "uid": "m"},
    }
    objects["db"]["metadata"]["ownerReferences"] = [owner]
    assert verdict(objects).findings == ()  # its passwords were given by hand

    loose["metadata"]["annotations"] = {LAST_APPLIED: "the operator made it"}
    (found,) = verdict(objects).findings
    assert (found.kind, found.flaw) == ("Secret", Flaw.NO_OWNER)


@pytest.mark.parametrize("kind", [SERVICE, DEPLOYMENT], ids=lambda kind: str(kind.kind))
@pytest.mark.parametrize("controlled", [False, True], ids=["by nobody", "by another"])
def test_what_a_user_hung_on_the_installation_needs_no_controller(
    kind: Resource, *, controlled: bool
) -> None:
    objects = scene(moved())
    other = {"apiVersion": "g/v1", "kind": "Widget", "name": "w", "uid": "w", "controller": True}
    owner = one(objects, MATTERMOST)["metadata"]
    plain = {"apiVersion": MATTERMOST.api_version, "kind": MATTERMOST.kind, "name": "acme"}
    theirs: dict[str, Any] = {
        "name": "acme-extra",
        "namespace": "ns",
        "uid": "extra",
        "annotations": {},
    }
    theirs["ownerReferences"] = [{**plain, "uid": owner["uid"]}, *[other] * controlled]
    objects["extra"] = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": theirs}

    assert verdict(objects).findings == ()

    theirs["annotations"] = {LAST_APPLIED: "the operator made it"}
    (found,) = verdict(objects).findings
    assert (found.kind, found.name) == (kind.kind, "acme-extra")
    assert found.flaw is (Flaw.OTHER_OWNER if controlled else Flaw.NO_OWNER)


@pytest.mark.parametrize("kind", [SERVICE, DEPLOYMENT], ids=lambda kind: str(kind.kind))
def test_a_child_that_names_its_kind_as_a_plain_owner_has_lost_its_controller(
    kind: Resource,
) -> None:
    objects = scene(moved())
    child = objects[f"{kind.kind}/acme"]
    child["metadata"].get("annotations", {}).pop(LAST_APPLIED, None)
    child["metadata"]["ownerReferences"][0]["controller"] = False

    assert (kind.kind, Flaw.NO_OWNER) in {
        (each.kind, each.flaw) for each in verdict(objects).findings
    }


def test_installations_are_found_by_their_kinds_and_by_their_migrations() -> None:
    assert installations(Scene(scene(installed()).values())) == [("ns", "acme")]
