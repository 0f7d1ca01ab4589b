"""Who may start now."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_migrate.domain.conditions import micro_timestamp
from mattermost_migrate.domain.fleet import Member, Refusal, Roster, Standing, look_ahead
from mattermost_migrate.domain.names import Reason
from mattermost_migrate.testing.fleets import (
    NOW,
    begun,
    ended,
    enlist,
    fleet,
    members,
    roster,
    standing,
)

W, R, S, F, K = Standing
LATER = NOW + timedelta(hours=1)


def starting(subject: dict[str, Any], members: Roster) -> list[int]:
    return [each.place for each in look_ahead(subject, members, len(members), LATER).starting]


@given(st.lists(st.sampled_from(Standing)), st.integers(1, 20))
def test_never_more_than_the_limit_runs(standings: list[Standing], at_most: int) -> None:
    members = roster(*standings)

    found = starting(fleet(maxConcurrent=at_most, failureBudget="100%"), members)

    running, waiting = standings.count(R), standings.count(W)
    assert len(found) == min(max(0, at_most - running), waiting)
    assert all(standings[place] is W for place in found)
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("spec", "standings", "expected"),
    [
        pytest.param({}, [W, W], [0, 1], id="all of a small fleet"),
        pytest.param({"maxConcurrent": 1}, [S, W, W], [1], id="one at a time"),
        pytest.param({"maxConcurrent": "50%"}, [W] * 5, [0, 1, 2], id="half, rounded up"),
        pytest.param({"paused": True}, [W], [], id="paused"),
        pytest.param({"failureBudget": 0}, [F, W], [], id="the budget is spent"),
        pytest.param({"failureBudget": 1}, [F, W], [1], id="the budget is not spent"),
        pytest.param({"waves": [{"size": 1}]}, [W, W], [0], id="the canary alone"),
        pytest.param({"waves": [{"size": 1}]}, [R, W], [], id="while the canary runs"),
        pytest.param({"waves": [{"size": 1}]}, [S, W], [1], id="after the canary"),
    ],
)
def test_who_starts(spec: dict[str, Any], standings: list[Standing], expected: list[int]) -> None:
    assert starting(fleet(**{"failureBudget": 9, **spec}), roster(*standings)) == expected


@pytest.mark.parametrize("succeeded", [False, True], ids=["running", "succeeded"])
def test_a_canary_that_a_person_turns_back_starts_nobody(*, succeeded: bool) -> None:
    subject = fleet(waves=[{"size": 1, "requiresApproval": True}])
    canary = begun(subject, enlist(subject, "canary", 0))
    canary = ended(canary, S) if succeeded else canary
    canary["spec"]["desiredKind"] = "ClusterInstallation"
    canary["metadata"]["generation"] += 1
    rest = [enlist(subject, f"mm-{place}", place) for place in (1, 2)]

    way_back = look_ahead(subject, standing(subject, [canary, *rest]), 3, LATER)
    back = look_ahead(subject, standing(subject, [ended(canary, S), *rest]), 3, LATER)

    assert way_back.starting == back.starting == ()
    assert (way_back.wave.number, back.wave.number) == (1, 2)
    assert back.hold is not None
    assert back.hold.reason == "AwaitingApproval"


def test_no_namespace_has_more_than_its_share_and_others_are_not_kept_waiting() -> None:
    spread = [("a", R), ("a", W), ("a", W), ("b", W), ("b", W), ("c", W)]
    members = Roster(
        Member(namespace, str(place), standing, place=place)
        for place, (namespace, standing) in enumerate(spread)
    )

    assert starting(fleet(maxPerNamespace=2), members) == [1, 3, 4, 5]
    assert starting(fleet(maxPerNamespace=1), members) == [3, 5]
    assert starting(fleet(maxPerNamespace=1, maxConcurrent=2), members) == [3]


def held(*standings: Standing, at: int = 0) -> list[Member]:
    """Members, each in a namespace of its own, of which one has stopped half-way."""
    found = [
        dataclasses.replace(each, namespace=f"ns-{each.place}") for each in members(*standings)
    ]
    turned, why = found[at].standing is K, "cannot do it"
    found[at] = dataclasses.replace(
        found[at], locked=True, left=turned, message=why, next_command="look"
    )
    return found


@pytest.mark.parametrize(
    ("spec", "standings", "expected"),
    [
        pytest.param({"maxConcurrent": 1}, [F, W, W], [], id="the only place"),
        pytest.param({"maxConcurrent": 2}, [F, W, W], [1], id="one of two"),
        pytest.param({"maxConcurrent": 2}, [F, R, W], [], id="beside one that runs"),
        pytest.param({"maxConcurrent": 1}, [K, W, W], [], id="turned round, and held on that way"),
        pytest.param({"maxConcurrent": 1}, [W, W, W], [0], id="tried again in the place it has"),
        pytest.param({"maxConcurrent": 1}, [W, R, W], [0], id="that after maxConcurrent is less"),
        pytest.param({"waves": [{"size": 1}]}, [F, S, W], [2], id="of a wave that is through"),
        pytest.param({"paused": True}, [W, W, W], [], id="paused"),
    ],
)
def test_who_has_stopped_half_way_keeps_its_place(
    spec: dict[str, Any], standings: list[Standing], expected: list[int]
) -> None:
    subject = fleet(**{"failureBudget": 9, "approvedWave": 1, **spec})

    assert starting(subject, Roster(held(*standings))) == expected


@pytest.mark.parametrize(("at_most", "expected"), [(1, [1]), (2, [1, 0])])
def test_one_that_is_held_is_tried_again_whatever_wave_it_is_of(
    at_most: int, expected: list[int]
) -> None:
    """Where it has the only place, as once its fleet was turned, nobody else could start."""
    subject = fleet(waves=[{"size": 1}], maxConcurrent=at_most)

    assert starting(subject, Roster(held(W, W, at=1))) == expected


def test_who_has_stopped_half_way_keeps_the_place_of_its_namespace() -> None:
    members_ = [dataclasses.replace(each, namespace="a") for each in held(F, W, W)]
    members_[2] = dataclasses.replace(members_[2], namespace="b")
    subject = fleet(maxPerNamespace=1, failureBudget=9)

    assert starting(subject, Roster(members_)) == [2]
    members_[2] = dataclasses.replace(members_[2], standing=S)
    hold = look_ahead(subject, Roster(members_), 3, LATER).hold
    assert hold is not None
    assert hold.reason == "MembersHeld"


def test_a_fleet_of_which_nobody_can_start_for_who_is_held_says_so() -> None:
    subject = fleet(maxConcurrent=1, failureBudget=9)
    refused_ = {("ns-1", "mm-001"): Refusal(Reason.UNAVAILABLE, "no", LATER + timedelta(1), LATER)}

    def told(*standings: Standing, at: int = 0, known: Any = refused_) -> tuple[str, str] | None:
        found = held(*standings, at=at)
        hold = look_ahead(subject, Roster(found), len(found), LATER, known).hold
        return (hold.message, hold.next_command) if hold else None

    said = "has stopped half-way, and keeps its place: cannot do it"
    assert told(S, F, W, at=1) == (f"ns-1/mm-001 {said}", "look")
    assert told(S, F, W, R, at=1) is None, "another goes on"
    assert told(F, S) is None, "nobody waits"
    assert told(F, W) is None, "who waits is refused, and is tried again"
    late = {("ns-1", "mm-001"): Refusal(Reason.UNAVAILABLE, "no", LATER, NOW)}
    for known in ({}, late):  # it may be tried again: what is in its way is who is held
        assert told(F, W, known=known) == (f"ns-0/mm-000 {said}", "look")


def refusals(
    *places: int, seconds: float = 5, reason: Reason = Reason.REJECTED
) -> dict[tuple[str, str], Refusal]:
    until = LATER + timedelta(seconds=seconds)
    return {
        ("ns", f"mm-{place:03d}"): Refusal(reason, f"no {place}", until, since=LATER)
        for place in places
    }


@given(st.lists(st.sampled_from([R, W])), st.integers(1, 20), st.sets(st.integers(0, 20)))
def test_who_is_refused_keeps_nobody_else_waiting(
    standings: list[Standing], at_most: int, places: set[int]
) -> None:
    found = look_ahead(
        fleet(maxConcurrent=at_most), roster(*standings), len(standings), LATER, refusals(*places)
    ).starting

    free = [at for at, each in enumerate(standings) if each is W and at not in places]
    assert [each.place for each in found] == free[: max(0, at_most - standings.count(R))]


def test_of_who_is_refused_the_first_is_told_of_and_asked_for_again_in_time() -> None:
    subject, members = fleet(maxConcurrent=2), roster(W, W, R, W)
    known = {**refusals(1), **refusals(0, seconds=9), **refusals(2, seconds=7)}

    outlook = look_ahead(subject, members, 4, LATER, known)
    paused = look_ahead({**subject, "spec": {**subject["spec"], "paused": True}}, members, 4, LATER)
    later = look_ahead(subject, members, 4, LATER + timedelta(seconds=5), known)

    assert [each.place for each in outlook.starting] == [3]
    assert outlook.hold is not None
    assert (outlook.hold.reason, outlook.hold.message) == (Reason.REJECTED, "no 0")
    assert outlook.again == LATER + timedelta(seconds=5)
    assert paused.hold is not None
    assert paused.hold.reason is Reason.PAUSED
    assert [each.place for each in later.starting] == [1]
    assert later.again == LATER + timedelta(seconds=7)


@pytest.mark.parametrize(("seconds", "told"), [(0, False), (59, False), (60, True)])
def test_a_server_that_fails_is_told_of_once_it_has_for_a_minute(
    seconds: int, *, told: bool
) -> None:
    known = refusals(0, seconds=600, reason=Reason.UNAVAILABLE)
    now = LATER + timedelta(seconds=seconds)

    outlook = look_ahead(fleet(maxConcurrent=1), roster(W, W), 2, now, known)

    assert [each.place for each in outlook.starting] == [1]
    assert outlook.again == LATER + timedelta(seconds=600)
    hold = outlook.hold
    assert ((hold.reason, hold.message) if hold else None) == (
        (Reason.UNAVAILABLE, "no 0") if told else None
    )


def test_the_next_wave_waits_for_one_who_is_refused() -> None:
    subject = fleet(waves=[{"size": 2}], failureBudget=9)

    assert look_ahead(subject, roster(S, W, W), 3, LATER, refusals(1)).starting == ()


def test_who_is_refused_is_asked_for_later_each_time_and_later_where_there_are_many() -> None:
    known, pauses, now = None, [], NOW
    for _ in range(7):
        known = Refusal.of(known, Reason.REJECTED, "no", now, beside=9)
        pauses.append((known.until - now).total_seconds())
        assert known.since == NOW
        now = known.until
    crowd = Refusal.of(None, Reason.REJECTED, "no", NOW, beside=3000)
    slow = Refusal.of(None, Reason.UNAVAILABLE, "no", NOW, beside=60, took=10 / 15)

    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert crowd.until == NOW + timedelta(seconds=150)
    assert slow.until == NOW + timedelta(seconds=80)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        pytest.param({}, None, id="nothing against it"),
        pytest.param({"paused": True}, "Paused", id="paused"),
        pytest.param({"paused": True, "failureBudget": 0}, "FailureBudgetSpent", id="for good"),
        pytest.param({"runDeadlineSeconds": 60}, "RunDeadlineExceeded", id="too late"),
        pytest.param(
            {"maintenanceWindows": [{"start": "03:00", "durationSeconds": 60}]},
            "OutsideMaintenanceWindow",
            id="not in the window",
        ),
        pytest.param(
            {"maintenanceWindows": [{"start": "03:00", "durationSeconds": 60, "timeZone": "X"}]},
            "InvalidSpec",
            id="no such time zone",
        ),
        pytest.param({"waves": [{"size": 1}]}, "AwaitingApproval", id="the canary failed"),
    ],
)
def test_the_first_objection_is_the_fleets(spec: dict[str, Any], reason: str | None) -> None:
    subject = fleet(**{"failureBudget": 1, **spec})
    subject["status"] = {"startTime": micro_timestamp(NOW)}

    outlook = look_ahead(subject, roster(F, W), 2, LATER)

    assert (outlook.hold.reason if outlook.hold else None) == reason
    assert bool(outlook.starting) is (reason is None)


def test_it_is_known_when_to_look_again() -> None:
    subject = fleet(waves=[{"size": 1, "soakSeconds": 7200}], runDeadlineSeconds=36000)
    subject["status"] = {"startTime": micro_timestamp(NOW)}

    soaking = look_ahead(subject, roster(S, W), 2, LATER)
    running = look_ahead(subject, roster(S, R), 2, LATER)

    assert soaking.again == NOW + timedelta(seconds=10 + 7200)
    assert running.again is None


def test_nothing_is_held_where_nobody_waits() -> None:
    assert look_ahead(fleet(paused=True), roster(S, R), 2, LATER).hold is None
