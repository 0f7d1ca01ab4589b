"""A fleet's limits, watched from outside while leaders die and a person intervenes.

The controllers run as they ship, two of them; the judge reads nothing but the order of the store.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    LEASE,
    LOCK_LABEL,
    MATTERMOST,
)
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of
from mattermost_migrate.domain.reported import failure_of
from mattermost_migrate.testing.chronicle import Chronicle
from mattermost_migrate.testing.cluster import Client, Cluster, Process
from mattermost_migrate.testing.installations import PATIENCE, Installations, condition, ended
from mattermost_migrate.testing.policies import REFUSAL, refusing, unanswered

NAME = "mattermost-migrate-controller"
#: Seconds after the death of a leader in which the standby leads.
TAKEN_OVER_WITHIN = 20.0
#: Seconds after the answer to a pause in which a start may still be heard of.
PAUSED_WITHIN = 2.0


@pytest.fixture
def controllers(cluster: Cluster, namespace: str) -> Iterator[dict[str, Process]]:
    """A leader and a standby, by identity once they lead."""
    made = {
        number: cluster.run(
            f"controller-{number}",
            [sys.executable, "-m", "controller", "--operator", "builtin", "--namespace", namespace],
            KUBECONFIG=str(cluster.kubeconfig),
        )
        for number in ("one", "two")
    }
    yield made
    for each in made.values():
        each.stop()


@pytest.fixture
def refused(admin: Client, namespace: str) -> Iterator[None]:
    """A Mattermost whose name begins with ``bad`` can be rehearsed, but not created."""
    with refusing(admin, namespace, MATTERMOST, "object.metadata.name.startsWith('bad')"):
        yield


def order(installations: Installations, suffix: str = "", **spec: Any) -> None:
    """Create a fleet of all there are; its name is the namespace's, with a suffix if given."""
    selector = {"namespaces": [installations.namespace]}
    whole = {"selector": selector, "desiredKind": MATTERMOST.kind, **spec}
    name = installations.namespace + suffix
    installations.admin.create(FLEET_MIGRATION, None, {"metadata": {"name": name}, "spec": whole})


def edit(installations: Installations, **spec: Any) -> int:
    """Edit the fleet's spec; give the version at which that was stored."""
    name = installations.namespace
    answer = installations.admin.patch(FLEET_MIGRATION, None, name, {"spec": spec})
    return int(answer["metadata"]["resourceVersion"])


def until(installations: Installations, holds: Any, suffix: str = "") -> dict[str, Any]:
    name = installations.namespace + suffix
    return installations.admin.until(FLEET_MIGRATION, None, name, holds, seconds=PATIENCE)


def counted(standing: str, number: int) -> Any:
    return lambda fleet: (fleet.get("status") or {}).get("counts", {}).get(standing, 0) >= number


def because(reason: str, *, running: int | None = None) -> Any:
    """Nobody starts for that reason, and, if a number is given, so many run."""

    def holds(fleet: JsonObject) -> bool:
        counts = (fleet.get("status") or {}).get("counts") or {}
        told = condition(fleet, "Succeeded").get("reason") == reason
        return told and running in (None, counts.get("running"))

    return holds


def over(fleet: JsonObject) -> bool:
    return "completionTime" in (fleet.get("status") or {})


def succeeded(imig: JsonObject) -> bool:
    return ended(imig) and condition(imig, "Succeeded")["status"] == "True"


def runs(imig: JsonObject) -> bool:
    """Between its start and its end."""
    started = not imig["spec"].get("paused")
    return LOCK_LABEL in labels_of(imig) or (started and not ended(imig))


def judge(chronicle: Chronicle) -> tuple[list[tuple[str, int]], int, list[int]]:
    """Who was started and when, how many ran at most, and when failures were recorded."""
    running: set[str] = set()
    known: set[str] = set()
    starts, most, failures = [], 0, []
    for entry in chronicle.entries:
        if entry.resource is not INSTALLATION_MIGRATION or entry.gone:
            continue
        name = name_of(entry.obj)
        if runs(entry.obj) and name not in running:
            running.add(name)
            starts.append((name, entry.version))
        elif not runs(entry.obj):
            running.discard(name)
        if failure_of(entry.obj) and name not in known:
            known.add(name)
            failures.append(entry.version)
        most = max(most, len(running))
    return starts, most, failures


