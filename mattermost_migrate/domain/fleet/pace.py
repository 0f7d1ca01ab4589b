"""How fast a fleet goes, and when it will be through; told from the times of its members alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mattermost_migrate.domain.fleet.roster import Roster
from mattermost_migrate.domain.fleet.standing import Member, Standing
from mattermost_migrate.domain.fleet.waves import Wave

__all__ = ["Pace", "pace_of"]

#: A rate is told of at least so many.
_FEWEST: Final = 3
#: What is longer ago says nothing about now.
_RECENT: Final = timedelta(minutes=5)
_MINUTE: Final = 60.0


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
    """
    over = (Standing.SUCCEEDED, Standing.FAILED)
    measured = _measured(list(roster.having(*over, begin=wave.begin, end=wave.end)))
    if measured is None:
        measured = _measured(list(roster.having(*over)))
    if measured is None:
        return None
    running = roster.count(Standing.RUNNING)
    left = roster.count(Standing.WAITING) + running
    # Where many start together, ends come in bursts, and who runs tells more; where a wave runs
    # out, few run, and the ends tell more.
    rate = max(measured.rate, running / measured.lasts)
    soaks = sum(each.soak for each in waves[wave.number - 1 : -1])
    through = measured.last + timedelta(seconds=left / rate + soaks)
    return Pace(measured.rate * _MINUTE, through)


@dataclass(frozen=True, slots=True)
class _Measured:
    """Ends a second, seconds that one member takes, and the last of the ends."""

    rate: float
    lasts: float
    last: datetime


def _measured(members: Sequence[Member]) -> _Measured | None:
    timed = [(each.started, each.ended) for each in members if each.started and each.ended]
    if len(timed) < _FEWEST:
        return None
    last = max(ended for _, ended in timed)
    begin = max(min(started for started, _ in timed), last - _RECENT)
    took = [(ended - started).total_seconds() for started, ended in timed if ended > begin]
    seconds = (last - begin).total_seconds()
    if seconds <= 0 or sum(took) <= 0:
        return None
    return _Measured(len(took) / seconds, sum(took) / len(took), last)
