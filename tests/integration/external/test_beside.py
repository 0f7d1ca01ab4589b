"""Beside an operator that is up, down, slow, restarted or mistaken: never two writers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest

from mattermost_migrate.domain.freeze import frozen
from mattermost_migrate.domain.names import (
    ACKNOWLEDGEMENT,
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    REPLICA_SET,
    Condition,
)
from mattermost_migrate.domain.objects import name_of, namespace_of, uid_of
from mattermost_migrate.testing.chronicle import Rule
from mattermost_migrate.testing.cluster import Process
from mattermost_migrate.testing.installations import Installations, condition, stable
from mattermost_migrate.testing.witness import Entry

pytestmark = pytest.mark.usefixtures("engine", "operator")
THERE, BACK = MATTERMOST.kind, CLUSTER_INSTALLATION.kind
#: Where the operator ends in the middle.
POINTS = ("frozen", "exchanged", "thawed")
Upgrade: TypeAlias = Callable[[], None]


@pytest.fixture
def two(installations: Installations) -> Iterator[Installations]:
    """``old`` is a ClusterInstallation yet, ``new`` is a Mattermost already."""
    installations.create("old", "new")
    installations.move("new")
    installations.until_whole(MATTERMOST, "new")
    yield installations
    assert installations.find(CLUSTER_INSTALLATION, "old") is None
    assert installations.find(MATTERMOST, "new") is None
    installations.until_whole(MATTERMOST, "old")
    installations.until_whole(CLUSTER_INSTALLATION, "new")


def ask_both(here: Installations, **spec: int) -> None:
    here.ask("old", kind=THERE, **spec)
    here.ask("new", kind=BACK, **spec)


def both_succeed(here: Installations) -> None:
    for name in ("old", "new"):
        over = here.until_ended(name)
        assert condition(over, Condition.SUCCEEDED)["status"] == "True", over["status"]


def at_freeze(imig: dict[str, object]) -> bool:
    return condition(imig, Condition.SOURCE_FROZEN).get("status") == "False"


def test_many_at_once_there_and_back_and_nobody_notices(installations: Installations) -> None:
    """More than the operator lets reconcile at once."""
    names = [f"acme-{number}" for number in range(6)]
    installations.create(*names)
    before, since = installations.workload(), installations.witness.now()

    installations.move(*names)

    for name in names:
        assert installations.find(CLUSTER_INSTALLATION, name) is None
        assert stable(installations.until_whole(MATTERMOST, name))
    assert installations.workload() == before

    installations.move(*names, kind=BACK)

    for name in names:
        assert installations.find(MATTERMOST, name) is None
        installations.until_whole(CLUSTER_INSTALLATION, name)
    assert installations.workload() == before
    assert installations.harms(since) == ()


def test_a_silent_operator_is_waited_for_and_then_left_alone(
    two: Installations, operator: Process
) -> None:
    """It is down: nothing is exchanged, and what was frozen is as it was, without its help."""
    specs = {
        name: two.get(resource, name)["spec"]
        for name, resource in (("old", CLUSTER_INSTALLATION), ("new", MATTERMOST))
    }
    before, since = two.workload(), two.witness.now()
    operator.kill()

    ask_both(two, progressDeadlineSeconds=10)

    for name, resource in (("old", CLUSTER_INSTALLATION), ("new", MATTERMOST)):
        over = two.until_ended(name)
        summary = condition(over, Condition.SUCCEEDED)
        assert (summary["reason"], summary["status"]) == ("RolledBack", "False")
        assert summary["message"].startswith("OperatorSilent: no progress for 10 s")
        assert two.get(resource, name)["spec"] == specs[name]
    assert two.find(MATTERMOST, "old") is None
    assert two.find(CLUSTER_INSTALLATION, "new") is None
    operator.start()
    ask_both(two, retryGeneration=1)
    both_succeed(two)
    assert two.workload() == before
    assert two.harms(since) == ()


def test_an_old_acknowledgement_is_none(two: Installations, operator: Process) -> None:
    """A slow operator, and the words of an earlier freeze in the status: both are waited for."""
    operator.pause()
    said = {"state": "stable", "migration": {"status": f"{ACKNOWLEDGEMENT}: canary"}}
    place = two.namespace
    two.admin.patch(CLUSTER_INSTALLATION, place, "old", {"status": said}, subresource="status")
    error = {"error": "ingress.host required, but not set"}
    two.admin.patch(MATTERMOST, place, "new", {"status": error}, subresource="status")
    before, since = two.workload(), two.witness.now()

    ask_both(two)

    for name, resource in (("old", CLUSTER_INSTALLATION), ("new", MATTERMOST)):
        two.until(INSTALLATION_MIGRATION, name, at_freeze)
        assert frozen(two.get(resource, name))
    assert [e for e in two.chronicle(since).entries if e.of(DEPLOYMENT)] == []
    operator.resume()
    both_succeed(two)
    assert two.workload() == before
    assert two.harms(since) == ()


def until_reached(here: Installations, point: str, since: int) -> None:
    """Wait until ``old`` is frozen, let go by its owner, or a Mattermost."""

    def reached(entry: Entry) -> bool:
        if namespace_of(entry.obj) != here.namespace or name_of(entry.obj) != "old":
            return False
        if point == "frozen":
            return entry.of(CLUSTER_INSTALLATION) and frozen(entry.obj)
        if point == "exchanged":
            return entry.of(DEPLOYMENT) and "ownerReferences" not in entry.obj["metadata"]
        return entry.of(MATTERMOST)

    here.witness.until(reached, since=since)


@pytest.mark.parametrize("point", POINTS)
def test_restarted_in_the_middle(two: Installations, operator: Process, point: str) -> None:
    """The old process is killed, and a new one comes with nothing in memory."""
    before, since = two.workload(), two.witness.now()

    ask_both(two)
    until_reached(two, point, since)
    operator.restart()

    both_succeed(two)
    assert two.workload() == before
    assert two.harms(since) == ()


@pytest.fixture
def upgrade(operator: Process, run_operator: Callable[..., Process]) -> Iterator[Upgrade]:
    """Puts a version that makes other pods in the operator's place."""
    with ExitStack() as started:

        def now() -> None:
            operator.kill()
            started.callback(run_operator("later-operator", "--later").kill)

        yield now


@pytest.mark.parametrize("point", POINTS)
def test_upgraded_in_the_middle_all_roll_once(
    two: Installations, upgrade: Upgrade, point: str
) -> None:
    """As everywhere else in the cluster, by the operator; its new variable the pin keeps out."""
    since = two.witness.now()
    known = {uid_of(each) for each in two.list(REPLICA_SET)}

    ask_both(two)
    until_reached(two, point, since)
    upgrade()

    both_succeed(two)
    for name, has_it in (("old", False), ("new", True)):
        two.until(DEPLOYMENT, name, at_later_version)
        two.until_whole(CLUSTER_INSTALLATION if has_it else MATTERMOST, name)
        (made,) = (
            each
            for each in two.list(REPLICA_SET)
            if uid_of(each) not in known and name_of(each).startswith(f"{name}-")
        )
        assert at_later_version(made)
        (container,) = made["spec"]["template"]["spec"]["containers"]
        assert ("MM_LATER" in {each["name"] for each in container["env"]}) is has_it
    assert {harm.rule for harm in two.harms(since)} <= {Rule.MADE, Rule.LOST, Rule.ADDRESS_LOST}


def at_later_version(workload: dict[str, Any]) -> bool:
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    return bool(container["terminationMessagePolicy"] == "File")
