"""How fast a fleet goes, and when it will be through; told from the times of its members alone.

What is left is played through: those that run, then those that wait, each where one ends first. How
long they take is told from those that ended. Those that still run count, too, as taking longer than
until now: of a first round, the fastest alone have ended.

In the end places stay empty, one after another. Where each member waits for pods of its own, that
is how long it lasts. Where all share one API server, the others go the faster. Nothing in their
times tells which it is, so the middle of the two is told.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from statistics import NormalDist, fmean
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
#: How many rounds are played through; those before take what they take in the middle.
_PLAYED: Final = 3
#: Nearer to 0 or 1 than this, a share is that of one who is beyond all that is known.
_EXTREME: Final = 1e-3
#: How much is left of one who is, of the time that it has run.
_OUTLASTING: Final = 0.1
_STANDARD: Final = NormalDist()
#: The fractional parts of its multiples lie evenly, however many they are.
_GOLDEN: Final = (math.sqrt(5) - 1) / 2


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
    recent = _Recent.of(list(roster.having(*over, begin=wave.begin, end=wave.end)))
    if recent is None:
        recent = _Recent.of(list(roster.having(*over)))
    if recent is None:
        return None
    running = list(roster.having(Standing.RUNNING))
    ages = [_seconds(recent.last - each.started) for each in running if each.started]
    times = _times(recent.took, [age for age in ages if age > 0])
    places = max(len(running), recent.at_once)
    rest = times.play(ages, len(running) - len(ages), roster.count(Standing.WAITING), places)
    soaks = sum(each.soak for each in waves[wave.number - 1 : -1])
    through = recent.last + timedelta(seconds=rest + soaks)
    return Pace(len(recent.took) / recent.seconds * _MINUTE, through)


@dataclass(frozen=True, slots=True)
class _Recent:
    """Those that ended in a stretch of time.

    Attributes:
        last: its end, which is the last of theirs.
        seconds: how long it is.
        took: how long each ran, in seconds; one at least.
        at_once: how many ran at the same time, on average.
    """

    last: datetime
    seconds: float
    took: Sequence[float]
    at_once: int

    @classmethod
    def of(cls, members: Sequence[Member]) -> _Recent | None:
        """The last of them, if there are enough."""
        timed = [(each.started, each.ended) for each in members if each.started and each.ended]
        if len(timed) < _FEWEST:
            return None
        last = max(ended for _, ended in timed)
        begin = max(min(started for started, _ in timed), last - _RECENT)
        recent = [(started, ended) for started, ended in timed if ended > begin and ended > started]
        if not recent:
            return None
        seconds = _seconds(last - begin)
        ran = sum(_seconds(ended - max(started, begin)) for started, ended in recent)
        took = [_seconds(ended - started) for started, ended in recent]
        return cls(last, seconds, took, max(1, round(ran / seconds)))


@dataclass(frozen=True, slots=True)
class _Times:
    """How long members take: the logarithms of their seconds are normally distributed."""

    logarithm: NormalDist

    def play(self, ages: Sequence[float], unknown: int, waiting: int, places: int) -> float:
        """Seconds until all have ended.

        Args:
            ages: of those that run, for how many seconds they have.
            unknown: how many more run, nobody knows since when.
            waiting: how many have not begun.
            places: how many run at once.
        """
        shares = _evenly()
        free = [self._rest(age, next(shares)) for age in ages]
        free += [self._whole(next(shares)) / 2 for _ in range(unknown)]
        free += [0.0] * (places - len(free))
        before = max(0, waiting // places - _PLAYED)
        heapq.heapify(free)
        for _ in range(waiting - before * places):
            heapq.heapreplace(free, free[0] + self._whole(next(shares)))
        average = math.exp(self.logarithm.mean + self.logarithm.variance / 2)
        return before * average + (max(free) + fmean(free)) / 2

    def _whole(self, share: float) -> float:
        """How long one takes who is slower than such a share of all."""
        return math.exp(self.logarithm.inv_cdf(share))

    def _rest(self, age: float, share: float) -> float:
        """The same of those that have run so long, less the time that they have."""
        if age <= 0:
            return self._whole(share)
        begun = self.logarithm.cdf(math.log(age))
        if begun > 1 - _EXTREME:
            return age * _OUTLASTING
        return max(0.0, self._whole(begun + (1 - begun) * share) - age)


def _times(took: Sequence[float], ages: Sequence[float]) -> _Times:
    """Fitted to how long those took that ended, and for how long the others have run."""
    ended = sorted(chain(((each, True) for each in took), ((each, False) for each in ages)))
    points, slower = [], 1.0
    for at_least, (seconds, whole) in enumerate(ended):
        if whole:  # the product-limit estimate of Kaplan and Meier
            before, slower = slower, slower * (1 - 1 / (len(ended) - at_least))
            points.append((_STANDARD.inv_cdf(1 - (before + slower) / 2), math.log(seconds)))
    centre, mean = fmean(x for x, _ in points), fmean(y for _, y in points)
    width = sum((x - centre) ** 2 for x, _ in points)
    spread = sum((x - centre) * (y - mean) for x, y in points) / width if width else 0.0
    return _Times(NormalDist(mean - spread * centre, max(spread, 1e-9)))


def _evenly() -> Iterator[float]:
    """Shares between 0 and 1, in an order in which any few that follow lie far apart."""
    share = 0.5
    while True:
        share = (share + _GOLDEN) % 1.0
        yield min(max(share, _EXTREME), 1 - _EXTREME)


def _seconds(span: timedelta) -> float:
    return span.total_seconds()
