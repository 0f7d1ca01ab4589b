"""How long a run will take, told by the runs there were before; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from helm_mattermost_migrate.durations import brief
from helm_mattermost_migrate.fleets import Fleet

__all__ = ["expected"]

#: Fewer than this say nothing about how fast it goes.
_ENOUGH = 3


def expected(number: int, spec: Mapping[str, Any], fleets: Iterable[Fleet]) -> str:
    """How long ``number`` installations will take, in a sentence.

    Args:
        number: how many would be moved.
        spec: of the FleetMigration: soaks and approvals add to it.
        fleets: those the cluster knows.
    """
    waves = spec.get("waves") or ()
    soak = sum(int(wave.get("soakSeconds") or 0) for wave in waves)
    beside = ""
    if soak:
        beside += f", {brief(soak)} of it soaking"
    if asked := sum(bool(wave.get("requiresApproval")) for wave in waves):
        beside += f", and as long as {asked} approval{'s' if asked > 1 else ''} take"
    known = _latest(fleets)
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


def _latest(fleets: Iterable[Fleet]) -> tuple[str, float] | None:
    """The latest run that moved enough to tell, and its rate."""
    told = [
        (fleet.ended, fleet.name, fleet.counts.succeeded / seconds)
        for fleet in fleets
        if fleet.started is not None
        and fleet.ended is not None
        and fleet.counts.succeeded >= _ENOUGH
        and (seconds := (fleet.ended - fleet.started).total_seconds()) > 0
    ]
    if not told:
        return None
    _, name, rate = max(told)
    return name, rate
