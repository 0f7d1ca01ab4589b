"""New pods beside old ones, and beside an operator that somebody else runs."""

from __future__ import annotations

from typing import Final

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SERVICE,
    SERVING_LABEL,
    V1ALPHA1,
    V1BETA1,
    Strategy,
)
from mattermost_migrate.domain.objects import controller_of, labels_of, name_of, uid_of
from mattermost_migrate.testing.cluster import Process
from mattermost_migrate.testing.installations import Installations, condition
from mattermost_migrate.testing.policies import REFUSAL, refusing
from mattermost_migrate.testing.succession import Succession

pytestmark = pytest.mark.usefixtures("engine", "operator")
#: How an installation is asked to be recreated in these tests.
RECREATE: Final = {"strategy": str(Strategy.RECREATE), "drainSeconds": 1}


def assert_clean(here: Installations, name: str = "acme") -> None:
    """Nothing of ours is left, and every ReplicaSet is the Deployment's."""
    deployment = here.get(DEPLOYMENT, name)
    for each in here.list(REPLICA_SET):
        assert (controller_of(each) or {})["uid"] == uid_of(deployment)
        assert SERVING_LABEL not in labels_of(each["spec"]["template"])
    for each in (*here.list(POD), *here.list(SERVICE)):
        assert SERVING_LABEL not in labels_of(each)


def busy(here: Installations) -> list[str]:
    """UIDs of the ReplicaSets that have pods."""
    return [uid_of(each) for each in here.list(REPLICA_SET) if each["spec"]["replicas"]]


def pods(here: Installations) -> set[str]:
    return {uid_of(each) for each in here.list(POD)}


@pytest.mark.parametrize("back", Strategy)
def test_new_pods_take_over_there_and_back_and_nobody_is_sent_away(
    installations: Installations, back: Strategy
) -> None:
    installations.create("acme")
    spec = installations.get(CLUSTER_INSTALLATION, "acme")["spec"]
    template = installations.get(DEPLOYMENT, "acme")["spec"]["template"]
    (first,) = installations.list(REPLICA_SET)
    before, since = pods(installations), installations.witness.now()

    installations.move("acme", **RECREATE)

    installations.until_whole(MATTERMOST, "acme")
    happened = Succession(installations.chronicle(since), "acme", wanted=2, surge=1)
    assert happened.harms() == ()
    assert not before & pods(installations)
    made = {
        name_of(entry.obj)
        for entry in installations.chronicle(since).entries
        if entry.resource in (POD, REPLICA_SET)
    }
    assert len(made) == 2 + 2 + 2, "the operator made others than those we made for it"
    for each in installations.list(POD):
        assert V1BETA1.of("acme").items() <= labels_of(each).items()
        assert not V1ALPHA1.of("acme").keys() & labels_of(each).keys()
    assert_clean(installations)

    since = installations.witness.now()
    installations.move("acme", kind=CLUSTER_INSTALLATION.kind, **RECREATE | {"strategy": str(back)})

    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    installations.until_so(lambda: busy(installations) == [uid_of(first)])
    assert installations.get(CLUSTER_INSTALLATION, "acme")["spec"] == spec
    assert installations.get(DEPLOYMENT, "acme")["spec"]["template"] == template
    assert_clean(installations)
    if back is Strategy.RECREATE:  # by Adopt the operator rolls them, as it would any day
        happened = Succession(installations.chronicle(since), "acme", wanted=2, surge=1)
        assert happened.harms() == ()


def test_a_mattermost_that_is_refused_leads_back_to_the_old_pods_serving(
    installations: Installations,
) -> None:
    """New pods serve by then; the way back makes the old revision's pods anew."""
    installations.create("acme")
    spec = installations.get(CLUSTER_INSTALLATION, "acme")["spec"]
    (first,) = installations.list(REPLICA_SET)
    since = installations.witness.now()

    with refusing(installations.admin, installations.namespace, MATTERMOST, "true"):
        installations.ask("acme", **RECREATE)
        over = installations.until_ended("acme")

    summary = condition(over, "Succeeded")
    assert summary["reason"] == "RolledBack"
    assert REFUSAL in summary["message"]
    installations.until_whole(CLUSTER_INSTALLATION, "acme")
    assert installations.get(CLUSTER_INSTALLATION, "acme")["spec"] == spec
    assert busy(installations) == [uid_of(first)]
    happened = Succession(installations.chronicle(since), "acme", wanted=2, surge=1)
    assert happened.harms() == ()
    assert_clean(installations)


def test_an_operator_that_is_started_anew_in_the_middle_goes_on(
    installations: Installations, operator: Process
) -> None:
    installations.create("acme")
    since = installations.witness.now()

    installations.ask("acme", **RECREATE)
    installations.witness.until(
        lambda each: (
            each.of(SERVICE)
            and each.obj["metadata"]["namespace"] == installations.namespace
            and SERVING_LABEL in each.obj["spec"]["selector"]
        ),
        since=since,
    )
    operator.restart()

    installations.move("acme", **RECREATE)
    installations.until_whole(MATTERMOST, "acme")
    happened = Succession(installations.chronicle(since), "acme", wanted=2, surge=1)
    assert happened.harms() == ()
    assert_clean(installations)
