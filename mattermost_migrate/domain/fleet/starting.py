"""Who may start now: every policy is asked, and the first objection is the fleet's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from mattermost_migrate.domain.fleet.budget import spent
from mattermost_migrate.domain.fleet.deadline import expired, expires
from mattermost_migrate.domain.fleet.enlistment import Key
from mattermost_migrate.domain.fleet.hold import Hold
from mattermost_migrate.domain.fleet.refusal import Refusal, refused
from mattermost_migrate.domain.fleet.room import held, seated
from mattermost_migrate.domain.fleet.roster import Roster
from mattermost_migrate.domain.fleet.standing import Member, Standing
from mattermost_migrate.domain.fleet.waves import Wave, current_wave, gate, waves_of
from mattermost_migrate.domain.fleet.windows import closed, faults
from mattermost_migrate.domain.names import Reason
from mattermost_migrate.domain.objects import JsonObject, name_of

__all__ = ["Outlook", "look_ahead"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be done with a fleet at this moment.

    Attributes:
        starting: whom to start now, in order.
        hold: why nobody starts, or some that may do not; None when it is for want of room, or of
            members.
        waves: all waves.
        wave: the current one.
        again: when to look again, though nothing happens.
    """

    starting: tuple[Member, ...]
    hold: Hold | None
    waves: tuple[Wave, ...]
    wave: Wave
    again: datetime | None


def look_ahead(
    fleet: JsonObject,
    roster: Roster,
    selected: int,
    now: datetime,
    refusals: Mapping[Key, Refusal] = MappingProxyType({}),
) -> Outlook:
    """Ask every policy.

    Args:
        fleet: the FleetMigration.
        roster: its members.
        selected: how many installations were selected, members or not: what percentages are of.
        now: the time.
        refusals: by member, whose start the API server would not have.
    """
    waves = waves_of(fleet, roster, selected)
    wave = current_wave(waves, roster)
    if not roster.count(Standing.WAITING):
        return Outlook((), None, waves, wave, None)
    hold = next(_objections(fleet, roster, selected, waves, now), None)
    resting = {key for key, each in refusals.items() if now < each.until}
    starting = () if hold else tuple(seated(fleet, roster, selected, wave, resting))
    if not (hold or starting):
        hold = held(fleet, roster, selected, wave, resting)
    hold = hold or refused(roster, refusals, now)
    tries = (each.until for each in refusals.values())
    times = (hold.until if hold else None, expires(fleet), *tries)
    again = min((each for each in times if each and each > now), default=None)
    return Outlook(starting, hold, waves, wave, again)


def _objections(
    fleet: JsonObject, roster: Roster, selected: int, waves: tuple[Wave, ...], now: datetime
) -> Iterator[Hold]:
    """What speaks against a start: first what is for good, then what a person decides."""
    if found := list(faults(fleet)):
        command = f"kubectl edit fleetmigration {name_of(fleet)}"
        yield Hold(Reason.INVALID_SPEC, "; ".join(map(str, found)), command)
        return
    for hold in (spent(fleet, roster, selected), expired(fleet, now)):
        if hold:
            yield hold
    kept = gate(fleet, roster, waves, now)
    for hold in (_paused(fleet, kept), kept, closed(fleet, now)):
        if hold:
            yield hold


def _paused(fleet: JsonObject, kept: Hold | None) -> Hold | None:
    if not fleet["spec"].get("paused"):
        return None
    command = f"helm mattermost-migrate resume {name_of(fleet)}"
    return Hold(Reason.PAUSED, "starts no further ones", command, beside=kept)
