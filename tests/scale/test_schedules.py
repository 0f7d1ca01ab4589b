"""Twenty thousand schedules of fleets, and proof that their judge has eyes.

A million: `make bench-schedules`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from mattermost_migrate.domain.fleet import Member, Outlook, Roster, Standing, look_ahead
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.testing import fleet_schedules

COUNT = 20_000


def test_no_limit_is_ever_broken() -> None:
    assert play(COUNT) > 4 * COUNT


def play(count: int) -> int:
    """The number of starts in so many schedules."""
    return sum(fleet_schedules.run(seed).starts for seed in range(count))


def one_more(outlook: Outlook, roster: Roster) -> Outlook:
    """The next in line starts as well, whatever the limits say."""
    if outlook.hold is not None:
        return outlook
    waiting = [each for each in roster.waiting(outlook.wave.end) if each not in outlook.starting]
    return dataclasses.replace(outlook, starting=(*outlook.starting, *waiting[:1]))


def unheld(outlook: Outlook, roster: Roster) -> Outlook:
    """Nothing holds it."""
    if outlook.hold is None or roster.count(Standing.RUNNING):
        return outlook
    first = next(roster.waiting(outlook.wave.end), None)
    return dataclasses.replace(outlook, hold=None, starting=(first,) if first else ())


def out_of_order(outlook: Outlook, roster: Roster) -> Outlook:
    """The last one starts instead of the first."""
    last = list(roster.waiting(None))[-1:]
    return dataclasses.replace(outlook, starting=tuple(last) if outlook.starting else ())


@pytest.mark.parametrize(
    ("wrong", "noticed"),
    [
        (one_more, "at once"),
        (unheld, "budget|approved|soaked|pause"),
        (out_of_order, "was not through"),
    ],
)
def test_a_wrong_policy_is_caught(
    monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Outlook, Roster], Outlook], noticed: str
) -> None:
    def looked(
        fleet: JsonObject, roster: Roster, selected: int, now: datetime, refusals: Any
    ) -> Any:
        return wrong(look_ahead(fleet, roster, selected, now, refusals), roster)

    monkeypatch.setattr(fleet_schedules, "look_ahead", looked)

    with pytest.raises(fleet_schedules.BrokenRuleError, match=noticed):
        play(500)


@pytest.mark.parametrize(
    ("word", "wrong", "noticed"),
    [
        pytest.param(
            "vacant",
            lambda member: member.standing is Standing.SKIPPED,
            "not through|approved|soaked",
            id="who was turned round by another hand fills no place",
        ),
        pytest.param(
            "under_way",
            lambda member: member.standing is Standing.RUNNING,
            "at once",
            id="who has stopped half-way has no place",
        ),
    ],
)
def test_a_wrong_look_at_a_member_is_caught(
    monkeypatch: pytest.MonkeyPatch, word: str, wrong: Callable[[Member], bool], noticed: str
) -> None:
    monkeypatch.setattr(Member, word, property(wrong))

    with pytest.raises(fleet_schedules.BrokenRuleError, match=noticed):
        play(500)