def test_waves_approval_pause_and_a_dead_leader(
    installations: Installations, controllers: dict[str, Process], cluster: Cluster
) -> None:
    names = tuple(f"mm-{number}" for number in range(8))
    installations.create(*names)
    before, since = installations.workload(), installations.witness.now()
    order(
        installations,
        waves=[{"name": "canary", "size": 1, "requiresApproval": True}],
        maxConcurrent=2,
        failureBudget=0,
    )

    asked = until(installations, lambda each: (each.get("status") or {}).get("awaitingApproval"))
    approved = edit(installations, approvedWave=1)
    until(installations, counted("succeeded", 2))
    lease = cluster.admin.get(LEASE, installations.namespace, NAME)
    holder = lease["spec"]["holderIdentity"]
    leader = next(each for each in controllers.values() if f"_{each.pid}_" in holder)
    os.kill(leader.pid, 9)
    died = time.monotonic()
    cluster.admin.until(
        LEASE,
        installations.namespace,
        NAME,
        lambda each: each["spec"]["holderIdentity"] not in ("", holder),
        seconds=PATIENCE,
    )
    taken_over = time.monotonic() - died
    paused = edit(installations, paused=True)
    answered = time.monotonic()
    until(
        installations,
        lambda each: (
            condition(each, "Succeeded").get("reason") == "Paused"
            and each["status"]["counts"]["running"] == 0
        ),
    )
    resting = installations.witness.now()
    resumed = edit(installations, paused=False)
    done = until(installations, over)

    assert taken_over < TAKEN_OVER_WITHIN
    assert asked["status"]["counts"]["succeeded"] == 1
    assert done["status"]["counts"]["succeeded"] == 8
    assert condition(done, "Succeeded")["status"] == "True"
    chronicle = installations.chronicle(since)
    assert chronicle.harms() == ()
    assert installations.workload() == before
    starts, most, _ = judge(chronicle)
    assert most == 2
    # Two that start together may be stored in either order.
    assert starts[0][0] == names[0]
    assert all(abs(names.index(name) - at) <= 1 for at, (name, _) in enumerate(starts))
    assert len(starts) == len(names)
    assert all(version > approved for _, version in starts[1:])
    # A start may have been on its way when the pause was stored; then none for as long as it lasts.
    heard = {each.version: each.heard for each in chronicle.entries}
    late = [heard[version] - answered for _, version in starts if paused < version < resumed]
    assert len(late) <= 2
    assert all(seconds <= PAUSED_WITHIN for seconds in late)
    assert not [name for name, version in starts if resting <= version < resumed]


@pytest.mark.usefixtures("controllers")
def test_order_a_window_one_a_namespace_and_a_deadline(installations: Installations) -> None:
    weights = {"light": "2", "heavy": "30", "lightest": "1", "middle": "9"}
    installations.create(*weights)
    for name, weight in weights.items():
        labels = {"metadata": {"labels": {"weight": weight}}}
        installations.admin.patch(CLUSTER_INSTALLATION, installations.namespace, name, labels)
    since = installations.witness.now()
    elsewhen = (datetime.now(UTC) + timedelta(days=3)).strftime("%a")
    order(
        installations,
        order={"label": "weight", "numeric": True, "direction": "Descending"},
        maxConcurrent=4,
        maxPerNamespace=1,
        maintenanceWindows=[{"days": [elsewhen], "start": "00:00", "durationSeconds": 3600}],
    )

    late_already = because("RunDeadlineExceeded", running=0)

    def resumed(fleet: JsonObject) -> bool:
        seen = fleet["status"]["observedGeneration"] == fleet["metadata"]["generation"]
        return seen and not fleet["spec"].get("paused")

    until(installations, because("OutsideMaintenanceWindow"))
    opened = edit(installations, maintenanceWindows=None)
    until(installations, counted("succeeded", 1))
    edit(installations, paused=True)
    until(installations, because("Paused", running=0))
    late = edit(installations, runDeadlineSeconds=10)
    until(installations, late_already)
    edit(installations, paused=False)
    expired = until(installations, lambda each: resumed(each) and late_already(each))
    prolonged = edit(installations, runDeadlineSeconds=None)
    done = until(installations, lambda each: resumed(each) and over(each))

    assert condition(expired, "Stalled")["status"] == "True"
    assert done["status"]["counts"]["succeeded"] == 4
    starts, most, _ = judge(installations.chronicle(since))
    assert [name for name, _ in starts] == ["heavy", "middle", "light", "lightest"]
    assert most == 1
    assert all(version > opened for _, version in starts)
    assert not [name for name, version in starts if late <= version < prolonged]


