"""Back again after success: the ClusterInstallation as it was, with the same pods."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from mattermost_migrate.domain.last_applied import decode
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INGRESS,
    INSTALLATION_MIGRATION,
    LAST_APPLIED,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SERVICE,
)
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of
from mattermost_migrate.testing.installations import Installations

pytestmark = pytest.mark.usefixtures("controller")
SPEC: dict[str, Any] = {
    "mattermostEnv": [{"name": "TEAM", "value": "chat"}],
    "ingressAnnotations": {"example.com/class": "public"},
    "resourceLabels": {"tier": "gold"},
}


def lasting(obj: JsonObject) -> JsonObject:
    """What of an object must be the same after the way there and back."""
    annotations = {**(obj["metadata"].get("annotations") or {})}
    for key in ("revision", "revision-history"):
        annotations.pop(f"deployment.kubernetes.io/{key}", None)
    if LAST_APPLIED in annotations:
        # Compressed, and it names the owner, whose UID is another one by then.
        applied = json.dumps(decode(annotations[LAST_APPLIED]))
        annotations[LAST_APPLIED] = re.sub('"uid": "[^"]*"', "", applied)
    return {"labels": labels_of(obj), "annotations": annotations, "spec": obj["spec"]}


def as_it_is(installations: Installations) -> dict[str, JsonObject]:
    kinds = (CLUSTER_INSTALLATION, DEPLOYMENT, REPLICA_SET, POD, SERVICE, INGRESS)
    return {
        f"{kind}/{name_of(each)}": lasting(each)
        for kind in kinds
        for each in installations.list(kind)
    }


def changes(before: dict[str, JsonObject], after: dict[str, JsonObject]) -> list[str]:
    return [
        f"{name} {part}: {each[part]} is now {after.get(name, {}).get(part)}"
        for name, each in before.items()
        for part in each
        if each[part] != after.get(name, {}).get(part)
    ]


def test_twice_there_and_back_leaves_everything_as_it_was(installations: Installations) -> None:
    installations.create("acme", **SPEC)
    source = installations.get(CLUSTER_INSTALLATION, "acme")
    before, workload = as_it_is(installations), installations.workload()
    owned = installations.owned_by(source)
    since = installations.witness.now()

    for _ in range(2):
        installations.move("acme")
        assert installations.find(CLUSTER_INSTALLATION, "acme") is None
        installations.move("acme", kind=CLUSTER_INSTALLATION.kind)
        assert installations.find(MATTERMOST, "acme") is None

    again = installations.until_whole(CLUSTER_INSTALLATION, "acme")
    assert installations.harms(since) == ()
    assert installations.workload() == workload
    assert changes(before, as_it_is(installations)) == []
    assert installations.owned_by(again) == owned


def test_turned_round_in_the_middle_it_comes_back(
    installations: Installations,
) -> None:
    """As soon as the old Deployment is gone, somebody changes their mind."""
    installations.create("acme")
    before, workload = as_it_is(installations), installations.workload()
    since = installations.witness.now()

    installations.ask("acme")
    installations.witness.until(
        lambda each: (
            each.of(DEPLOYMENT, "acme")
            and each.gone
            and each.obj["metadata"]["namespace"] == installations.namespace
        ),
        since=since,
    )
    installations.move("acme", kind=CLUSTER_INSTALLATION.kind)

    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    assert installations.harms(since) == ()
    assert installations.workload() == workload
    assert changes(before, as_it_is(installations)) == []


@pytest.mark.parametrize("way", ["never pinned", "unpinned later", "unpinned by an edit"])
def test_without_a_pin_the_way_back_rolls_into_the_pods_of_before(
    installations: Installations, way: str
) -> None:
    """Twice the pods are made anew, there and back; then all is as it was but for their names."""
    installations.create("acme", **SPEC)
    before = as_it_is(installations)
    (first,) = installations.list(REPLICA_SET)

    installations.move("acme", pinPodTemplate=way != "never pinned")
    unpin(installations, way)
    rolled = current_set(installations)
    assert rolled != name_of(first)
    installations.move("acme", kind=CLUSTER_INSTALLATION.kind)

    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    installations.until_so(lambda: current_set(installations) == name_of(first))
    lasts = {name: each for name, each in before.items() if not name.startswith("Pod/")}
    assert changes(lasts, as_it_is(installations)) == []
    template = before[f"ReplicaSet/{name_of(first)}"]["spec"]["template"]
    for pod in installations.list(POD):
        assert template["metadata"]["labels"].items() <= labels_of(pod).items()
        assert env_of(pod["spec"]) == env_of(template["spec"])


def unpin(installations: Installations, way: str) -> None:
    admin, place = installations.admin, installations.namespace
    if way == "unpinned later":
        body = {"spec": {"pinPodTemplate": False}}
        admin.patch(INSTALLATION_MIGRATION, place, "acme", body)
    elif way == "unpinned by an edit":
        # Taken back in the end: only the pods are to be another's.
        env = installations.get(MATTERMOST, "acme")["spec"]["mattermostEnv"]
        for wanted in ([*env, {"name": "MORE", "value": "yes"}], env):
            admin.patch(MATTERMOST, place, "acme", {"spec": {"mattermostEnv": wanted}})
            installations.until_unpinned("acme")
    installations.until_unpinned("acme")


def current_set(installations: Installations) -> str:
    """The name of the one ReplicaSet that has pods; empty while there are several."""
    busy = [each for each in installations.list(REPLICA_SET) if each["spec"]["replicas"]]
    return name_of(busy[0]) if len(busy) == 1 else ""


def env_of(spec: JsonObject) -> Any:
    return spec["containers"][0]["env"]
