"""What cannot be moved is refused before anything is written, with reason, object and next step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
)
from mattermost_migrate.domain.objects import JsonObject, name_of, uid_of
from mattermost_migrate.testing.builders import cluster_installation, secret
from mattermost_migrate.testing.chronicle import Rule
from mattermost_migrate.testing.cluster import LocalCluster
from mattermost_migrate.testing.installations import (
    Installations,
    condition,
    engine_writes,
    stable,
)

pytestmark = pytest.mark.usefixtures("controller")
Make = Callable[[Installations], None]
#: A rollout makes and removes pods, and their addresses with them.
FELT_BY_USERS = {Rule.TOO_FEW_READY, Rule.NO_OWNER, Rule.TWO_OWNERS, Rule.OWNER_UNKNOWN}


def stored(installations: Installations, **spec: Any) -> None:
    """Create it, however it may turn out."""
    manifest = cluster_installation("acme", installations.namespace, **spec)
    installations.admin.create(CLUSTER_INSTALLATION, installations.namespace, manifest)


def edited(installations: Installations, **spec: Any) -> None:
    """Bring an ordinary one to stable, then edit it."""
    installations.create("acme")
    place = installations.namespace
    installations.admin.patch(CLUSTER_INSTALLATION, place, "acme", {"spec": spec})


def blue_green(here: Installations) -> None:
    colour = {"version": "7.8.15", "image": "example/chat", "ingressName": "acme.example.com"}
    stored(
        here,
        blueGreen={
            "enable": True,
            "productionDeployment": "blue",
            "blue": {"name": "acme-blue", **colour},
            "green": {"name": "acme-green", **colour},
        },
    )
    here.until(CLUSTER_INSTALLATION, "acme", stable)


def canary(here: Installations) -> None:
    edited(
        here, canary={"enable": True, "deployment": {"version": "7.9.0", "image": "example/chat"}}
    )
    here.until(DEPLOYMENT, "acme-canary", lambda each: each["status"].get("readyReplicas"))
    here.until(CLUSTER_INSTALLATION, "acme", stable)


def without_secret(name: str) -> Make:
    def make(here: Installations) -> None:
        here.create("acme")
        here.admin.delete(SECRET, here.namespace, name)

    return make


def with_secret(name: str, **data: str | None) -> Make:
    def make(here: Installations) -> None:
        here.create("acme")
        here.admin.patch(SECRET, here.namespace, name, {"data": data})

    return make


def kept_database_of_another_secret(here: Installations) -> None:
    held = secret("own", here.namespace, ROOT_PASSWORD="a", USER="b", PASSWORD="c", DATABASE="d")
    here.admin.create(SECRET, here.namespace, held)
    stored(here, database={"secret": "own", "type": "mysql"})
    here.until_settled("acme")


def taken_name(here: Installations) -> None:
    """Its ingress has no host: no operator does a thing for it."""
    here.create("acme")
    spec = {"ingress": {"enabled": True, "host": ""}}
    here.admin.create(MATTERMOST, here.namespace, {"metadata": {"name": "acme"}, "spec": spec})
    here.until(MATTERMOST, "acme", lambda each: (each.get("status") or {}).get("error"))


def no_deployment(here: Installations) -> None:
    stored(here, database={"secret": "absent"})
    here.until(CLUSTER_INSTALLATION, "acme", lambda each: (each.get("status") or {}).get("state"))


def no_ready_pod(here: Installations) -> None:
    stored(here, nodeSelector={"disk": "of-another-world"})
    here.until(DEPLOYMENT, "acme", lambda each: each["status"].get("unavailableReplicas") == 2)


def deleted(here: Installations) -> None:
    here.create("acme")
    place, held = here.namespace, {"metadata": {"finalizers": ["example.com/hold"]}}
    here.admin.patch(CLUSTER_INSTALLATION, place, "acme", held)
    here.admin.delete(CLUSTER_INSTALLATION, place, "acme", propagation="Orphan")
    here.until(
        CLUSTER_INSTALLATION,
        "acme",
        lambda each: each["metadata"]["finalizers"] == ["example.com/hold"],
    )


def nothing(here: Installations) -> None:
    """There is no such installation."""


EDIT = "edit clusterinstallations.mattermost.com acme"
LOOK = "get clusterinstallations.mattermost.com acme"
BAD = [
    pytest.param(blue_green, "BlueGreenEnabled", ("spec.blueGreen.enable", EDIT), id="blue/green"),
    pytest.param(canary, "CanaryEnabled", ("spec.canary.enable", EDIT), id="canary"),
    pytest.param(
        without_secret("db"),
        "SecretMissing",
        ("spec.database.secret", EDIT),
        id="no database Secret",
    ),
    pytest.param(
        with_secret("db", DB_CONNECTION_STRING=None, DB_CONNECTION_CHECK_URL=None),
        "SecretMalformed",
        ("spec.database.secret", EDIT),
        id="a database Secret without a connection string",
    ),
    pytest.param(
        with_secret("db", DB_CONNECTION_CHECK_URL="OjovL2JhZCB1cmw="),
        "SecretMalformed",
        ("DB_CONNECTION_CHECK_URL", EDIT),
        id="a database Secret with a URL that is none",
    ),
    pytest.param(
        without_secret("files"), "SecretMissing", ("spec.minio.secret", EDIT), id="no file Secret"
    ),
    pytest.param(
        with_secret("files", accesskey=None),
        "SecretMalformed",
        ("accesskey", EDIT),
        id="a file Secret without a key",
    ),
    pytest.param(
        kept_database_of_another_secret,
        "NotConvertible",
        ("acme-mysql-root-password", EDIT),
        id="a Secret of another name for a database the operator keeps",
    ),
    pytest.param(
        taken_name, "NameTaken", ("Mattermost", "get mattermosts"), id="a Mattermost of that name"
    ),
    pytest.param(no_deployment, "NoDeployment", ("Deployment", LOOK), id="no Deployment yet"),
    pytest.param(
        no_ready_pod, "NoReadyPods", ("Deployment", "describe deployment acme"), id="no pod ready"
    ),
    pytest.param(deleted, "SourceDeleted", ("ClusterInstallation", LOOK), id="being deleted"),
    pytest.param(
        nothing,
        "NoSource",
        ("ClusterInstallation", "get clusterinstallations.mattermost.com"),
        id="no such installation",
    ),
]


@pytest.fixture
def let_go(installations: Installations) -> Iterator[None]:
    """What was held goes in the end, or its namespace would never end."""
    yield
    if installations.find(CLUSTER_INSTALLATION, "acme") is not None:
        installations.admin.patch(
            CLUSTER_INSTALLATION, installations.namespace, "acme", {"metadata": {"finalizers": []}}
        )


@pytest.mark.usefixtures("stand_in", "let_go")
@pytest.mark.parametrize(("make", "reason", "told"), BAD)
def test_it_is_refused_before_anything_is_written(
    installations: Installations,
    local_cluster: LocalCluster,
    make: Make,
    reason: str,
    told: tuple[str, str],
) -> None:
    subject, command = told
    make(installations)
    since = installations.witness.now()

    installations.ask("acme")
    imig = installations.until_ended("acme")

    summary = condition(imig, "Succeeded")
    assert (summary["status"], summary["reason"]) == ("False", reason), summary
    assert subject in summary["message"]
    assert command in imig["status"]["nextCommand"]
    assert condition(imig, "Stalled")["status"] == "True"
    said = installations.witness.until(
        lambda each: (
            each.obj["kind"] == "Event" and each.obj["regarding"].get("uid") == uid_of(imig)
        ),
        since=since,
    ).obj
    assert (said["type"], said["reason"], said["note"]) == ("Warning", reason, summary["message"])
    written = list(engine_writes(local_cluster, installations.namespace))
    assert written == ["patch installationmigrations/status"]
    assert imig["status"]["apiWrites"] == len(written)


def test_what_was_refused_goes_on_when_it_is_mended(installations: Installations) -> None:
    installations.create("acme")
    kept = installations.get(SECRET, "db")
    installations.admin.delete(SECRET, installations.namespace, "db")
    since = installations.witness.now()
    installations.ask("acme")
    assert condition(installations.until_ended("acme"), "Succeeded")["status"] == "False"

    body = {"metadata": {"name": "db"}, "data": kept["data"]}
    installations.admin.create(SECRET, installations.namespace, body)
    installations.move("acme", retryGeneration=1)

    assert installations.harms(since) == ()


def test_a_rollout_in_progress_goes_on(
    installations: Installations, local_cluster: LocalCluster
) -> None:
    """The migration waits until it is through; the kubelet is what holds it up here."""
    installations.create("acme")
    first = {uid_of(each) for each in installations.list(REPLICA_SET)}
    kubelet = local_cluster.processes["kwok"]
    since = installations.witness.now()
    kubelet.pause()
    try:
        # Not the image: a ClusterInstallation tries that in a Job before it rolls out.
        env = {"spec": {"mattermostEnv": [{"name": "TEAM", "value": "chat"}]}}
        installations.admin.patch(CLUSTER_INSTALLATION, installations.namespace, "acme", env)
        installations.until(
            DEPLOYMENT,
            "acme",
            lambda each: (each.get("status") or {}).get("updatedReplicas") == 1,
        )
        installations.ask("acme")
        waiting = installations.until(
            INSTALLATION_MIGRATION,
            "acme",
            lambda each: condition(each, "DeploymentAdopted").get("reason") == "Waiting",
        )
        assert "available" in condition(waiting, "DeploymentAdopted")["message"]
    finally:
        kubelet.resume()

    assert condition(installations.until_ended("acme"), "Succeeded")["status"] == "True"
    broken = [harm for harm in installations.harms(since) if harm.rule in FELT_BY_USERS]
    assert broken == []
    sets = installations.list(REPLICA_SET)
    assert len(sets) == 2
    assert first < {uid_of(each) for each in sets}
    (current,) = (each for each in sets if each["spec"]["replicas"])
    owners = {each["metadata"]["ownerReferences"][0]["name"] for each in installations.list(POD)}
    assert owners == {name_of(current)}
    assert {"name": "TEAM", "value": "chat"} in _env(current["spec"]["template"])
    deployment = installations.get(DEPLOYMENT, "acme")
    assert _env(deployment["spec"]["template"]) == _env(current["spec"]["template"])


def _env(template: JsonObject) -> list[JsonObject]:
    return list(template["spec"]["containers"][0]["env"])
