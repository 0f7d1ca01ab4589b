"""What this life of the controller knows of one fleet; all of it can be told again by looking."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from controller.worker import Key
from mattermost_migrate.domain.fleet import (
    Enlistment,
    Member,
    Refusal,
    Roster,
    Skip,
    Standing,
    member_of,
)
from mattermost_migrate.domain.names import Reason
from mattermost_migrate.domain.objects import JsonObject, key_of, name_of, uid_of

__all__ = ["Muster"]

#: As many as a status lists.
_MOST_REMEMBERED: Final = 20


@dataclass(slots=True)
class Muster:
    """One fleet under way.

    Attributes:
        fleet: the FleetMigration as its members were last judged by.
        roster: they.
        departed: who is no member, to be listed in the next report.
        unsure: whose start was sent, and not answered.
        refusals: whose start was sent, and refused.
        reported: when, by the monotonic clock, the last report was made.
    """

    fleet: JsonObject
    roster: Roster = field(default_factory=Roster)
    departed: tuple[Skip, ...] = ()
    unsure: set[Key] = field(default_factory=set)
    refusals: dict[Key, Refusal] = field(default_factory=dict)
    reported: float = 0.0
    _read: float = field(default_factory=time.monotonic)
    _begun: dict[Key, datetime] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        """The fleet's UID."""
        return uid_of(self.fleet)

    @property
    def name(self) -> str:
        """The fleet's name."""
        return name_of(self.fleet)

    def meet(self, migrations: Iterable[JsonObject]) -> None:
        """Judge all members anew."""
        members = (member_of(each, self.fleet) for each in migrations)
        self.roster = Roster(self._timed(each) for each in members if each is not None)

    def update(self, fleet: JsonObject) -> bool:
        """Take over the fleet as it is now; whether its members must be judged anew."""
        before, self.fleet = self.fleet, fleet
        edited = bool(before["spec"] != fleet["spec"])
        if edited:
            self.refusals.clear()  # what was refused may be what the edit mends
        return edited

    def put(self, migration: JsonObject) -> Member | None:
        """A member changed: started, or what was refused of it may pass now."""
        self.refusals.pop(key_of(migration), None)
        member = member_of(migration, self.fleet)
        if member is not None:
            self.roster.put(self._timed(member))
        return member

    def _timed(self, member: Member) -> Member:
        """With the time of its start as we saw it: its status tells of it much later."""
        if member.standing is not Standing.RUNNING:
            self._begun.pop(member.key, None)
            return member
        seen = self._begun.setdefault(member.key, datetime.now(UTC))
        return member if member.started else dataclasses.replace(member, started=seen)

    def leave(self, migration: JsonObject) -> None:
        """A member was deleted, or is another fleet's."""
        namespace, name = key_of(migration)
        self.refusals.pop((namespace, name), None)
        if Enlistment.read(migration) is None or self.roster.drop((namespace, name)) is None:
            return
        message = "its InstallationMigration was deleted, or joined another fleet"
        skip = Skip(namespace, name, Reason.LEFT_FLEET, message)
        self.departed = (*self.departed, skip)[-_MOST_REMEMBERED:]

    def pass_over(self, skips: Iterable[Skip]) -> None:
        """These were selected and are no members; a selection that was cut off is made again."""
        self.departed = tuple(dict.fromkeys((*self.departed, *skips)))

    def refuse(self, member: Member, reason: Reason, message: str, took: float) -> None:
        """The API server would not have a member start, and took so many seconds to say so."""
        before, beside = self.refusals.get(member.key), len(self.refusals)
        now = datetime.now(UTC)
        self.refusals[member.key] = Refusal.of(
            before, reason, message, now, beside=beside, took=took
        )

    def stale(self, seconds: float) -> bool:
        """Whether the spec was read live longer ago than that."""
        return time.monotonic() - self._read > seconds

    def read(self) -> None:
        """The spec has just been read live."""
        self._read = time.monotonic()

    def told(self, listed: Iterable[Skip]) -> None:
        """A report has just been made; who departed while it was sent is for the next one."""
        self.reported = time.monotonic()
        known = set(listed)  # there may be thousands
        self.departed = tuple(each for each in self.departed if each not in known)
