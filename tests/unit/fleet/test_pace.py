"""How fast a fleet goes, and when it will be through."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mattermost_migrate.domain.fleet import Member, Roster, Standing, member_of
from mattermost_migrate.domain.fleet.pace import pace_of
from mattermost_migrate.domain.fleet.waves import Wave, current_wave, waves_of
from mattermost_migrate.testing.fleets import NOW, begun, ended, enlist, fleet, roster

ONE = (Wave(1, "", 0, None),)
R, S, W = Standing.RUNNING, Standing.SUCCEEDED, Standing.WAITING
#: When each member of fleets on a real control plane began and ended, in seconds of the first.
COURSES = json.loads((Path(__file__).parents[2] / "data/fleets/courses.json").read_text())


def test_two_say_nothing_yet() -> None:
    assert pace_of(roster(S, S, W), ONE, ONE[0]) is None


def test_one_after_the_other() -> None:
    found = pace_of(roster(S, S, S, W, W), ONE, ONE[0])

    assert found is not None
    assert found.per_minute == 6.0
    assert found.through == NOW + timedelta(seconds=50)


@pytest.mark.parametrize(
    "course",
    COURSES,
    ids=[f"{len(each['startsAndEnds'])} {each['strategy']} {each['atOnce']}" for each in COURSES],
)
def test_of_real_fleets_what_is_told_after_a_tenth_comes_true_within_a_fifth(
    course: dict[str, Any],
) -> None:
    times = [tuple(timedelta(seconds=each) for each in pair) for pair in course["startsAndEnds"]]
    ends = sorted(end for _, end in times)
    for now in ends[max(len(times) // 10, 3) - 1 : -1]:
        members = []
        for place, (start, end) in enumerate(times):
            standing = W if start > now else S if end <= now else R
            started = None if standing is W else NOW + start
            ended = NOW + end if standing is S else None
            member = Member("ns", str(place), standing, place=place, started=started, ended=ended)
            members.append(member)

        found = pace_of(Roster(members), ONE, ONE[0])

        assert found is not None
        assert abs((found.through - NOW - ends[-1]) / ends[-1]) < 0.2, now


def test_what_is_told_after_a_tenth_comes_true_within_a_fifth() -> None:
    """A hundred, ten at a time, each of 5 s give or take one."""
    everyone = []
    for place in range(100):
        slot, turn = place % 10, place // 10
        began = NOW + timedelta(seconds=5 * turn + 0.02 * slot)
        ended = began + timedelta(seconds=4 + (place * 7 % 20) / 10)
        everyone.append(Member("ns", str(place), S, place=place, started=began, ended=ended))
    through = max(each.ended for each in everyone if each.ended)
    for done in range(10, 100):
        running = [
            Member("ns", each.name, R, place=each.place, started=each.started)
            for each in everyone[done : done + 10]
        ]
        waiting = [Member("ns", str(n), W, place=n) for n in range(done + 10, 100)]

        found = pace_of(Roster([*everyone[:done], *running, *waiting]), ONE, ONE[0])

        assert found is not None
        assert abs((found.through - through) / (through - NOW)) < 0.2, done


def test_who_shares_a_machine_is_told_right_before_all_that_began_together_have_ended() -> None:
    """Fifty at once share what does ten a second: for a long time nobody ends, then many do."""
    ends = [NOW + timedelta(seconds=4.5 + place / 50) for place in range(50)]
    ends += [NOW + timedelta(seconds=5.5 + place / 10) for place in range(50)]
    over = [
        Member("ns", str(n), S, place=n, started=NOW, ended=end) for n, end in enumerate(ends[:10])
    ]
    running = [Member("ns", str(n), R, place=n, started=NOW) for n in range(10, 50)]
    fresh = [Member("ns", str(n), R, place=n, started=ends[9]) for n in range(50, 60)]
    waiting = [Member("ns", str(n), W, place=n) for n in range(60, 100)]

    found = pace_of(Roster([*over, *running, *fresh, *waiting]), ONE, ONE[0])

    assert found is not None
    assert abs((found.through - ends[-1]) / (ends[-1] - NOW)) < 0.2


def test_who_runs_with_the_times_of_an_earlier_run_has_just_begun() -> None:
    subject = fleet()
    over = ended(enlist(subject, "mm", 0), S, at=NOW)
    again = begun(subject, over, again=True)

    member = member_of(again, subject)

    assert member is not None
    assert member.standing is R
    assert member.started is None


def test_a_rest_slows_nothing_down_and_soaks_are_counted() -> None:
    subject = fleet(waves=[{"size": 3, "soakSeconds": 600}])
    members = roster(S, S, S, W, W, W)
    waves = waves_of(subject, members, 6)

    found = pace_of(members, waves, current_wave(waves, members))
    before = pace_of(roster(S, S, S, W), waves, waves[0])

    assert found is not None
    assert found.per_minute == 6.0
    assert before is not None
    assert before.through == NOW + timedelta(seconds=30 + 10 + 600)


def test_what_was_long_ago_does_not_count() -> None:
    old = [
        Member("ns", f"o{n}", S, place=n, started=NOW - timedelta(days=1), ended=NOW)
        for n in range(5)
    ]
    fresh = [
        Member(
            "ns",
            f"n{n}",
            S,
            place=9 + n,
            started=NOW + timedelta(seconds=3600 + n),
            ended=NOW + timedelta(seconds=3601 + n),
        )
        for n in range(300)
    ]

    found = pace_of(Roster([*old, *fresh]), ONE, ONE[0])

    assert found is not None
    assert round(found.per_minute) == 60
