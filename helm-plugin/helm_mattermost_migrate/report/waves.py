"""The waves of a fleet as they went, read off its members by the controller's own rules; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mattermost_migrate.domain.fleet import Member, Roster, Standing, member_of
from mattermost_migrate.domain.fleet.waves import Wave, waves_of
from mattermost_migrate.domain.names import FLEET_LABEL
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of

__all__ = ["WaveRecord", "wave_records"]


@dataclass(frozen=True, slots=True)
class WaveRecord:
    """One wave of one fleet.

    Attributes:
        fleet: the FleetMigration.
        name: ``wave 1 (canary)``.
        members: how many it has.
        succeeded, failed: how many of them did.
        began, ended: of the first and of the last of them; None where that is not known.
    """

    fleet: str
    name: str
    members: int
    succeeded: int
    failed: int
    began: datetime | None
    ended: datetime | None

    @property
    def seconds(self) -> float | None:
        """From the first to the last; None before both are known."""
        if self.began is None or self.ended is None:
            return None
        return (self.ended - self.began).total_seconds()


def wave_records(
    fleets: Iterable[JsonObject], migrations: Iterable[JsonObject]
) -> tuple[WaveRecord, ...]:
    """The waves of every fleet that has several, in order.

    Args:
        fleets: FleetMigrations.
        migrations: InstallationMigrations, of any fleet or none.
    """
    theirs: dict[str, list[JsonObject]] = {}
    for migration in migrations:
        theirs.setdefault(labels_of(migration).get(FLEET_LABEL, ""), []).append(migration)
    told = []
    for fleet in fleets:
        known = (member_of(each, fleet) for each in theirs.get(name_of(fleet), ()))
        members = [each for each in known if each is not None]
        selected = int(((fleet.get("status") or {}).get("counts") or {}).get("selected") or 0)
        waves = waves_of(fleet, Roster(members), max(selected, len(members)))
        if len(waves) > 1:
            told += [_record(name_of(fleet), wave, members) for wave in waves]
    return tuple(told)


def _record(fleet: str, wave: Wave, members: Iterable[Member]) -> WaveRecord:
    own = [
        each
        for each in members
        if wave.begin <= each.place and (wave.end is None or each.place < wave.end)
    ]
    standings = [each.standing for each in own]
    return WaveRecord(
        fleet,
        str(wave),
        len(own),
        standings.count(Standing.SUCCEEDED),
        standings.count(Standing.FAILED),
        min((each.started for each in own if each.started), default=None),
        max((each.ended for each in own if each.ended), default=None),
    )
