"""New pods beside old ones on a real control plane, and nobody who is chatting is sent away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    HELD_LABEL,
    MATTERMOST,
    POD,
    REPLICA_SET,
    RUNGS,
    SERVICE,
    SERVING_LABEL,
    V1ALPHA1,
    V1BETA1,
    Labels,
    Resource,
    Strategy,
)
from mattermost_migrate.domain.objects import controller_of, labels_of, name_of, uid_of
from mattermost_migrate.testing.installations import Installations, condition, succeeded
from mattermost_migrate.testing.policies import refusing
from mattermost_migrate.testing.succession import Succession

pytestmark = pytest.mark.usefixtures("controller")

#: How an installation is asked to be recreated in these tests.
RECREATE: Final = {"strategy": "Recreate", "drainSeconds": 1}


def pods(installations: Installations) -> set[str]:
    return {uid_of(each) for each in installations.list(POD)}


def succession(
    installations: Installations, since: int, *, wanted: int = 2, surge: int = 1
) -> Succession:
    return Succession(installations.chronicle(since), "acme", wanted, surge)


def assert_clean(installations: Installations) -> None:
    """Nothing of ours is left, and every ReplicaSet is the Deployment's."""
    deployment = installations.get(DEPLOYMENT, "acme")
    for each in installations.list(REPLICA_SET):
        assert (controller_of(each) or {})["uid"] == uid_of(deployment)
        assert SERVING_LABEL not in labels_of(each["spec"]["template"])
    for each in (*installations.list(POD), *installations.list(SERVICE)):
        assert SERVING_LABEL not in labels_of(each)


def test_new_pods_take_over_and_the_old_are_drained(installations: Installations) -> None:
    installations.create("acme")
    before, since = pods(installations), installations.witness.now()

    installations.ask("acme", **RECREATE)
    imig = installations.until_ended("acme")

    assert succeeded(imig), imig["status"]
    assert [c["type"] for c in imig["status"]["conditions"]] == [
        "Succeeded",
        *RUNGS[Strategy.RECREATE],
    ]
    entered = [each["type"] for each in imig["status"]["steps"]]
    assert entered == [rung for rung in RUNGS[Strategy.RECREATE] if rung in entered], "each once"
    assert {"PodsReplaced", "TargetStable"} <= set(entered)
    installations.until_whole(MATTERMOST, "acme")
    happened = succession(installations, since)
    assert happened.harms() == ()
    assert happened.most == 3
    after = installations.list(POD)
    assert not before & {uid_of(each) for each in after}
    for each in after:
        assert V1BETA1.of("acme").items() <= labels_of(each).items()
        assert not V1ALPHA1.of("acme").keys() & labels_of(each).keys()
    assert installations.get(SERVICE, "acme")["spec"]["selector"] == V1BETA1.selector("acme")
    made = {
        name_of(entry.obj)
        for entry in installations.chronicle(since).entries
        if entry.resource in (POD, REPLICA_SET)
    }
    assert len(made) == 2 + 2 + 2, "the operator made others than those we made for it"
    assert_clean(installations)


def test_there_by_one_strategy_and_back_by_either(installations: Installations) -> None:
    installations.create("acme")
    spec = installations.get(CLUSTER_INSTALLATION, "acme")["spec"]
    template = installations.get(DEPLOYMENT, "acme")["spec"]["template"]
    (first,) = installations.list(REPLICA_SET)

    for back in ("Recreate", "Adopt"):
        since = installations.witness.now()
        installations.move("acme", **RECREATE | {"drainSeconds": 0})
        installations.until_whole(MATTERMOST, "acme")
        assert succession(installations, since).harms() == ()
        since = installations.witness.now()
        installations.move("acme", kind=CLUSTER_INSTALLATION.kind, **RECREATE | {"strategy": back})
        installations.until_whole(CLUSTER_INSTALLATION, "acme")
        assert installations.get(CLUSTER_INSTALLATION, "acme")["spec"] == spec
        assert_clean(installations)
        if back == "Recreate":  # by Adopt the pods of the Mattermost stay
            assert succession(installations, since).harms() == ()
            assert installations.get(DEPLOYMENT, "acme")["spec"]["template"] == template
            assert running(installations) == [uid_of(first)]


