"""Waves: their sizes, and what must be true before the next one begins."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from mattermost_migrate.domain.fleet import Roster, Standing
from mattermost_migrate.domain.fleet.waves import current_wave, gate, waves_of
from mattermost_migrate.testing.fleets import NOW, fleet, members, roster

W, R, S, F, K = Standing
CANARY = {"name": "canary", "size": 1}


@pytest.mark.parametrize(
    ("waves", "standings", "stretches"),
    [
        pytest.param([], [W] * 3, [(0, None)], id="no waves are one"),
        pytest.param([CANARY], [W] * 3, [(0, 1), (1, None)], id="the rest is one more"),
        pytest.param(
            [CANARY, {"size": "30%"}], [W] * 10, [(0, 1), (1, 4), (4, None)], id="by percentage"
        ),
        pytest.param([{"size": 5}], [W] * 5, [(0, 5)], id="nothing is left for another"),
        pytest.param(
            [{"size": 3}, {"size": 9}, {"size": 1}], [W] * 5, [(0, 3), (3, 12)], id="too few"
        ),
        pytest.param([CANARY], [K, K, W, W], [(0, 3), (3, None)], id="the next moves up"),
        pytest.param([CANARY], [], [(0, None)], id="nobody at all"),
    ],
)
def test_the_waves(
    waves: list[dict[str, Any]],
    standings: list[Standing],
    stretches: list[tuple[int, int | None]],
) -> None:
    found = waves_of(fleet(waves=waves), roster(*standings), len(standings))

    assert [(each.begin, each.end) for each in found] == stretches
    assert [each.number for each in found] == list(range(1, len(stretches) + 1))


def test_nobody_moves_up_for_a_member_that_is_gone() -> None:
    present = [each for each in members(S, S, W, W) if each.place != 1]

    found = waves_of(fleet(waves=[{"size": 2}]), Roster(present), 4)

    assert [(each.begin, each.end) for each in found] == [(0, 2), (2, None)]


def turned_back(place: int, *standings: Standing, ended: float = 10) -> Roster:
    """One of them was turned back by another hand, and came to that end so many seconds later."""
    found = list(members(*standings))
    at = NOW + timedelta(seconds=ended)
    found[place] = dataclasses.replace(found[place], left=True, ended=at)
    return Roster(found)


def test_nobody_moves_up_for_a_member_that_was_turned_back() -> None:
    members_ = turned_back(0, K, W, W)
    subject = fleet(waves=[{**CANARY, "soakSeconds": 60}])

    found = waves_of(subject, members_, 3)
    hold = gate(subject, members_, found, NOW)
    soaking = gate(fleet(**subject["spec"], approvedWave=1), members_, found, NOW)

    assert [(each.begin, each.end) for each in found] == [(0, 1), (1, None)]
    assert current_wave(found, members_).number == 2
    assert hold is not None
    assert (hold.reason, hold.wave) == ("AwaitingApproval", 1)
    assert soaking is not None
    assert soaking.until == NOW + timedelta(seconds=10 + 60)


def test_a_wave_soaks_from_the_end_of_who_was_turned_back_in_it() -> None:
    subject = fleet(waves=[{"size": 2, "soakSeconds": 60}])
    members_ = turned_back(1, S, K, W, ended=100)

    hold = gate(subject, members_, waves_of(subject, members_, 3), NOW + timedelta(seconds=120))

    assert hold is not None
    assert (hold.reason, hold.until) == ("Soaking", NOW + timedelta(seconds=100 + 60))


@pytest.mark.parametrize(
    ("standings", "number"),
    [
        ([W, W, W, W], 1),
        ([R, W, W, W], 1),
        ([S, W, W, W], 2),
        ([S, R, S, W], 2),
        ([S, S, S, W], 3),
        ([S, S, S, S], 3),
        pytest.param([S, W, S, R], 2, id="one that is tried again brings its wave back"),
    ],
)
def test_the_current_wave_is_the_first_that_is_not_through(
    standings: list[Standing], number: int
) -> None:
    members_ = roster(*standings)
    waves = waves_of(fleet(waves=[CANARY, {"size": 2}]), members_, 4)

    assert current_wave(waves, members_).number == number


@pytest.mark.parametrize(
    ("wave", "approved", "standings", "reason"),
    [
        pytest.param({}, 0, [S, W], None, id="nothing is asked of it"),
        pytest.param({}, 0, [R, W], None, id="it is not through: nobody waits for its outcome"),
        pytest.param({"requiresApproval": True}, 0, [S, W], "AwaitingApproval", id="approval"),
        pytest.param({"requiresApproval": True}, 1, [S, W], None, id="approved"),
        pytest.param({"requiresApproval": True}, 9, [S, W], None, id="approved beforehand"),
        pytest.param({}, 0, [F, W], "AwaitingApproval", id="none of it succeeded"),
        pytest.param({}, 1, [F, W], None, id="none of it succeeded, and that is approved"),
        pytest.param({"size": 2}, 0, [F, S, W], None, id="one of it did"),
        pytest.param({"soakSeconds": 60}, 0, [S, W], "Soaking", id="it has just ended"),
        pytest.param({"soakSeconds": 20}, 0, [S, W], None, id="it has soaked"),
        pytest.param(
            {"soakSeconds": 60, "requiresApproval": True}, 1, [S, W], "Soaking", id="both hold"
        ),
    ],
)
def test_what_keeps_the_next_wave(
    wave: dict[str, Any], approved: int, standings: list[Standing], reason: str | None
) -> None:
    subject = fleet(waves=[{**CANARY, **wave}], approvedWave=approved)
    members_ = roster(*standings)
    waves = waves_of(subject, members_, len(standings))

    hold = gate(subject, members_, waves, NOW + timedelta(seconds=30))

    assert (hold.reason if hold else None) == reason


def test_a_hold_says_what_for_and_until_when() -> None:
    subject = fleet(waves=[{**CANARY, "requiresApproval": True, "soakSeconds": 60}])
    members_ = roster(S, W)
    waves = waves_of(subject, members_, 2)

    asked = gate(subject, members_, waves, NOW)
    soaking = gate(fleet(**{**subject["spec"], "approvedWave": 1}), members_, waves, NOW)

    assert asked is not None
    assert (asked.wave, asked.next_command) == (1, "helm mattermost-migrate approve all")
    assert asked.message == (
        "wave 1 (canary) is through: the next begins when its outcome is approved"
    )
    assert soaking is not None
    assert soaking.until == NOW + timedelta(seconds=10 + 60)


def test_every_earlier_wave_is_asked() -> None:
    """One that is tried again may end after the next wave began."""
    subject = fleet(waves=[{"size": 1, "soakSeconds": 60}, {"size": 1}])
    members_ = roster(S, S, W)

    hold = gate(subject, members_, waves_of(subject, members_, 3), NOW + timedelta(seconds=30))

    assert hold is not None
    assert hold.reason == "Soaking"
