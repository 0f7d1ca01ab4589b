"""Who may start now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_migrate.domain.conditions import micro_timestamp
from mattermost_migrate.domain.fleet import Member, Roster, Standing, look_ahead
from mattermost_migrate.testing.fleets import NOW, fleet, roster

W, R, S, F = Standing.WAITING, Standing.RUNNING, Standing.SUCCEEDED, Standing.FAILED
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


def test_no_namespace_has_more_than_its_share_and_others_are_not_kept_waiting() -> None:
    spread = [("a", R), ("a", W), ("a", W), ("b", W), ("b", W), ("c", W)]
    members = Roster(
        Member(namespace, str(place), standing, place=place)
        for place, (namespace, standing) in enumerate(spread)
    )

    assert starting(fleet(maxPerNamespace=2), members) == [1, 3, 4, 5]
    assert starting(fleet(maxPerNamespace=1), members) == [3, 5]
    assert starting(fleet(maxPerNamespace=1, maxConcurrent=2), members) == [3]


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