def test_turned_round_twice_while_the_service_is_held(installations: Installations) -> None:
    """What the Service was before it was held is what counts as its original, on each turn."""
    installations.create("acme", replicas=3)
    since = installations.witness.now()
    slowly = RECREATE | {"drainSeconds": 3}

    installations.ask("acme", **slowly)
    for labels, kind in ((V1BETA1, CLUSTER_INSTALLATION), (V1ALPHA1, MATTERMOST)):
        until_selected_by(installations, labels)
        installations.ask("acme", kind=kind.kind, **slowly)
        assert SERVING_LABEL in labels_of(installations.get(SERVICE, "acme")), "turned too late"
    imig = installations.until_ended("acme")

    assert succeeded(imig), imig["status"]
    installations.until_whole(MATTERMOST, "acme")
    assert installations.get(SERVICE, "acme")["spec"]["selector"] == V1BETA1.selector("acme")
    assert succession(installations, since, wanted=3).harms() == ()
    assert_clean(installations)


def until_selected_by(installations: Installations, labels: Labels) -> None:
    """Wait for the Deployment of that side, created and let go."""

    def there() -> bool:
        found = installations.find(DEPLOYMENT, "acme")
        selector = found["spec"]["selector"]["matchLabels"] if found else {}
        return labels.of("acme").items() <= selector.items() and HELD_LABEL not in labels_of(
            found or {}
        )

    installations.until_so(there)


def running(installations: Installations) -> list[str]:
    """UIDs of the ReplicaSets that have pods."""
    sets = installations.list(REPLICA_SET)
    return [uid_of(each) for each in sets if each["spec"]["replicas"]]


@pytest.mark.parametrize(
    ("replicas", "surge", "extra"),
    [
        pytest.param(4, 2, 2, id="four pods, two at a time"),
        pytest.param(3, "100%", 3, id="two full sets, asked for"),
    ],
)
def test_never_more_pods_than_the_surge_allows(
    installations: Installations, replicas: int, surge: int | str, extra: int
) -> None:
    installations.create("acme", replicas=replicas)
    since = installations.witness.now()

    installations.move("acme", **RECREATE | {"drainSeconds": 0}, maxSurge=surge)

    installations.until_whole(MATTERMOST, "acme")
    happened = succession(installations, since, wanted=replicas, surge=extra)
    assert happened.harms() == ()
    assert happened.most == replicas + extra
    assert happened.fewest_serving == replicas


def test_several_at_once(installations: Installations) -> None:
    names = [f"acme-{number}" for number in range(3)]
    installations.create(*names, replicas=1)

    installations.move(*names, **RECREATE | {"drainSeconds": 0})

    for name in names:
        installations.until_whole(MATTERMOST, name)
    assert_owned(installations, names)


def assert_owned(installations: Installations, names: list[str]) -> None:
    for name in names:
        assert installations.find(CLUSTER_INSTALLATION, name) is None
        mattermost = installations.get(MATTERMOST, name)
        owner: Any = controller_of(installations.get(DEPLOYMENT, name))
        assert owner["uid"] == uid_of(mattermost)
    harms = Succession(installations.chronicle(0), "", 0, len(names)).chronicle.harms()
    assert not [str(harm) for harm in harms if "owner" in harm.rule or "fewer" in harm.rule]


@pytest.fixture
def nowhere(installations: Installations) -> Iterator[None]:
    """No node takes another pod; those that run, run on. (A cordon unsettles kwok's kubelet.)"""
    binding = Resource("", "v1", "Binding", "pods/binding")
    with refusing(installations.admin, installations.namespace, binding, "true"):
        yield


def test_new_pods_that_never_get_ready_lead_back(
    installations: Installations, request: pytest.FixtureRequest
) -> None:
    """After the deadline all is as it was, and nobody noticed."""
    installations.create("acme")
    before, since = pods(installations), installations.witness.now()
    spec = installations.get(CLUSTER_INSTALLATION, "acme")["spec"]
    request.getfixturevalue("nowhere")

    installations.ask("acme", **RECREATE, progressDeadlineSeconds=10)
    imig = installations.until_ended("acme")

    summary = condition(imig, "Succeeded")
    assert summary["reason"] == "RolledBack", imig["status"]
    assert "new pods" in summary["message"]
    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    assert installations.get(CLUSTER_INSTALLATION, "acme")["spec"] == spec
    assert pods(installations) == before
    assert succession(installations, since).harms() == ()
    assert_clean(installations)
