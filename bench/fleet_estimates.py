"""How true is a fleet's estimate? `python bench/fleet_estimates.py --count 2000`.

Fleets of 20 to 300, one to fifty at once, on a simulated clock: of one half each member takes its
own time, as where pods are waited for; of the other all share what an API server does in a second.
Each estimate from the first tenth on is compared with what came true. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from origin import origin

from mattermost_migrate.domain.fleet import Member, Roster, Standing
from mattermost_migrate.domain.fleet.pace import pace_of
from mattermost_migrate.domain.fleet.waves import Wave
from mattermost_migrate.percentile import percentile

#: Start and end of each member, in seconds.
Course: TypeAlias = list[tuple[float, float]]

_BEGAN: Final = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
_ONE: Final = Wave(1, "", 0, None)
_LOOKS: Final = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_GOOD: Final = 0.2
_FEW_ROUNDS: Final = 3


def own_time(chance: random.Random, count: int, at_once: int, spread: float) -> Course:
    """Each takes as long as it takes, whoever runs beside it."""
    free = [0.0] * at_once
    course = []
    middle = chance.uniform(2, 60)
    for _ in range(count):
        began = heapq.heappop(free)
        course.append((began, began + middle * math.exp(chance.gauss(0, spread))))
        heapq.heappush(free, course[-1][1])
    return course


def shared(chance: random.Random, count: int, at_once: int, spread: float) -> Course:
    """All that run share so many a second, and none is faster than a third of a second."""
    rate, now = chance.uniform(2, 20), 0.0
    left: dict[int, float] = {}
    began: dict[int, float] = {}
    ended: dict[int, float] = {}
    while len(ended) < count:
        while len(began) < count and len(left) < at_once:
            number = len(began)
            began[number], left[number] = now, math.exp(chance.gauss(0, spread))
        first = min(left, key=lambda each: left[each])
        each_rate = min(rate / len(left), 3.0)
        done = left.pop(first)
        now += done / each_rate
        ended[first] = now
        left = {number: rest - done for number, rest in left.items()}
    return [(began[number], ended[number]) for number in range(count)]


def seen(course: Course, now: float) -> Roster:
    """The members as they stand at a moment."""
    return Roster(_member(place, times, now) for place, times in enumerate(course))


def _member(place: int, times: tuple[float, float], now: float) -> Member:
    began, ended = (_BEGAN + timedelta(seconds=each) for each in times)
    if times[1] <= now:
        return Member("ns", str(place), Standing.SUCCEEDED, place=place, started=began, ended=ended)
    if times[0] <= now:
        return Member("ns", str(place), Standing.RUNNING, place=place, started=began)
    return Member("ns", str(place), Standing.WAITING, place=place)


def errors(course: Course) -> Iterator[float]:
    """How far each estimate is off, as a part of the whole time."""
    through = max(ended for _, ended in course)
    ends = sorted(ended for _, ended in course)
    for part in _LOOKS:
        at = max(math.ceil(len(course) * part), 3) - 1
        pace = pace_of(seen(course, ends[at]), (_ONE,), _ONE)
        if pace is not None:
            yield abs((pace.through - _BEGAN).total_seconds() - through) / through


def summary(found: list[float]) -> dict[str, Any]:
    """In the middle, nine and nineteen of ten and twenty, and how many are good enough."""
    shares = {"median": 0.5, "p90": 0.9, "p95": 0.95}
    return {
        "estimates": len(found),
        **{name: round(percentile(found, share), 3) for name, share in shares.items()},
        "withinAFifth": round(sum(each <= _GOOD for each in found) / len(found), 3),
    }


def main() -> None:
    """Play, compare, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    options = parser.parse_args()
    head, started = origin(), time.monotonic()
    groups: dict[str, list[float]] = defaultdict(list)
    for seed in range(options.count):
        chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
        count = chance.choice((20, 50, 100, 300))
        at_once = min(count, chance.choice((1, 5, 15, 50)))
        model = chance.choice((own_time, shared))
        found = list(errors(model(chance, count, at_once, chance.choice((0.05, 0.2, 0.5)))))
        rounds = "fewRounds" if count < _FEW_ROUNDS * at_once else "manyRounds"
        for group in ("all", model.__name__, rounds):
            groups[group] += found
    report = {
        **head,
        "fleets": options.count,
        **{group: summary(found) for group, found in sorted(groups.items())},
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