def test_a_leader_that_is_told_to_stop_gives_its_lease_up(
    installations: Installations, controllers: dict[str, Process]
) -> None:
    installations.create(*(f"mm-{number}" for number in range(4)))
    before, since = installations.workload(), installations.witness.now()
    order(installations, maxConcurrent=2)

    until(installations, counted("succeeded", 1))
    lease = installations.admin.get(LEASE, installations.namespace, NAME)
    holder = lease["spec"]["holderIdentity"]
    leader = next(each for each in controllers.values() if f"_{each.pid}_" in holder)
    leader.stop(seconds=PATIENCE)
    left = installations.admin.get(LEASE, installations.namespace, NAME)
    done = until(installations, over)

    assert left["spec"]["holderIdentity"] != holder
    assert "Traceback" not in leader.tail()
    assert done["status"]["counts"]["succeeded"] == 4
    assert installations.chronicle(since).harms() == ()
    assert installations.workload() == before


@pytest.mark.usefixtures("controllers", "refused")
def test_nobody_starts_after_one_failure_too_many(installations: Installations) -> None:
    names = ("a-0", "a-1", "bad-0", "bad-1", "c-0", "c-1", "c-2", "c-3")
    installations.create(*names)
    since = installations.witness.now()

    order(installations, maxConcurrent=2, failureBudget=1)
    done = until(installations, over)

    status = done["status"]
    assert condition(done, "Succeeded")["reason"] == "FailureBudgetSpent"
    assert condition(done, "Stalled")["status"] == "True"
    assert status["counts"]["failed"] == 2
    assert status["counts"]["waiting"] >= 2
    assert status["failureBudgetLeft"] == -1
    assert {each["name"] for each in status["recentFailures"]} == {"bad-0", "bad-1"}
    assert all(each["nextCommand"] for each in status["recentFailures"])
    starts, most, failures = judge(installations.chronicle(since))
    assert most == 2
    assert all(version < failures[1] for _, version in starts)
    waiting = {name for name in names if name not in dict(starts)}
    assert {name_of(each) for each in installations.list(CLUSTER_INSTALLATION)} == {
        *waiting,
        "bad-0",
        "bad-1",
    }


@pytest.mark.usefixtures("controllers")
def test_whose_start_is_refused_keeps_nobody_else_waiting(installations: Installations) -> None:
    """As many as may run at once, and first in order: the others start in their place."""
    names = ("a-0", "a-1", "b-0", "b-1", "b-2")
    installations.create(*names)
    before, since = installations.workload(), installations.witness.now()
    refuses = "object.metadata.name.startsWith('a-')"

    def alone(fleet: JsonObject) -> bool:
        return counted("succeeded", 3)(fleet) and because("Rejected", running=0)(fleet)

    with refusing(
        installations.admin,
        installations.namespace,
        INSTALLATION_MIGRATION,
        refuses,
        operations=("UPDATE",),
    ):
        order(installations, maxConcurrent=2)
        left = until(installations, alone)
    done = until(installations, over)

    assert left["status"]["counts"]["waiting"] == 2
    assert condition(left, "Stalled")["status"] == "True"
    message = condition(left, "Succeeded")["message"]
    assert "a-0" in message
    assert REFUSAL in message
    assert condition(done, "Succeeded")["status"] == "True"
    assert done["status"]["counts"]["succeeded"] == len(names)
    chronicle = installations.chronicle(since)
    starts, most, _ = judge(chronicle)
    assert most == 2
    assert sorted(name for name, _ in starts[:3]) == ["b-0", "b-1", "b-2"]
    assert chronicle.harms() == ()
    assert installations.workload() == before


@pytest.mark.usefixtures("controllers")
def test_whose_webhook_is_down_keeps_nobody_else_waiting(installations: Installations) -> None:
    names = ("a-0", "a-1", "b-0", "b-1", "b-2")
    installations.create(*names)
    since = installations.witness.now()

    with unanswered(
        installations.admin,
        installations.namespace,
        INSTALLATION_MIGRATION,
        "object.metadata.name.startsWith('a-')",
        operations=("UPDATE",),
    ):
        order(installations, maxConcurrent=2)
        until(installations, counted("succeeded", 3))
        left = until(installations, because("Unavailable", running=0))
    done = until(installations, over)

    assert left["status"]["counts"]["waiting"] == 2
    assert condition(left, "Stalled")["status"] == "True"
    message = condition(left, "Succeeded")["message"]
    assert "a-0" in message
    assert "failed calling webhook" in message
    assert done["status"]["counts"]["succeeded"] == len(names)
    starts, most, _ = judge(installations.chronicle(since))
    assert most == 2
    assert sorted(name for name, _ in starts[:3]) == ["b-0", "b-1", "b-2"]


