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
    annotations.pop("deployment.kubernetes.io/revision", None)
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
