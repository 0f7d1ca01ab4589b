"""How many more may be under way, and who keeps a place though it does not run.

A member that has stopped half-way, locked, goes on by itself as soon as it can: what stands between
its first write and its end has its place until then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator

from mattermost_migrate.domain.fleet.amounts import rounded_up
from mattermost_migrate.domain.fleet.enlistment import Key
from mattermost_migrate.domain.fleet.hold import Hold
from mattermost_migrate.domain.fleet.roster import Roster
from mattermost_migrate.domain.fleet.standing import Member, Standing
from mattermost_migrate.domain.fleet.waves import Wave
from mattermost_migrate.domain.names import Reason
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["held", "seated"]


def seated(
    fleet: JsonObject, roster: Roster, selected: int, wave: Wave, resting: Container[Key]
) -> Iterator[Member]:
    """As many of the wave's waiting ones, in order, as the limits let run.

    Who waits to be tried again half-way comes first, of whatever wave: it has its place already,
    and nobody else may have it before it has come to an end.
    """
    for member in roster.held():
        if member.standing is Standing.WAITING and member.key not in resting:
            yield member
    most = fleet["spec"].get("maxPerNamespace")
    room = _room(fleet, roster, selected)
    chosen: Counter[str] = Counter()
    for member in roster.waiting(wave.end):
        if room <= 0:
            return
        if member.locked or member.key in resting:
            continue
        there = roster.under_way_in(member.namespace) + chosen[member.namespace]
        if most is None or there < most:
            chosen[member.namespace] += 1
            room -= 1
            yield member


def held(
    fleet: JsonObject, roster: Roster, selected: int, wave: Wave, resting: Container[Key]
) -> Hold | None:
    """Where nobody starts and nobody runs: who has stopped half-way in the place of the next."""
    if roster.count(Standing.RUNNING):
        return None
    kept = next((each for each in roster.waiting(wave.end) if each.key not in resting), None)
    if kept is None:
        return None
    full = _room(fleet, roster, selected) <= 0
    keepers = (each for each in roster.held() if full or each.namespace == kept.namespace)
    if (first := next(keepers, None)) is None:
        return None
    told = f"{first.namespace}/{first.name} has stopped half-way, and keeps its place"
    return Hold(Reason.MEMBERS_HELD, f"{told}: {first.message}", first.next_command)


def _room(fleet: JsonObject, roster: Roster, selected: int) -> int:
    return rounded_up(fleet["spec"].get("maxConcurrent", 15), selected) - roster.under_way
