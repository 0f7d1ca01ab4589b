"""One installation moves, and nobody notices."""

from __future__ import annotations

import itertools
import os
import subprocess

import pytest

from mattermost_migrate.domain.adoption import ADOPTION
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
)
from mattermost_migrate.domain.objects import labels_of, name_of, uid_of
from mattermost_migrate.testing.cluster import Cluster, LocalCluster
from mattermost_migrate.testing.installations import Installations, condition, engine_writes, stable
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.witness import Entry

pytestmark = pytest.mark.usefixtures("controller")


def test_the_same_pods_serve_before_and_after(
    installations: Installations, local_cluster: LocalCluster
) -> None:
    installations.create("acme")
    source = installations.get(CLUSTER_INSTALLATION, "acme")
    owned = installations.owned_by(source)
    before, since = installations.workload(), installations.witness.now()

    installations.ask("acme")
    imig = installations.until_ended("acme")

    assert condition(imig, "Succeeded")["status"] == "True", imig["status"]
    assert [c["type"] for c in imig["status"]["conditions"]] == [
        "Succeeded",
        *(step.condition for step in ADOPTION),
    ]
    assert {c["status"] for c in imig["status"]["conditions"]} == {"True"}
    assert installations.harms(since) == ()
    assert installations.workload() == before
    assert installations.find(CLUSTER_INSTALLATION, "acme") is None
    target = installations.get(MATTERMOST, "acme")
    assert stable(target)
    assert {"Deployment/acme", "Service/acme", "Ingress/acme"} < owned
    assert installations.owned_by(target) == owned
    assert installations.owned_by(source) == set()
    installations.until_told("acme", "Progressing", "Succeeded")
    entered = imig["status"]["steps"]
    # A step may cease to hold, as when the operator looks again: then it is entered again.
    names = [step["type"] for step in entered]
    assert {"Validated", "SourceFrozen", "TargetStable", "Unlocked"} <= set(names)
    assert (names[0], names[-1]) == ("Validated", "Unlocked")
    assert all(one != other for one, other in itertools.pairwise(names))
    told = [step["startTime"] for step in entered]
    assert [imig["status"]["startTime"], *told, imig["status"]["completionTime"]] == sorted(
        [imig["status"]["startTime"], *told, imig["status"]["completionTime"]]
    )
    backup = installations.get(SECRET, imig["status"]["backup"]["secretName"])
    assert {"clusterinstallation", "deployment.clusterinstallation", "service"} <= {
        key.removesuffix(".json") for key in backup["data"]
    }
    assert "ownerReferences" not in backup["metadata"]
    writes = sorted(engine_writes(local_cluster, installations.namespace))
    assert imig["status"]["apiWrites"] == len(writes)
    # One that takes longer than a moment tells how far it is as well.
    assert [write for write in writes if write != "patch installationmigrations/status"] == [
        "create deployments",
        "create mattermosts",
        "create secrets",  # the backup
        "delete clusterinstallations",
        "delete deployments",
        "patch clusterinstallations",  # the freeze
        "patch deployments",  # let go
        "patch installationmigrations",  # the lock on
        "patch installationmigrations",  # and off
        "patch mattermosts",  # let go
        "patch pods",
        "patch pods",
        "patch replicasets",
    ]
    # The operator beside us told us of the freeze without a write.
    journal = installations.witness.journal(installations.namespace)
    frozen = [each.obj for each in journal if each.of(CLUSTER_INSTALLATION)]
    assert any(each["spec"].get("migrate") for each in frozen)
    assert [each for each in frozen if "migration" in each.get("status", {})] == []


def kubectl(tools: Toolbox, cluster: Cluster, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 - the kubectl that we built
        [str(tools["kubectl"]), *words],
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_rollouts_can_be_undone_to_revisions_from_before(
    installations: Installations, cluster: Cluster, tools: Toolbox
) -> None:
    installations.create("acme", version="7.8.13")
    for version in ("7.8.14", "7.8.15"):
        installations.admin.patch(
            CLUSTER_INSTALLATION, installations.namespace, "acme", {"spec": {"version": version}}
        )
        installations.until(
            CLUSTER_INSTALLATION,
            "acme",
            lambda ci, wanted=version: stable(ci) and ci["status"]["version"] == wanted,
        )
    installations.until_settled("acme")
    sets = {uid_of(each) for each in installations.list(REPLICA_SET)}
    assert len(sets) == 3
    since = installations.witness.now()

    installations.move("acme")

    assert installations.harms(since) == ()
    place = ("--namespace", installations.namespace, "deployment/acme")
    history = kubectl(tools, cluster, "rollout", "history", *place)
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2", "3"]
    since = installations.witness.now()
    kubectl(tools, cluster, "rollout", "undo", "--to-revision=1", *place)

    def undone(entry: Entry) -> bool:
        """The operator puts its own image back at once; no watch misses what was in between."""
        return (
            entry.of(DEPLOYMENT)
            and entry.obj["metadata"]["namespace"] == installations.namespace
            and entry.obj["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":7.8.13")
        )

    installations.witness.until(undone, since=since)
    installations.until_whole(MATTERMOST, "acme")
    assert {uid_of(each) for each in installations.list(REPLICA_SET)} == sets


def test_a_pod_that_dies_afterwards_is_replaced_and_serves(installations: Installations) -> None:
    installations.create("acme")
    installations.move("acme")
    victim = installations.list(POD)[0]
    since = installations.witness.now()

    installations.admin.delete(POD, installations.namespace, name_of(victim))

    def replaced(entry: Entry) -> bool:
        return (
            entry.of(POD)
            and entry.obj["metadata"]["namespace"] == installations.namespace
            and uid_of(entry.obj) != uid_of(victim)
            and bool(entry.obj["status"].get("podIP"))
        )

    fresh = installations.witness.until(replaced, since=since)
    assert installations.get(SERVICE, "acme")["spec"]["selector"].items() <= (
        labels_of(fresh.obj).items()
    )
    installations.until_so(lambda: fresh.obj["status"]["podIP"] in installations.serving("acme"))
    installations.until_settled("acme")
    assert len(installations.list(REPLICA_SET)) == 1
