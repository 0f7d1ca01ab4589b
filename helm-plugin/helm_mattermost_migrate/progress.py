"""How far a run is, at one moment: counts, rate, what is left; and what changed since. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from helm_mattermost_migrate.durations import brief
from helm_mattermost_migrate.fleets import Counts, Fleet, Notice, counted
from helm_mattermost_migrate.members import Member, Standing

__all__ = ["LOOK_SECONDS", "Progress", "changes", "outcome"]

#: Fewer than this say nothing about how fast it goes.
_ENOUGH_FOR_A_RATE = 2
#: A step that takes longer is told of, in a pipe.
_SLOW_SECONDS = 15.0
#: How often a follower looks although nothing has changed.
LOOK_SECONDS = 5.0


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

        Those that were passed over took no time. Of a fleet all are counted over its own time; of a
        selection only those that ended since we began to look, which is all the time we know of.
        """
        seconds = self.elapsed(now)
        seen = self.counts if self.fleet else counted(self._ended_since())
        done = seen.succeeded + seen.failed
        return done / seconds if seconds and done >= _ENOUGH_FOR_A_RATE else None

    def _ended_since(self) -> Iterator[Member]:
        """Those that came to their end while we looked."""
        began = self.began
        for member in self.members:
            ended = member.ended
            if member.standing.ended and began and ended and ended >= began:
                yield member

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
            return _slow(member, now)
        case standing if standing.bad:
            next_command = f"; next: {member.next_command}" if member.next_command else ""
            return f"{standing}: {member.message or member.reason}{next_command}"
        case standing:
            return str(standing)


def _slow(member: Member, now: datetime) -> str:
    """Where one is that takes its time; most are over before anybody could read that."""
    since = member.since or member.started
    if since is None or (now - since).total_seconds() < _SLOW_SECONDS:
        return ""
    told = f": {member.message}" if member.message else ""
    return f"still at {member.rung or 'the start'}{told}"


def changes(
    before: Progress | None, after: Progress, now: datetime, then: datetime | None = None
) -> Iterator[str]:
    """One line for each installation that came to its end or hangs, and one for the whole.

    What went well before anybody looked is in the numbers only: who comes back to a fleet of
    thousands is not told of each as if it were news.

    Args:
        before: the last look that was shown; None when this is the first.
        after: this look.
        now: to tell durations by.
        then: when the last look was; without it, the same.
    """
    yield from _whole(before, after)
    known = {member.key: member for member in before.members} if before else {}
    told = []
    for member in after.members:
        said, former = outcome(member, now), known.get(member.key)
        if not said or member.standing in {Standing.WAITING, Standing.NONE}:
            continue
        if before is None and _old(member, after):
            continue
        if former is None or outcome(former, then or now) != said:
            told.append((member, said))
    through = after.counts.through - sum(member.standing.ended for member, _ in told)
    for member, said in told:
        through += member.standing.ended
        tally = f" ({through} of {after.counts.selected})" if member.standing.ended else ""
        yield f"{member.path}: {said}{tally}"


def _old(member: Member, progress: Progress) -> bool:
    """Whether it had succeeded when we began to look."""
    began, ended = progress.began, member.ended
    return began is not None and ended is not None and ended < began and not member.standing.bad


def _whole(before: Progress | None, after: Progress) -> Iterator[str]:
    """What changed for all of them: how many there are, the wave, and why nobody is started."""
    fleet = after.fleet
    name = fleet.name if fleet else "all"
    earlier = before.fleet if before else None
    if after.selecting:
        if after.members and (before is None or before.counts.selected != after.counts.selected):
            yield f"{name}: selecting, {after.counts.selected} so far"
        return
    known = 0 if before is None or before.selecting else before.counts.selected
    if after.counts.selected and (known != after.counts.selected):
        yield f"{name}: {_tally(after)}"
    if fleet is None:
        return
    wave, waves = fleet.wave
    if waves > 1 and (earlier is None or earlier.wave != fleet.wave):
        yield f"{name}: wave {wave} of {waves}"
    if fleet.held and (earlier is None or earlier.held != fleet.held):
        hint = f"; next: {fleet.next_command}" if fleet.next_command else ""
        yield f"{name}: {fleet.held}{hint}"


def _tally(progress: Progress) -> str:
    counts = progress.counts
    parts = (
        (counts.running, "running"),
        (counts.waiting, "waiting"),
        (counts.succeeded, "succeeded"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
    )
    rest = ", ".join(f"{number} {word}" for number, word in parts if number)
    return f"{counts.selected} selected" + (f": {rest}" if rest else "")
