"""The members of one fleet, kept so that a look at thousands costs no more than one at ten.

A change of a member is put in where it happens; what the policies ask is then a search in sorted
places, never a walk over all members.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from mattermost_migrate.domain.fleet.enlistment import Key
from mattermost_migrate.domain.fleet.standing import Member, Standing

__all__ = ["Roster"]

#: Sorts by the place; the rest only tells two apart that share one.
_Spot: TypeAlias = tuple[int, str, str]
_FIRST: Final = ("", "")


class Roster:
    """All members of a fleet by how they stand.

    Args:
        members: to begin with.
    """

    def __init__(self, members: Iterable[Member] = ()) -> None:
        self._members: dict[Key, Member] = {}
        self._spots: dict[Standing, list[_Spot]] = {each: [] for each in Standing}
        self._vacant: list[_Spot] = []
        self._held: list[_Spot] = []
        self._under_way: Counter[str] = Counter()
        self._failing: set[Key] = set()
        for member in members:
            self.put(member)

    def __len__(self) -> int:
        return len(self._members)

    def get(self, key: Key) -> Member | None:
        """The member, or None."""
        return self._members.get(key)

    def put(self, member: Member) -> None:
        """A member is there, or stands otherwise than before."""
        if self._members.get(member.key) == member:
            return
        self.drop(member.key)
        self._members[member.key] = member
        for spots in self._lists(member):
            insort(spots, _spot(member))
        self._under_way[member.namespace] += member.under_way
        if member.failing:
            self._failing.add(member.key)

    def drop(self, key: Key) -> Member | None:
        """A member is gone; give it as it was."""
        member = self._members.pop(key, None)
        if member is None:
            return None
        for spots in self._lists(member):
            del spots[bisect_left(spots, _spot(member))]
        self._under_way[member.namespace] -= member.under_way
        self._failing.discard(key)
        return member

    def count(self, standing: Standing) -> int:
        """How many stand so."""
        return len(self._spots[standing])

    @property
    def failures(self) -> int:
        """How many failed, those counted that are on their way back."""
        return self.count(Standing.FAILED) + len(self._failing)

    @property
    def under_way(self) -> int:
        """How many are between their start and their end."""
        return self.count(Standing.RUNNING) + len(self._held)

    def under_way_in(self, namespace: str) -> int:
        """The same, of one namespace."""
        return self._under_way[namespace]

    def held(self) -> Iterator[Member]:
        """Those that have stopped half-way, in order."""
        return (self._members[spot[1:]] for spot in self._held)

    def having(
        self, *standings: Standing, begin: int = 0, end: int | None = None
    ) -> Iterator[Member]:
        """Those that stand so, within a stretch of places; in order for each standing."""
        for standing in standings:
            spots = self._spots[standing]
            first = bisect_left(spots, (begin, *_FIRST))
            last = len(spots) if end is None else bisect_left(spots, (end, *_FIRST))
            for spot in spots[first:last]:
                yield self._members[spot[1:]]

    def has(self, standing: Standing, *, begin: int = 0, end: int | None = None) -> bool:
        """Whether any stands so within a stretch of places."""
        spots = self._spots[standing]
        first = bisect_left(spots, (begin, *_FIRST))
        return first < len(spots) and (end is None or spots[first][0] < end)

    def waiting(self, end: int | None) -> Iterator[Member]:
        """Those that wait, in order, up to a place; to be read before any of them changes."""
        for spot in self._spots[Standing.WAITING]:
            if end is not None and spot[0] >= end:
                return
            yield self._members[spot[1:]]

    def first_open(self) -> int | None:
        """The first place of which more is to come."""
        spots = (self._spots[each] for each in Standing if each.open)
        return min((each[0][0] for each in spots if each), default=None)

    def end_of(self, size: int) -> int:
        """The place before which so many members are; who was refused fills none.

        Who is gone, or was turned round by another hand, keeps its place: else others would move up
        into a wave that is over.
        """
        end = size
        while (fresh := size + bisect_left(self._vacant, (end, *_FIRST))) != end:
            end = fresh
        return end

    def seats(self) -> int:
        """One more than the last place."""
        return max((each[-1][0] + 1 for each in self._spots.values() if each), default=0)

    def _lists(self, member: Member) -> Iterator[list[_Spot]]:
        """Where it is to be found by its place."""
        yield self._spots[member.standing]
        if member.vacant:
            yield self._vacant
        if member.under_way and member.standing is not Standing.RUNNING:
            yield self._held


def _spot(member: Member) -> _Spot:
    return member.place, member.namespace, member.name
