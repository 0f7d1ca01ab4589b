"""The figures of a record: how many, how fast, how long each step; pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from helm_mattermost_migrate.members import Standing
from helm_mattermost_migrate.report.record import Entry, Record
from mattermost_migrate.domain.names import EVERY_RUNG
from mattermost_migrate.percentile import percentile

__all__ = ["Bin", "Headline", "StepFigure", "headline", "histogram", "step_figures"]

_MOST_BINS = 24
#: Widths of a bin that read well.
_WIDTHS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Headline:
    """The figures to know first.

    Attributes:
        counted: how many there are of each standing.
        began, ended: of the first and of the last one; None where nothing began.
        wall: seconds from the one to the other.
        median, slow, longest: seconds of one migration: half within, 95 % within, and the longest.
        rate: succeeded ones a second.
        writes: API writes of one migration, on average.
    """

    counted: dict[Standing, int]
    began: datetime | None = None
    ended: datetime | None = None
    wall: float | None = None
    median: float | None = None
    slow: float | None = None
    longest: float | None = None
    rate: float | None = None
    writes: float | None = None


@dataclass(frozen=True, slots=True)
class StepFigure:
    """How long one step took over all migrations that went through it."""

    step: str
    count: int
    median: float
    slow: float
    longest: float
    share: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Migrations that took at least ``low`` and less than ``high`` seconds."""

    low: float
    high: float
    count: int


def headline(record: Record) -> Headline:
    """The figures of the whole."""
    members = [entry.member for entry in record.entries]
    counted = Counter(member.standing for member in members)
    counted[Standing.NONE] += record.untouched
    began = min((each.started for each in members if each.started), default=None)
    if began is None:
        return Headline(dict(counted))
    over = all(each.standing.ended for each in members)
    ended = max((each.ended for each in members if each.ended), default=None) if over else None
    wall = ((ended or record.made) - began).total_seconds()
    took = took_seconds(record.entries)
    writes = [each.writes for each in members if each.writes is not None and each.ended]
    return Headline(
        dict(counted),
        began,
        ended,
        wall,
        median=statistics.median(took) if took else None,
        slow=percentile(took, 0.95) if took else None,
        longest=max(took, default=None),
        rate=counted[Standing.SUCCEEDED] / wall if wall > 0 else None,
        writes=statistics.mean(writes) if writes else None,
    )


def took_seconds(entries: Iterable[Entry]) -> list[float]:
    """How long each took that succeeded."""
    return [
        (each.member.ended - each.member.started).total_seconds()
        for each in entries
        if each.member.standing is Standing.SUCCEEDED and each.member.ended and each.member.started
    ]


def step_figures(record: Record) -> tuple[StepFigure, ...]:
    """How long each step took, in the order of the ladder, then of first appearance."""
    seconds: dict[str, list[float]] = {}
    for entry in record.entries:
        for stay in entry.stays:
            if stay.ended is not None:
                seconds.setdefault(stay.step, []).append(stay.seconds(record.made))
    total = sum(map(sum, seconds.values())) or 1.0
    known = [step for step in map(str, EVERY_RUNG) if step in seconds]
    order = [*known, *(step for step in seconds if step not in known)]
    return tuple(
        StepFigure(
            step,
            len(took := seconds[step]),
            statistics.median(took),
            percentile(took, 0.95),
            max(took),
            sum(took) / total,
        )
        for step in order
    )


def histogram(values: Sequence[float]) -> tuple[Bin, ...]:
    """The distribution in at most 24 bins of equal and readable width, from zero."""
    if not values:
        return ()
    width = _width(max(values))
    counted = Counter(int(value / width) for value in values)
    return tuple(
        Bin(index * width, (index + 1) * width, counted[index]) for index in range(max(counted) + 1)
    )


def _width(longest: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that needs few enough bins."""
    for exponent in range(-3, 9):
        for digit in _WIDTHS:
            width = float(digit * 10**exponent)
            if longest < width * _MOST_BINS:
                return width
    return longest
