"""What the Go operator loses when it takes an installation over, and a migration keeps."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Any

import pytest

from mattermost_migrate.domain.inventory import mysql_secret
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    CONFIG_MAP,
    DEPLOYMENT,
    INGRESS,
    INSTALLATION_MIGRATION,
    JOB,
    MATTERMOST,
    MYSQL_CLUSTER,
    POD_DISRUPTION_BUDGET,
    REPLICA_SET,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    V1ALPHA1,
    Condition,
    Resource,
    Strategy,
)
from mattermost_migrate.domain.objects import owner_reference, owners_of, uid_of
from mattermost_migrate.testing.builders import cluster_installation, secret
from mattermost_migrate.testing.cluster import Cluster, Process
from mattermost_migrate.testing.installations import Installations, condition, stable
from mattermost_migrate.testing.tools import Toolbox

pytestmark = pytest.mark.usefixtures("engine", "operator")
BACK = CLUSTER_INSTALLATION.kind
IRSA = "eks.amazonaws.com/role-arn"
#: By hand, to every child that both operators write as a whole.
ADDED: dict[Resource, dict[str, Any]] = {
    SERVICE_ACCOUNT: {
        "metadata": {"annotations": {IRSA: "arn:aws:iam::1:role/chat"}, "labels": {"team": "a"}},
        "imagePullSecrets": [{"name": "registry"}],
    },
    SERVICE: {
        "metadata": {"annotations": {"example.com/monitor": "yes"}},
        "spec": {"sessionAffinity": "ClientIP"},
    },
    INGRESS: {
        "metadata": {"finalizers": ["example.com/balancer"], "labels": {"team": "a"}},
    },
    ROLE: {"metadata": {"annotations": {"example.com/reviewed": "2026"}}},
    DEPLOYMENT: {
        "metadata": {"annotations": {"example.com/owner": "chat team"}},
        "spec": {"minReadySeconds": 1},
    },
}


def add(here: Installations) -> None:
    for resource, body in ADDED.items():
        here.admin.patch(resource, here.namespace, "acme", body)


def within(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, dict):
        return all(key in found and within(value, found[key]) for key, value in wanted.items())
    return bool(wanted == found)


def missing(here: Installations) -> list[str]:
    return [
        str(resource)
        for resource, body in ADDED.items()
        if not within(body, here.get(resource, "acme"))
    ]


def remove_finalizers(here: Installations) -> None:
    here.admin.patch(INGRESS, here.namespace, "acme", {"metadata": {"finalizers": None}})


def test_what_was_added_by_hand_is_put_back(installations: Installations) -> None:
    installations.create("acme")
    add(installations)
    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    before = installations.workload()
    assert missing(installations) == []

    installations.move("acme")

    installations.until_whole(MATTERMOST, "acme")
    assert missing(installations) == []
    installations.move("acme", kind=BACK)
    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    assert missing(installations) == []
    assert installations.workload() == before
    remove_finalizers(installations)


def test_the_passwords_of_a_kept_database_stay(
    installations: Installations, stand_in: Process
) -> None:
    """``acme-mysql-root-password``: the operator leaves it to be collected with the old kind."""
    place, name = installations.namespace, mysql_secret("acme")
    manifest = cluster_installation("acme", place, database={"type": "mysql"}, minio={})
    installations.admin.create(CLUSTER_INSTALLATION, place, manifest)
    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    before, workload = installations.get(SECRET, name), installations.workload()

    installations.move("acme")

    new = installations.until_whole(MATTERMOST, "acme")
    kept = installations.get(SECRET, name)
    assert (uid_of(kept), kept["data"]) == (uid_of(before), before["data"])
    assert [owner["uid"] for owner in owners_of(kept)] == [uid_of(new)]
    installations.move("acme", kind=BACK)
    old = installations.until_whole(CLUSTER_INSTALLATION, "acme")
    kept = installations.get(SECRET, name)
    assert (uid_of(kept), kept["data"]) == (uid_of(before), before["data"])
    assert [owner["uid"] for owner in owners_of(kept)] == [uid_of(old)]
    assert installations.workload() == workload
    assert base64.b64decode(kept["data"]["USER"]) == b"mmuser"


def test_a_database_of_another_secret_moves_once_that_has_the_name_it_needs(
    installations: Installations, stand_in: Process
) -> None:
    """Refused at first; what the refusal says is done, and then nothing stands in the way."""
    admin, place, name = installations.admin, installations.namespace, mysql_secret("acme")
    passwords = {"ROOT_PASSWORD": "a", "USER": "b", "PASSWORD": "c", "DATABASE": "d"}
    admin.create(SECRET, place, secret("own", place, **passwords))
    database = {"type": "mysql", "secret": "own"}
    manifest = cluster_installation("acme", place, database=database, minio={})
    admin.create(CLUSTER_INSTALLATION, place, manifest)
    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    installations.ask("acme")
    refused = condition(installations.until_ended("acme"), Condition.SUCCEEDED)
    assert refused["reason"] == "NotConvertible"
    assert f"copy the data to a Secret {name!r} and name that one here" in refused["message"]
    # Or it would begin as soon as nothing is in its way.
    admin.delete(INSTALLATION_MIGRATION, place, "acme")
    admin.until_gone(INSTALLATION_MIGRATION, place, "acme")

    admin.create(SECRET, place, secret(name, place, **passwords))
    admin.patch(CLUSTER_INSTALLATION, place, "acme", {"spec": {"database": {"secret": name}}})
    installations.until(DEPLOYMENT, "acme", lambda each: name in json.dumps(each["spec"]))
    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    before, kept = installations.workload(), installations.get(SECRET, name)
    (database,) = installations.list(MYSQL_CLUSTER)
    installations.move("acme")

    installations.until_whole(MATTERMOST, "acme")
    assert installations.workload() == before
    assert installations.get(SECRET, name)["data"] == kept["data"]
    (same,) = installations.list(MYSQL_CLUSTER)
    assert (uid_of(same), same["spec"]) == (uid_of(database), database["spec"])
    installations.move("acme", kind=BACK)
    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    assert installations.workload() == before
    assert installations.get(SECRET, name)["data"] == kept["data"]


def test_what_is_added_to_a_list_of_the_operators_goes_at_its_next_look(
    installations: Installations,
) -> None:
    """A rule in its Role, a subject in its RoleBinding: no migration needs to come for that."""
    installations.create("acme")
    role, binding = installations.get(ROLE, "acme"), installations.get(ROLE_BINDING, "acme")
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    subject = {"kind": "ServiceAccount", "name": "another", "namespace": installations.namespace}
    for resource, body in (
        (ROLE, {"rules": [*role["rules"], rule]}),
        (ROLE_BINDING, {"subjects": [*binding["subjects"], subject]}),
    ):
        installations.admin.patch(resource, installations.namespace, "acme", body)

    # Neither is watched: any event of another child has the operator look at all of them.
    event = {"metadata": {"labels": {"team": "a"}}}
    installations.admin.patch(SERVICE, installations.namespace, "acme", event)

    installations.until(ROLE, "acme", lambda each: each["rules"] == role["rules"])
    installations.until(ROLE_BINDING, "acme", lambda each: each["subjects"] == binding["subjects"])


def test_whatever_named_the_old_kind_as_owner_names_the_new_one(
    installations: Installations,
) -> None:
    installations.create("acme")
    admin, place = installations.admin, installations.namespace
    old = installations.get(CLUSTER_INSTALLATION, "acme")
    controller = owner_reference(old, CLUSTER_INSTALLATION)
    plain = {**controller, "controller": False}
    labels = {V1ALPHA1.installation: "acme"}
    selector = {"matchLabels": {"app": "mattermost"}}
    container = {"name": "check", "image": "example/check"}
    pod = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    made = (
        (CONFIG_MAP, "notes", labels, plain, {"data": {"a": "b"}}),
        (POD_DISRUPTION_BUDGET, "acme", labels, plain, {"spec": {"selector": selector}}),
        (SERVICE, "acme-canary", {}, controller, {"spec": {"ports": [{"port": 80}]}}),
        (JOB, "mattermost-update-check", {}, controller, {"spec": {"template": pod}}),
    )
    for resource, name, marks, owner, body in made:
        metadata = {"name": name, "labels": marks, "ownerReferences": [owner]}
        admin.create(resource, place, {"metadata": metadata, **body})

    for kind in (MATTERMOST, CLUSTER_INSTALLATION):
        installations.move("acme", kind=kind.kind)

        new = installations.get(kind, "acme")
        for resource, name, _, owner, _ in made:
            if resource == JOB and not installations.find(JOB, name):
                continue  # its operator may have found it finished
            (reference,) = owners_of(installations.get(resource, name))
            assert reference == {
                **owner_reference(new, kind),
                "controller": owner["controller"],
            }, (kind, resource)


@pytest.mark.parametrize("strategy", Strategy)
def test_what_gives_way_goes_as_an_orphan_and_controls_nothing_by_then(
    installations: Installations, strategy: Strategy
) -> None:
    """At the moment its deletion is asked for, not only when the garbage collector is done."""
    installations.create("acme")
    wish = {"strategy": str(strategy), **({"drainSeconds": 0} if strategy == "Recreate" else {})}
    for old, new in ((CLUSTER_INSTALLATION, MATTERMOST), (MATTERMOST, CLUSTER_INSTALLATION)):
        since, uid = installations.witness.now(), uid_of(installations.get(old, "acme"))
        installations.move("acme", kind=new.kind, **wish)
        installations.until_whole(new, "acme")

        chronicle = installations.chronicle(since)
        there = dict(chronicle.before)
        for entry in chronicle.entries:
            if entry.of(old) and "deletionTimestamp" in entry.obj["metadata"]:
                assert entry.obj["metadata"]["finalizers"] == ["orphan"]
                owners = (owner for each in there.values() for owner in owners_of(each))
                assert [each for each in owners if each["uid"] == uid] == []
                break
            there[uid_of(entry.obj)] = entry.obj
            if entry.gone:
                del there[uid_of(entry.obj)]
        else:
            pytest.fail(f"the {old.kind} was never asked to go")


def test_revisions_can_be_gone_back_to(
    installations: Installations, operator: Process, cluster: Cluster, tools: Toolbox
) -> None:
    """``kubectl rollout history`` and ``undo`` know the revisions from before."""
    installations.create("acme")
    place = installations.namespace
    for version in ("7.8.16", "7.8.17"):
        installations.admin.patch(
            CLUSTER_INSTALLATION, place, "acme", {"spec": {"version": version}}
        )
        installations.until(DEPLOYMENT, "acme", lambda each, v=version: runs(each, v))
        installations.until_whole(CLUSTER_INSTALLATION, "acme")
    revisions = history(cluster, tools, place)
    assert len(revisions) == 3
    sets = {uid_of(each) for each in installations.list(REPLICA_SET)}

    installations.move("acme")

    assert history(cluster, tools, place) == revisions
    operator.kill()  # or it would take the image back at once, as ever
    kubectl(cluster, tools, "-n", place, "rollout", "undo", "deployment/acme")
    installations.until(DEPLOYMENT, "acme", lambda each: runs(each, "7.8.16"))
    installations.until_settled("acme")
    assert {uid_of(each) for each in installations.list(REPLICA_SET)} == sets
    operator.start()
    installations.until(DEPLOYMENT, "acme", lambda each: runs(each, "7.8.17"))
    assert stable(installations.until_whole(MATTERMOST, "acme"))
    over = installations.get(INSTALLATION_MIGRATION, "acme")
    assert condition(over, Condition.SUCCEEDED)["status"] == "True"


def runs(deployment: dict[str, Any], version: str) -> bool:
    image: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return image.endswith(f":{version}")


def history(cluster: Cluster, tools: Toolbox, place: str) -> list[str]:
    told = kubectl(cluster, tools, "-n", place, "rollout", "history", "deployment/acme")
    return [line.split()[0] for line in told.splitlines() if line[:1].isdigit()]


def kubectl(cluster: Cluster, tools: Toolbox, *words: str) -> str:
    command = [str(tools["kubectl"]), "--kubeconfig", str(cluster.kubeconfig), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - the kubectl that we built
