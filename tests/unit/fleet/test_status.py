"""What a fleet says of itself: counts that always add up, and no success that is none."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_migrate.domain.conditions import micro_timestamp
from mattermost_migrate.domain.fleet import (
    Roster,
    Skip,
    Standing,
    fleet_over,
    fleet_status,
    look_ahead,
    tally_of,
)
from mattermost_migrate.domain.reported import condition_status
from mattermost_migrate.testing.fleets import NOW, fleet, members, roster

W, R, S, F, K = Standing
#: As an object may hold it that was stored before the CRD had a limit.
ENDLESS = [{"size": size, "soakSeconds": 10**15} for size in (3, 1, 1, 1)]
SKIP = Skip("ns", "held", "InAnotherFleet", "held")


def told(
    subject: dict[str, Any], group: Roster, *skips: Skip, hours: float = 0, passed_over: int = 0
) -> dict[str, Any]:
    """The fleet with its status."""
    now = NOW + timedelta(hours=hours)
    tally = tally_of(subject, group, passed_over=passed_over)
    outlook = look_ahead(subject, group, tally.selected, now)
    return {**subject, "status": fleet_status(subject, group, outlook, tally, now, skips=skips)}


@given(st.lists(st.sampled_from(Standing)), st.integers(0, 3), st.integers(0, 9))
def test_counts_add_up(standings: list[Standing], passed_over: int, gone: int) -> None:
    skips = [Skip("ns", f"s-{n}", "InAnotherFleet", "held") for n in range(passed_over)]
    first = told(fleet(), roster(*standings), *skips, passed_over=passed_over)

    later = told(first, Roster(members(*standings)[gone:]), hours=1)

    for subject in (first, later):
        counts = subject["status"]["counts"]
        assert counts["selected"] == sum(counts[standing] for standing in Standing)
        assert counts["selected"] == len(standings) + passed_over
    assert later["status"]["counts"]["skipped"] >= passed_over + min(gone, len(standings))


@pytest.mark.parametrize(
    ("standings", "spec", "status", "reason"),
    [
        ([], {}, "False", "NothingSelected"),
        ([S], {}, "True", "Succeeded"),
        ([S, F], {}, "False", "MembersFailed"),
        ([S, K], {}, "False", "MembersSkipped"),
        ([S, R], {}, "Unknown", "Progressing"),
        ([F, W], {}, "Unknown", "Progressing"),
        ([F, W], {"failureBudget": 0}, "False", "FailureBudgetSpent"),
        ([F, R, W], {"failureBudget": 0}, "Unknown", "FailureBudgetSpent"),
        ([F, R], {"failureBudget": 0}, "Unknown", "Progressing"),
        ([F], {"failureBudget": 0}, "False", "MembersFailed"),
        ([S, W], {"runDeadlineSeconds": 10}, "False", "RunDeadlineExceeded"),
        ([R, W], {"runDeadlineSeconds": 10}, "Unknown", "RunDeadlineExceeded"),
        ([S, W], {"runDeadlineSeconds": 10**15}, "Unknown", "Progressing"),
        ([S, S, S, W, W, W], {"waves": ENDLESS}, "Unknown", "Soaking"),
        ([S, W], {"paused": True}, "Unknown", "Paused"),
        ([S, W], {"waves": [{"size": 1, "requiresApproval": True}]}, "Unknown", "AwaitingApproval"),
    ],
)
def test_done_is_said_only_when_it_is(
    standings: list[Standing], spec: dict[str, Any], status: str, reason: str
) -> None:
    subject = fleet(**{"failureBudget": 1, **spec})
    begun = {**subject, "status": {"startTime": micro_timestamp(NOW)}}

    found = told(begun, roster(*standings), hours=1)

    summary = condition_status(found, "Succeeded")
    assert summary is not None
    assert (summary["status"], summary["reason"]) == (status, reason)
    assert fleet_over(found) is (status != "Unknown")
    assert ("completionTime" in found["status"]) is (status != "Unknown")


def test_a_fleet_that_was_over_is_open_again_after_an_edit() -> None:
    over = told(fleet(failureBudget=0), roster(F, W))
    edited = {**over, "metadata": {**over["metadata"], "generation": 2}}
    edited["spec"] = {**over["spec"], "failureBudget": 1}

    again = told(edited, roster(F, W), hours=1)

    assert fleet_over(over)
    assert not fleet_over(edited)
    assert not fleet_over(again)
    assert "completionTime" not in again["status"]


def test_a_fleet_that_who_is_held_keeps_from_going_on_stalls_and_goes_on_by_itself() -> None:
    subject = fleet(maxConcurrent=1, failureBudget=1)
    held, waits = members(F, W)
    held = dataclasses.replace(held, locked=True, message="no", next_command="look")

    stalled = told(subject, Roster([held, waits]))
    later = told(stalled, Roster([dataclasses.replace(held, standing=S, locked=False), waits]))

    summary = condition_status(stalled, "Succeeded")
    assert summary is not None
    assert (summary["status"], summary["reason"]) == ("Unknown", "MembersHeld")
    assert condition_status(stalled, "Stalled")
    assert condition_status(stalled, "Reconciling") is None
    assert stalled["status"]["nextCommand"] == "look"
    assert not fleet_over(stalled)
    assert condition_status(later, "Stalled") is None
    assert "nextCommand" not in later["status"]


def test_a_fleet_ends_though_one_is_held_and_is_counted_anew_when_it_is_tried_again() -> None:
    (held,) = members(F)
    held = dataclasses.replace(held, locked=True)
    through = Roster([dataclasses.replace(held, standing=S, locked=False)])

    over = told(fleet(), Roster([held]))
    again = {**over, "metadata": {**over["metadata"], "generation": 2}}
    again["spec"] = {**over["spec"], "retryGeneration": 1}

    assert fleet_over(over)
    assert over["status"]["counts"]["failed"] == 1
    summary = condition_status(told(again, through), "Succeeded")
    assert summary is not None
    assert summary["status"] == "True"


def test_what_awaits_a_person_is_told_with_its_command() -> None:
    waves = [{"name": "canary", "size": 1, "requiresApproval": True}]

    status = told(fleet(waves=waves), roster(S, W, W))["status"]

    assert status["currentWave"] == 2
    assert status["wavesTotal"] == 2
    assert status["awaitingApproval"] == 1
    assert status["nextCommand"] == "helm mattermost-migrate approve all"
    found = [c for c in status["conditions"] if c["type"] == "AwaitingApproval"]
    assert [c["status"] for c in found] == ["True"]
    assert all(c["observedGeneration"] == 1 for c in status["conditions"])


def test_of_a_paused_fleet_it_is_told_all_the_same_which_wave_awaits_approval() -> None:
    waves = [{"size": 1, "requiresApproval": True}]

    status = told(fleet(waves=waves, paused=True), roster(S, W, W))["status"]
    approved = told(fleet(waves=waves, paused=True, approvedWave=1), roster(S, W, W))["status"]
    over = told(fleet(waves=waves, paused=True, failureBudget=0), roster(S, F, W))["status"]

    assert status["awaitingApproval"] == 1
    # What a person has to do first comes first.
    assert status["nextCommand"] == "helm mattermost-migrate resume all"
    found = {c["type"]: c for c in status["conditions"]}
    assert found["Succeeded"]["reason"] == "Paused"
    assert found["AwaitingApproval"]["message"] == (
        "wave 1 is through: the next begins when its outcome is approved"
    )
    assert "awaitingApproval" not in approved
    assert "awaitingApproval" not in over


def test_skips_of_the_selection_are_counted_once_and_stay_listed() -> None:
    first = told(fleet(), roster(R), SKIP, passed_over=1)

    again = told(first, roster(S), hours=1)["status"]

    assert again["counts"]["skipped"] == 1
    assert [each["name"] for each in again["recentSkips"]] == ["held"]


def test_who_left_is_counted_and_named() -> None:
    first = told(fleet(), roster(S, R))

    left = Skip("ns", "mm-001", "LeftFleet", "its InstallationMigration was deleted")
    later = told(first, roster(S), left, hours=1)

    assert later["status"]["counts"] == {
        "selected": 2,
        "waiting": 0,
        "running": 0,
        "succeeded": 1,
        "failed": 0,
        "skipped": 1,
    }
    assert [each["name"] for each in later["status"]["recentSkips"]] == ["mm-001"]
    summary = condition_status(later, "Succeeded")
    assert summary is not None
    assert summary["reason"] == "MembersSkipped"


def test_the_most_recent_failures_are_listed_and_all_are_counted() -> None:
    status = told(fleet(failureBudget=99), roster(*[F] * 30))["status"]

    assert status["counts"]["failed"] == 30
    assert [each["name"] for each in status["recentFailures"]] == [
        f"mm-{number:03d}" for number in range(29, 9, -1)
    ]


def test_the_same_state_gives_the_same_bytes() -> None:
    first = told(fleet(), roster(S, S, S, R, W))

    assert told(first, roster(S, S, S, R, W), hours=24)["status"] == first["status"]
