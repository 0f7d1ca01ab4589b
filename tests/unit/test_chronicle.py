"""The rules that integration tests hold migrations to: each can be broken, and is then named."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    MATTERMOST,
    POD,
    REPLICA_SET,
    V1ALPHA1,
    Resource,
)
from mattermost_migrate.testing.chronicle import Chronicle, Rule
from mattermost_migrate.testing.witness import Entry

OWNERS = {
    DEPLOYMENT: CLUSTER_INSTALLATION,
    REPLICA_SET: DEPLOYMENT,
    POD: REPLICA_SET,
}


def owner(resource: Resource, uid: str | None = None, *, controller: bool = True) -> dict[str, Any]:
    return {"kind": resource.kind, "name": "acme", "uid": uid or uid_of(resource)} | (
        {"controller": True} if controller else {}
    )


def uid_of(resource: Resource) -> str:
    return f"{resource.kind}-1"


def made(resource: Resource, uid: str | None = None, **content: Any) -> dict[str, Any]:
    metadata = {
        "name": "acme",
        "namespace": "ns",
        "uid": uid or uid_of(resource),
        "labels": V1ALPHA1.of("acme"),
        "ownerReferences": [owner(OWNERS[resource])] if resource in OWNERS else [],
    }
    metadata |= content.pop("metadata", {})
    return {"kind": resource.kind, "metadata": metadata, **content}


def pod(uid: str = "Pod-1", *, ready: bool = True, **metadata: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return made(POD, uid, metadata=metadata, status={"conditions": conditions})


def endpoints(*addresses: str, ready: bool = True) -> dict[str, Any]:
    serving = [{"addresses": [each], "conditions": {"ready": ready}} for each in addresses]
    labels = {"kubernetes.io/service-name": "acme"}
    return made(ENDPOINT_SLICE, metadata={"labels": labels}, endpoints=serving)


WHOLE = (
    made(CLUSTER_INSTALLATION),
    made(DEPLOYMENT, spec={"replicas": 2}),
    made(REPLICA_SET),
    pod("Pod-1"),
    pod("Pod-2"),
    endpoints("10.0.0.1", "10.0.0.2"),
)


def broken(*entries: Entry) -> set[Rule]:
    before = {each["metadata"]["uid"]: each for each in WHOLE}
    return {harm.rule for harm in Chronicle(before, entries).harms()}


def changed(resource: Resource, *objects: dict[str, Any]) -> Iterable[Entry]:
    return [Entry(n, resource, obj) for n, obj in zip(itertools.count(1), objects, strict=False)]


def gone(resource: Resource, obj: dict[str, Any]) -> list[Entry]:
    return [Entry(1, resource, obj, gone=True)]


HARMLESS = [
    pytest.param(changed(POD, pod(labels={**V1ALPHA1.of("acme"), "more": "labels"})), id="labels"),
    pytest.param(
        changed(REPLICA_SET, made(REPLICA_SET, metadata={"ownerReferences": []})),
        id="a ReplicaSet between two owners",
    ),
    pytest.param(changed(ENDPOINT_SLICE, endpoints("10.0.0.2", "10.0.0.1")), id="another order"),
]

HARMFUL = [
    pytest.param(changed(POD, pod("Pod-3")), {Rule.MADE}, id="a new pod"),
    pytest.param(
        changed(REPLICA_SET, made(REPLICA_SET, "other")), {Rule.MADE}, id="a new ReplicaSet"
    ),
    pytest.param(
        gone(POD, pod("Pod-2")), {Rule.LOST, Rule.TOO_FEW_READY}, id="a pod that is deleted"
    ),
    pytest.param(
        changed(POD, pod(ready=False)), {Rule.TOO_FEW_READY}, id="a pod that is not ready"
    ),
    pytest.param(
        changed(POD, pod(ownerReferences=[])), {Rule.NO_OWNER}, id="a pod that nobody owns"
    ),
    pytest.param(
        changed(POD, pod(ownerReferences=[owner(REPLICA_SET, controller=False)])),
        {Rule.NO_OWNER},
        id="a pod that nobody controls",
    ),
    pytest.param(
        changed(
            DEPLOYMENT,
            made(
                DEPLOYMENT,
                spec={"replicas": 2},
                metadata={"ownerReferences": [owner(CLUSTER_INSTALLATION)] * 2},
            ),
        ),
        {Rule.TWO_OWNERS},
        id="two controllers",
    ),
    pytest.param(
        changed(
            REPLICA_SET, made(REPLICA_SET, metadata={"ownerReferences": [owner(DEPLOYMENT, "x")]})
        ),
        {Rule.OWNER_UNKNOWN},
        id="an owner that never was",
    ),
    pytest.param(
        gone(CLUSTER_INSTALLATION, made(CLUSTER_INSTALLATION)),
        {Rule.OWNER_UNKNOWN},
        id="an owner that is gone",
    ),
    pytest.param(
        changed(ENDPOINT_SLICE, endpoints("10.0.0.1")), {Rule.ADDRESS_LOST}, id="a lost address"
    ),
    pytest.param(
        changed(ENDPOINT_SLICE, endpoints("10.0.0.1", "10.0.0.2", ready=False)),
        {Rule.ADDRESS_LOST},
        id="addresses that do not serve",
    ),
    pytest.param(
        gone(ENDPOINT_SLICE, endpoints("10.0.0.1", "10.0.0.2")),
        {Rule.ADDRESS_LOST},
        id="no EndpointSlice any more",
    ),
]


@pytest.mark.parametrize("entries", HARMLESS)
def test_what_nobody_notices_is_no_harm(entries: list[Entry]) -> None:
    assert broken(*entries) == set()


@pytest.mark.parametrize(("entries", "rules"), HARMFUL)
def test_what_is_broken_is_named(entries: list[Entry], rules: set[Rule]) -> None:
    assert broken(*entries) == rules


def test_what_was_lost_for_a_moment_only_was_lost() -> None:
    entries = changed(ENDPOINT_SLICE, endpoints("10.0.0.1"), endpoints("10.0.0.1", "10.0.0.2"))
    assert broken(*entries) == {Rule.ADDRESS_LOST}


@pytest.mark.parametrize(
    ("listed_after", "rules"),
    [
        pytest.param(4, set(), id="it may have been made before"),
        pytest.param(5, {Rule.OWNER_UNKNOWN}, id="it was made after that"),
        pytest.param(None, {Rule.OWNER_UNKNOWN}, id="heard of as it was made"),
    ],
)
def test_nobody_is_accused_by_what_was_not_seen(listed_after: int | None, rules: set[Rule]) -> None:
    """A watch was lost, and of the new owner only its last version is known."""
    adopted = made(
        DEPLOYMENT, spec={"replicas": 2}, metadata={"ownerReferences": [owner(MATTERMOST)]}
    )
    entries = (
        Entry(5, DEPLOYMENT, adopted),
        Entry(7, MATTERMOST, made(MATTERMOST), listed_after=listed_after),
    )

    assert broken(*entries) == rules
