"""The demo's bookkeeping: what it must notice, or its zeros would mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from deploy.demo.record import Account, Change, Look, account, endpoints_lost, ready
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    ENDPOINT_SLICE,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    REPLICA_SET,
    V1ALPHA1,
    V1BETA1,
    Labels,
    Resource,
)

KEY = ("demo", "acme")


def endpoint_slice(
    *addresses: str, name: str = "acme-1", service: str = "acme", down: Sequence[str] = ()
) -> dict[str, Any]:
    endpoints = [
        {"addresses": [address], "conditions": {"ready": address not in down}}
        for address in addresses
    ]
    labels = {"kubernetes.io/service-name": service}
    metadata = {"name": name, "namespace": "demo", "labels": labels}
    return {"metadata": metadata, "endpoints": endpoints}


def change(
    resource: Resource, obj: dict[str, Any], *, at: float = 0, kind: str = "MODIFIED"
) -> Change:
    return Change(at, resource, kind, obj)


def moved(obj: dict[str, Any], kind: str = "MODIFIED") -> Change:
    return change(ENDPOINT_SLICE, obj, kind=kind)


BOTH = endpoint_slice("10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        pytest.param([], set(), id="nothing happens"),
        pytest.param([moved(BOTH)], set(), id="the slice is written as it was"),
        pytest.param(
            [moved(endpoint_slice("10.0.0.1", "10.0.0.2", "10.0.0.3"))],
            set(),
            id="one more is no loss",
        ),
        pytest.param(
            [moved(endpoint_slice("10.0.0.1", "10.0.0.2", down=["10.0.0.2"])), moved(BOTH)],
            {"10.0.0.2"},
            id="one is not ready for a moment",
        ),
        pytest.param(
            [moved(endpoint_slice("10.0.0.2")), moved(BOTH)],
            {"10.0.0.1"},
            id="one is left out for a moment",
        ),
        pytest.param(
            [moved(BOTH, "DELETED"), moved(BOTH, "ADDED")],
            {"10.0.0.1", "10.0.0.2"},
            id="the slice is deleted and made again",
        ),
        pytest.param(
            [
                moved(endpoint_slice("10.0.0.1", "10.0.0.2", name="acme-2"), "ADDED"),
                moved(BOTH, "DELETED"),
            ],
            set(),
            id="another slice takes over first",
        ),
        pytest.param(
            [moved(endpoint_slice("10.0.0.3", "10.0.0.4"))],
            {"10.0.0.1", "10.0.0.2"},
            id="as many others are no replacement",
        ),
        pytest.param(
            [change(POD, endpoint_slice())], set(), id="other kinds have no endpoints to lose"
        ),
    ],
)
def test_an_endpoint_is_lost_once_it_is_not_ready_at_any_moment(
    changes: list[Change], lost: set[str]
) -> None:
    assert endpoints_lost([BOTH], changes) == lost


def test_an_endpoint_that_says_nothing_of_readiness_is_ready() -> None:
    assert ready({"endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}]}) == {
        "10.0.0.1",
        "10.0.0.2",
    }
    assert ready({"endpoints": None}) == set()


def labelled(uid: str, labels: Labels = V1ALPHA1, name: str = "acme") -> dict[str, Any]:
    metadata = {"name": f"{name}-{uid}", "namespace": "demo", "uid": uid}
    return {"metadata": {**metadata, "labels": labels.of(name)}}


def migration(*, paused: bool = False, succeeded: str | None = None) -> dict[str, Any]:
    conditions = [{"type": "Succeeded", "status": succeeded}] if succeeded else []
    return {
        "metadata": {"name": "acme", "namespace": "demo"},
        "spec": {"paused": paused},
        "status": {"conditions": conditions, "apiWrites": 13},
    }


def mattermost(state: str = "stable") -> dict[str, Any]:
    return {"metadata": {"name": "acme", "namespace": "demo"}, "status": {"state": state}}


def seen(**objects: list[dict[str, Any]]) -> Look:
    kinds = {
        "pods": POD,
        "replica_sets": REPLICA_SET,
        "slices": ENDPOINT_SLICE,
        "migrations": INSTALLATION_MIGRATION,
        "olds": CLUSTER_INSTALLATION,
        "news": MATTERMOST,
    }
    return Look({resource: objects.get(word, []) for word, resource in kinds.items()})


def before() -> Look:
    return seen(
        pods=[labelled("p1"), labelled("p2"), labelled("other", name="birch")],
        replica_sets=[labelled("r1")],
        slices=[BOTH, endpoint_slice("10.9.9.9", name="db", service="db-mysql")],
        olds=[mattermost("")],
    )


def after(**changed: list[dict[str, Any]]) -> Look:
    good = {
        "pods": [labelled("p1", V1BETA1), labelled("p2", V1BETA1)],
        "replica_sets": [labelled("r1", V1BETA1)],
        "migrations": [migration(succeeded="True")],
        "news": [mattermost()],
    }
    return seen(**{**good, **changed})


ROAD = [
    change(INSTALLATION_MIGRATION, migration(paused=True), at=1),
    change(INSTALLATION_MIGRATION, migration(), at=2),
    change(INSTALLATION_MIGRATION, migration(succeeded="False"), at=3),
    change(POD, labelled("p1", V1BETA1), at=3),
    change(INSTALLATION_MIGRATION, migration(succeeded="True"), at=4.5),
    change(INSTALLATION_MIGRATION, migration(succeeded="True"), at=9),
]


def judged(*more: Change, then: Look | None = None) -> Account:
    return account(KEY, before(), [*ROAD, *more], then or after())


def test_a_migration_that_kept_everything_breaks_no_promise() -> None:
    made = judged()

    assert made.breaches == ()
    assert made.seconds == 2.5
    assert (made.endpoints, made.writes) == (2, 13)


@pytest.mark.parametrize(
    ("made", "breach"),
    [
        pytest.param(
            judged(
                change(POD, labelled("p3"), kind="ADDED"),
                change(POD, labelled("p3"), kind="DELETED"),
            ),
            "1 pods were created",
            id="a pod came and went again",
        ),
        pytest.param(
            judged(change(REPLICA_SET, labelled("r2", V1BETA1), kind="ADDED")),
            "1 ReplicaSets were created",
            id="a second ReplicaSet",
        ),
        pytest.param(
            judged(then=after(pods=[labelled("p1", V1BETA1), labelled("p9", V1BETA1)])),
            "the pods are not the same",
            id="as many pods but another one",
        ),
        pytest.param(
            judged(then=after(replica_sets=[labelled("r9", V1BETA1)])),
            "the ReplicaSets are not the same",
            id="another ReplicaSet",
        ),
        pytest.param(
            judged(moved(endpoint_slice("10.0.0.1"))),
            "1 endpoints were lost meanwhile",
            id="an endpoint less",
        ),
        pytest.param(
            judged(then=after(news=[mattermost("reconciling")])),
            "there is no stable Mattermost in the ClusterInstallation's place",
            id="not stable",
        ),
        pytest.param(
            judged(then=after(olds=[mattermost("")])),
            "there is no stable Mattermost in the ClusterInstallation's place",
            id="the ClusterInstallation is still there",
        ),
        pytest.param(
            account(KEY, before(), ROAD[:3], after()),
            "the migration did not succeed",
            id="it never said that it succeeded",
        ),
        pytest.param(
            account(KEY, seen(), ROAD, after()),
            "no pod was seen before, so nothing is proven",
            id="nothing was there to lose",
        ),
        pytest.param(
            judged(then=after(migrations=[])),
            "the migration has counted no API write",
            id="no count of writes",
        ),
    ],
)
def test_each_broken_promise_is_noticed(made: Account, breach: str) -> None:
    assert breach in made.breaches


def test_another_installations_changes_are_not_ours() -> None:
    made = judged(
        change(POD, labelled("p7", name="birch"), kind="ADDED"),
        moved(endpoint_slice(name="db", service="db-mysql"), "DELETED"),
    )

    assert made.breaches == ()