@pytest.mark.usefixtures("controllers")
def test_who_has_stopped_half_way_keeps_its_place_and_goes_on_alone(
    installations: Installations,
) -> None:
    names = ("a-0", "b-0", "b-1")
    installations.create(*names)
    before, since = installations.workload(), installations.witness.now()
    refuses = "object.metadata.name.startsWith('a-')"

    with refusing(installations.admin, installations.namespace, MATTERMOST, refuses):
        order(installations, maxConcurrent=1, failureBudget=1, onFailure="Hold")
        held = until(installations, because("MembersHeld", running=0))
    done = until(installations, over)

    assert held["status"]["counts"]["failed"] == 1
    assert held["status"]["counts"]["waiting"] == 2
    assert condition(held, "Stalled")["status"] == "True"
    message = condition(held, "Succeeded")["message"]
    assert f"{installations.namespace}/a-0 has stopped half-way" in message
    assert REFUSAL in message
    assert "status a-0" in held["status"]["nextCommand"]
    assert condition(done, "Succeeded")["status"] == "True"
    assert done["status"]["counts"]["succeeded"] == len(names)
    chronicle = installations.chronicle(since)
    starts, most, _ = judge(chronicle)
    assert most == 1
    assert [name for name, _ in starts] == list(names)
    assert chronicle.harms() == ()
    assert installations.workload() == before


@pytest.mark.usefixtures("controllers")
def test_a_fleet_ends_though_one_is_held_and_is_counted_anew_on_request(
    installations: Installations,
) -> None:
    installations.create("a-0", "b-0")
    admin, namespace = installations.admin, installations.namespace

    with refusing(admin, namespace, MATTERMOST, "object.metadata.name == 'a-0'"):
        order(installations, failureBudget=1, onFailure="Hold")
        failed = until(installations, over)
    admin.until(INSTALLATION_MIGRATION, namespace, "a-0", succeeded, seconds=PATIENCE)
    still = installations.admin.get(FLEET_MIGRATION, None, namespace)
    edit(installations, retryGeneration=1)
    done = until(installations, lambda each: condition(each, "Succeeded")["status"] == "True")

    assert condition(failed, "Succeeded")["reason"] == "MembersFailed"
    assert [each["name"] for each in failed["status"]["recentFailures"]] == ["a-0"]
    assert failed["status"]["recentFailures"][0]["nextCommand"]
    assert still["status"] == failed["status"]
    assert done["status"]["counts"]["succeeded"] == 2


@pytest.mark.usefixtures("controllers")
def test_a_canary_that_a_person_turns_back_lets_nobody_start(installations: Installations) -> None:
    names = ("mm-0", "mm-1", "mm-2")
    installations.create(*names)
    admin, namespace = installations.admin, installations.namespace
    since = installations.witness.now()
    order(installations, waves=[{"size": 1, "requiresApproval": True}], maxConcurrent=1)
    until(installations, because("AwaitingApproval"))

    back = {"spec": {"desiredKind": CLUSTER_INSTALLATION.kind}}
    admin.patch(INSTALLATION_MIGRATION, namespace, "mm-0", back)
    turned = until(
        installations,
        lambda each: counted("skipped", 1)(each) and because("AwaitingApproval")(each),
    )
    approved = edit(installations, approvedWave=1)
    done = until(installations, over)

    assert turned["status"]["counts"]["waiting"] == 2
    assert turned["status"]["awaitingApproval"] == 1
    assert "not one of it succeeded" in condition(turned, "Succeeded")["message"]
    assert condition(done, "Succeeded")["reason"] == "MembersSkipped"
    assert done["status"]["counts"]["succeeded"] == 2
    starts, _, _ = judge(installations.chronicle(since))
    later = [version for name, version in starts if name != "mm-0"]
    assert len(later) == 2
    assert all(version > approved for version in later)


@pytest.mark.usefixtures("controllers")
def test_a_fleet_of_nothing_says_so(installations: Installations) -> None:
    order(installations)

    done = until(installations, over)

    assert condition(done, "Succeeded")["reason"] == "NothingSelected"
    assert condition(done, "Succeeded")["status"] == "False"


@pytest.mark.usefixtures("controllers")
def test_a_second_fleet_takes_nobody_from_the_first_and_names_it(
    installations: Installations,
) -> None:
    installations.create("mm-0", "mm-1")
    since = installations.witness.now()
    order(installations, paused=True)
    until(installations, because("Paused", running=0))

    order(installations, "-second")
    second = until(installations, over, "-second")
    edit(installations, paused=False)
    first = until(installations, over)

    status = second["status"]
    assert (status["counts"]["selected"], status["counts"]["skipped"]) == (2, 2)
    assert condition(second, "Succeeded")["status"] == "False"
    assert {each["reason"] for each in status["recentSkips"]} == {"InAnotherFleet"}
    assert all(
        f"FleetMigration {installations.namespace}," in each["message"]
        for each in status["recentSkips"]
    )
    assert first["status"]["counts"]["succeeded"] == 2
    starts, _, _ = judge(installations.chronicle(since))
    assert len(starts) == 2
