"""The roster answers as a walk over all members would."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from mattermost_migrate.domain.fleet import Member, Roster, Standing

MEMBER = st.builds(
    Member,
    st.sampled_from(["a", "b"]),
    st.sampled_from(["x", "y", "z"]),
    st.sampled_from(Standing),
    place=st.integers(0, 8),
    failing=st.booleans(),
    left=st.booleans(),
    locked=st.booleans(),
)


def spot(member: Member) -> tuple[int, str, str]:
    return member.place, member.namespace, member.name


@given(st.lists(st.tuples(MEMBER, st.booleans()), max_size=30), st.integers(0, 9))
def test_it_says_what_a_walk_would_say(changes: Sequence[tuple[Member, bool]], place: int) -> None:
    roster, plain = Roster(), dict[tuple[str, str], Member]()
    for member, gone in changes:
        if gone:
            assert roster.drop(member.key) == plain.pop(member.key, None)
        else:
            roster.put(member)
            plain[member.key] = member
    everyone = sorted(plain.values(), key=spot)

    assert len(roster) == len(plain)
    for standing in Standing:
        these = [each for each in everyone if each.standing is standing]
        assert roster.count(standing) == len(these)
        below = [each for each in these if each.place < place]
        assert list(roster.having(standing, end=place)) == below
        above = [each for each in these if each.place >= place]
        assert list(roster.having(standing, begin=place)) == above
        assert roster.has(standing, begin=place) is bool(above)
        assert roster.has(standing, end=place) is bool(below)
    waiting = [each for each in everyone if each.standing is Standing.WAITING]
    assert list(roster.waiting(place)) == [each for each in waiting if each.place < place]
    assert list(roster.waiting(None)) == waiting
    under_way = [each for each in everyone if each.standing is Standing.RUNNING or each.locked]
    assert roster.under_way == len(under_way)
    assert roster.under_way_in("a") == sum(each.namespace == "a" for each in under_way)
    held = [each for each in under_way if each.standing is not Standing.RUNNING]
    assert list(roster.held()) == held
    failed = sum(each.standing is Standing.FAILED for each in everyone)
    assert roster.failures == failed + sum(each.failing for each in everyone)
    assert roster.first_open() == min(
        (each.place for each in everyone if each.standing.open), default=None
    )
    assert roster.seats() == max((each.place + 1 for each in everyone), default=0)


@given(st.dictionaries(st.integers(0, 30), st.booleans()), st.integers(0, 20))
def test_who_was_refused_fills_no_place_in_a_wave_and_who_left_keeps_it(
    skipped: dict[int, bool], size: int
) -> None:
    roster = Roster(
        Member("a", str(each), Standing.SKIPPED, place=each, left=left)
        for each, left in skipped.items()
    )
    vacant = {each for each, left in skipped.items() if not left}

    end = roster.end_of(size)

    assert sum(place not in vacant for place in range(end)) == size
    assert end == 0 or end - 1 not in vacant
