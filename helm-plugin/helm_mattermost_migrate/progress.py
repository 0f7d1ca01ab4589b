"""How far a run is, at one moment: counts, rate, what is left; and what changed since. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from helm_mattermost_migrate.durations import brief
from helm_mattermost_migrate.fleets import Counts, Fleet, Notice, counted
from helm_mattermost_migrate.members import Member, Standing

__all__ = ["Progress", "changes", "outcome"]

#: Fewer than this say nothing about how fast it goes.
_ENOUGH_FOR_A_RATE = 2


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at a run.

    Attributes:
        members: its installations, as far as they are known.
        fleet: its FleetMigration; None when a selection is followed instead.
        began: since when we count.
    """

    members: tuple[Member, ...]
    fleet: Fleet | None = None
    began: datetime | None = None

    @property
    def counts(self) -> Counts:
        """What the members say, once all of them are known; until then what the fleet says.

        The fleet's own counts come a moment later than the members' standing.
        """
        own = counted(self.members)
        if self.fleet is None or not self.fleet.counts.selected:
            return own
        if own.selected + self.fleet.passed_over != self.fleet.counts.selected:
            return self.fleet.counts
        return dataclasses.replace(
            own,
            selected=self.fleet.counts.selected,
            skipped=own.skipped + self.fleet.passed_over,
        )

    @property
    def selecting(self) -> bool:
        """The fleet is still making its members, so their number means nothing yet."""
        fleet = self.fleet
        return fleet is not None and not fleet.counts.selected and not fleet.standing.ended

    @property
    def through(self) -> bool:
        """Whether nothing more is to come."""
        if self.fleet is not None:
            return self.fleet.standing.ended
        return all(member.standing.ended for member in self.members)

    @property
    def running(self) -> tuple[Member, ...]:
        """Those in flight, the longest running first."""
        flying = (member for member in self.members if member.standing is Standing.RUNNING)
        return tuple(
            sorted(flying, key=lambda each: (each.started is None, each.started, each.key))
        )

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What went wrong, by the members' own word and by the fleet's where they have none."""
        own = {
            member.path: Notice(
                member.path, member.reason, member.message or member.reason, member.next_command
            )
            for member in self.members
            if member.standing.bad
        }
        theirs = (*self.fleet.failures, *self.fleet.skips) if self.fleet is not None else ()
        return (*own.values(), *(notice for notice in theirs if notice.path not in own))

    def elapsed(self, now: datetime) -> float:
        """Seconds since it began; of one that is through, those it took."""
        began = (self.fleet.started if self.fleet else None) or self.began or now
        ended = self.fleet.ended if self.fleet else None
        return max(0.0, ((ended or now) - began).total_seconds())

    def rate(self, now: datetime) -> float | None:
        """Installations a second; None while too few are through to tell.

        Those that were passed over took no time.
        """
        seconds = self.elapsed(now)
        counts = self.counts
        done = counts.succeeded + counts.failed
        return done / seconds if seconds and done >= _ENOUGH_FOR_A_RATE else None

    def remaining(self, now: datetime) -> float | None:
        """Seconds still to go at this rate; None while it cannot be told."""
        rate = self.rate(now)
        counts = self.counts
        return (counts.waiting + counts.running) / rate if rate else None


def outcome(member: Member, now: datetime) -> str:
    """How one installation's migration stands, in a phrase."""
    match member.standing:
        case Standing.SUCCEEDED:
            seconds = member.seconds(now)
            took = f" in {brief(seconds)}" if seconds is not None else ""
            writes = f", {member.writes} writes" if member.writes is not None else ""
            return f"succeeded{took}{writes}"
        case Standing.RUNNING:
            return member.rung or "started"
        case standing if standing.bad:
            return f"{standing}: {member.message or member.reason}"
        case standing:
            return str(standing)


def changes(before: Progress | None, after: Progress, now: datetime) -> Iterator[str]:
    """One line for each installation that moved on, and one for the whole if the counts did.

    Args:
        before: the last look that was shown; None when this is the first.
        after: this look.
        now: to tell durations by.
    """
    known = {member.key: member for member in before.members} if before else {}
    for member in after.members:
        said = outcome(member, now)
        former = known.get(member.key)
        if former is not None and outcome(former, now) == said:
            continue
        if former is None and member.standing in {Standing.WAITING, Standing.NONE}:
            continue
        yield f"{member.path}: {said}"
        if member.standing.bad and member.next_command:
            yield f"{member.path}: next: {member.next_command}"
    if after.counts != (before.counts if before else Counts()):
        yield _tally(after)


def _tally(progress: Progress) -> str:
    counts = progress.counts
    name = progress.fleet.name if progress.fleet else "all"
    if progress.selecting:
        return f"{name}: selecting, {counts.selected} so far"
    parts = (
        (counts.running, "running"),
        (counts.waiting, "waiting"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
    )
    rest = "".join(f", {number} {word}" for number, word in parts if number)
    return f"{name}: {counts.succeeded} of {counts.selected} done{rest}"
