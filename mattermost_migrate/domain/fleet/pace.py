"""How fast a fleet goes, and when it will be through; told from the times of its members alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final

from mattermost_migrate.domain.fleet.roster import Roster
from mattermost_migrate.domain.fleet.standing import Member, Standing
from mattermost_migrate.domain.fleet.waves import Wave
from mattermost_migrate.domain.spans import span

__all__ = ["Pace", "pace_of"]

#: A rate is told of at least so many.
_FEWEST: Final = 3
#: What is longer ago says nothing about now.
_RECENT: Final = timedelta(minutes=5)
_MINUTE: Final = 60.0
#: How much is done of one that has run longer than all that ended.
_OUTLASTING: Final = 0.9
#: And of one of which nobody knows since when.
_UNKNOWN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast.

    Attributes:
        per_minute: members that come to their end a minute.
        through: when the last one will have, if nothing comes between.
    """

    per_minute: float
    through: datetime


def pace_of(roster: Roster, waves: Sequence[Wave], wave: Wave) -> Pace | None:
    """The pace of the current wave, or of all when it has hardly begun; None: too early to tell.

    Counted up to the last end, not up to now: what rests does not slow down.

    When all are through is told from the work that was done, not from the ends alone: where many
    start together nobody ends for a while, and then all do. What runs is done by the part of the
    time that others took who ran for longer.
    """
    over = (Standing.SUCCEEDED, Standing.FAILED)
    measured = _measured(list(roster.having(*over, begin=wave.begin, end=wave.end)))
    if measured is None:
        measured = _measured(list(roster.having(*over)))
    if measured is None:
        return None
    parts = [measured.part(each) for each in roster.having(Standing.RUNNING)]
    left = roster.count(Standing.WAITING) + sum(1 - whole for whole, _ in parts)
    done = measured.work + sum(recent for _, recent in parts)
    soaks = sum((span(each.soak) for each in waves[wave.number - 1 : -1]), timedelta())
    through = measured.last + timedelta(seconds=left * measured.seconds / done) + soaks
    return Pace(measured.ends / measured.seconds * _MINUTE, through)


@dataclass(frozen=True, slots=True)
class _Measured:
    """What became of those that ended in a stretch of time.

    Attributes:
        begin, last: the stretch, up to the last of the ends.
        ends: how many.
        work: the same, but of who started before it only the part that lies in it.
        took: how long each ran, in order.
        shares: of those that ran longest, the sums of ``1 / took``; one more than there are.
    """

    begin: datetime
    last: datetime
    ends: int
    work: float
    took: Sequence[float]
    shares: Sequence[float]

    @property
    def seconds(self) -> float:
        """How long the stretch is."""
        return (self.last - self.begin).total_seconds()

    def part(self, running: Member) -> tuple[float, float]:
        """How much of one that runs is done: in all, and since the beginning of the stretch."""
        if running.started is None:
            return _UNKNOWN, _UNKNOWN
        age = (self.last - running.started).total_seconds()
        if age <= 0:
            return 0.0, 0.0
        first = bisect_right(self.took, age)
        longer = len(self.took) - first
        whole = age * self.shares[first] / longer if longer else _OUTLASTING
        return whole, whole * min(1.0, self.seconds / age)


def _measured(members: Sequence[Member]) -> _Measured | None:
    timed = [(each.started, each.ended) for each in members if each.started and each.ended]
    if len(timed) < _FEWEST:
        return None
    last = max(ended for _, ended in timed)
    begin = max(min(started for started, _ in timed), last - _RECENT)
    recent = [(started, ended) for started, ended in timed if ended > begin and ended > started]
    if not recent:
        return None
    took = sorted((ended - started).total_seconds() for started, ended in recent)
    shares = [*accumulate((1 / each for each in reversed(took)), initial=0.0)][::-1]
    work = sum((ended - max(started, begin)) / (ended - started) for started, ended in recent)
    return _Measured(begin, last, len(recent), work, took, shares)
