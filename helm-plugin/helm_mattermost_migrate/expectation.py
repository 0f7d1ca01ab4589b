"""How long a run will take, told by the runs there were before; pure.

Soaks, approvals and pauses of the earlier run are no work: they would be counted twice, or for a
run that has none. So its rate is that of its members' own times, not of the clock on the wall.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from helm_mattermost_migrate.durations import brief
from helm_mattermost_migrate.fleets import Fleet
from helm_mattermost_migrate.members import Member

__all__ = ["expected"]

#: Fewer than this say nothing about how fast it goes.
_ENOUGH: Final = 3
_MINUTE: Final = 60.0
#: From when to when one was under way.
_Stretch: TypeAlias = tuple[datetime, datetime]


def expected(
    number: int,
    spec: Mapping[str, Any],
    fleets: Iterable[Fleet],
    members: Iterable[Member] = (),
) -> str:
    """How long ``number`` installations will take, in a sentence.

    Args:
        number: how many would be moved.
        spec: of the FleetMigration: soaks and approvals add to it.
        fleets: those the cluster knows.
        members: installations, of which some may belong to these fleets.
    """
    waves = spec.get("waves") or ()
    soak = sum(int(wave.get("soakSeconds") or 0) for wave in waves)
    beside = ""
    if soak:
        beside += f", {brief(soak)} of it soaking"
    if asked := sum(bool(wave.get("requiresApproval")) for wave in waves):
        beside += f", and as long as {asked} approval{'s take' if asked > 1 else ' takes'}"
    known = _latest(fleets, members)
    if known is None:
        return (
            "Expected duration: not known before a first run"
            + (f"; {brief(soak)} of soaking at least" if soak else "")
            + "; move a few first to learn it"
        )
    name, rate = known
    return (
        f"Expected duration: about {brief(number / rate + soak)}{beside} "
        f"(at the {rate:.1f} a second of {name})"
    )


def _latest(fleets: Iterable[Fleet], members: Iterable[Member]) -> tuple[str, float] | None:
    """The latest run that moved enough to tell, and its rate."""
    theirs: dict[str, list[_Stretch]] = {}
    for member in members:
        if member.started and member.ended and not member.edited:
            theirs.setdefault(member.fleet, []).append((member.started, member.ended))
    told = [
        (fleet.ended, fleet.name, rate)
        for fleet in fleets
        if fleet.ended is not None
        and fleet.counts.succeeded >= _ENOUGH
        and (rate := _rate(fleet, theirs.get(fleet.name, ())))
    ]
    if not told:
        return None
    _, name, rate = max(told)
    return name, rate


def _rate(fleet: Fleet, stretches: Sequence[_Stretch]) -> float | None:
    """Installations a second, while any was under way.

    Where not all of its members are at hand, the pace that its controller noted of the last wave;
    where it noted none, all the time it took.
    """
    whole = len(stretches) >= fleet.counts.succeeded + fleet.counts.failed
    if whole and (busy := _covered(stretches)):
        return len(stretches) / busy
    if fleet.per_minute:
        return float(fleet.per_minute) / _MINUTE
    if fleet.started is None or fleet.ended is None:
        return None
    seconds = (fleet.ended - fleet.started).total_seconds()
    return fleet.counts.succeeded / seconds if seconds > 0 else None


def _covered(stretches: Iterable[_Stretch]) -> float:
    """The seconds that lie in any of them."""
    seconds, last = 0.0, None
    for began, ended in sorted(stretches):
        since = began if last is None else max(began, last)
        seconds += max(0.0, (ended - since).total_seconds())
        last = ended if last is None else max(ended, last)
    return seconds
