"""A FleetMigration as a person sees it, and what exit code its end means; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from helm_mattermost_migrate.durations import parse_time
from helm_mattermost_migrate.errors import Exit
from helm_mattermost_migrate.members import Member, Standing
from mattermost_migrate.domain.names import Condition, Reason
from mattermost_migrate.domain.objects import JsonObject, name_of
from mattermost_migrate.domain.reported import condition_status, fleet_over

__all__ = ["Counts", "Fleet", "Notice", "counted", "fleet_of", "left"]


@dataclass(frozen=True, slots=True)
class Counts:
    """``selected`` = waiting + running + succeeded + failed + skipped."""

    selected: int = 0
    waiting: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def through(self) -> int:
        """Those of which nothing more is to come."""
        return self.succeeded + self.failed + self.skipped


@dataclass(frozen=True, slots=True)
class Notice:
    """One installation that failed or was skipped, and why."""

    path: str
    reason: str
    message: str
    next_command: str = ""


@dataclass(frozen=True, slots=True)
class Fleet:
    """One FleetMigration.

    Attributes:
        name: its name.
        desired: the kind the installations shall be.
        standing: what has become of it.
        counts: how far it is.
        passed_over: selected ones that never became members, among the skipped ones.
        paused: it starts no further ones.
        max_concurrent: how many may run at once, by number or percentage.
        started: when it began.
        ended: when it was through.
        created: when it was asked for.
        reason: of the condition that tells most.
        message: the same, for the person.
        failures: the most recent ones, as its status holds them.
        skips: the same.
        wave: the one that runs, from 1, and how many there are; 0 before it is known.
        budget_left: how many more may fail; None when it is not known.
        per_minute: how many come to their end a minute, as the controller tells.
        until: when all will have ended at that rate.
        next_command: what to run when only a person can help.
    """

    name: str
    desired: str = ""
    standing: Standing = Standing.RUNNING
    counts: Counts = field(default_factory=Counts)
    passed_over: int = 0
    paused: bool = False
    max_concurrent: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    created: str = ""
    reason: str = ""
    message: str = ""
    failures: tuple[Notice, ...] = ()
    skips: tuple[Notice, ...] = ()
    wave: tuple[int, int] = (0, 0)
    budget_left: int | None = None
    per_minute: str = ""
    until: datetime | None = None
    next_command: str = ""

    @property
    def enlisted(self) -> int:
        """How many became members of it."""
        return self.counts.selected - self.passed_over

    @property
    def held(self) -> str:
        """Why no further one is started though some wait; empty while all goes on."""
        if self.standing.ended or not self.started:
            return ""
        if self.paused:
            return "paused: no further ones are started"
        return self.message

    @property
    def exit(self) -> Exit:
        """1 when something failed, else 2 while it runs, 3 when some were skipped, or 0."""
        if not self.standing.ended:
            return Exit.FAILED if self.counts.failed else Exit.UNFINISHED
        if self.standing is Standing.SUCCEEDED:
            return Exit.DONE
        return Exit.FAILED if self.standing is Standing.FAILED else Exit.REFUSED


def fleet_of(obj: JsonObject) -> Fleet:
    """Read a FleetMigration."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    summary = condition_status(obj, Condition.SUCCEEDED) or {}
    return Fleet(
        name=name_of(obj),
        desired=str(spec.get("desiredKind") or ""),
        standing=_standing(obj),
        counts=Counts(**{key: int(status.get("counts", {}).get(key) or 0) for key in _COUNTED}),
        passed_over=int(status.get("passedOver") or 0),
        paused=bool(spec.get("paused")),
        max_concurrent=str(spec.get("maxConcurrent") or ""),
        started=parse_time(status.get("startTime")),
        ended=parse_time(status.get("completionTime")),
        created=str(obj["metadata"].get("creationTimestamp") or ""),
        reason=str(summary.get("reason") or ""),
        message=str(summary.get("message") or ""),
        failures=_notices(status.get("recentFailures")),
        skips=_notices(status.get("recentSkips")),
        wave=(int(status.get("currentWave") or 0), int(status.get("wavesTotal") or 0)),
        budget_left=status.get("failureBudgetLeft"),
        per_minute=str(status.get("ratePerMinute") or ""),
        until=parse_time(status.get("estimatedCompletionTime")),
        next_command=str(status.get("nextCommand") or ""),
    )


_COUNTED = ("selected", "waiting", "running", "succeeded", "failed", "skipped")


def _notices(entries: Iterable[Mapping[str, Any]] | None) -> tuple[Notice, ...]:
    return tuple(
        Notice(
            f"{entry['namespace']}/{entry['name']}",
            str(entry.get("reason") or ""),
            str(entry.get("message") or ""),
            str(entry.get("nextCommand") or ""),
        )
        for entry in entries or ()
    )


def _standing(obj: JsonObject) -> Standing:
    if not fleet_over(obj):
        return Standing.RUNNING if obj.get("status") else Standing.WAITING
    match condition_status(obj, Condition.SUCCEEDED):
        case {"status": "True"}:
            return Standing.SUCCEEDED
        case {"reason": Reason.NOTHING_SELECTED | Reason.MEMBERS_SKIPPED}:
            return Standing.REFUSED
        case _:
            return Standing.FAILED


def left(fleet: Fleet, moved: Mapping[str, int], remaining: int) -> Iterator[tuple[str, str]]:
    """Where the installations of a fleet are that are not in it any more, and how to see them.

    Args:
        fleet: the FleetMigration.
        moved: by the name of a later one, how many of them that has.
        remaining: how many are in it still.

    Yields:
        What to say, and the arguments that show them.
    """
    for name, found in moved.items():
        # What has been installed since, its selector takes as well, and it never had.
        number = min(found, fleet.enlisted - remaining)
        verb = "is" if number == 1 else "are"
        told = f"{number} of its {fleet.enlisted} installations {verb} in FleetMigration {name} now"
        yield told, f"--fleet {name}"
    if not (moved or remaining) and fleet.enlisted:
        yield f"none of its {fleet.enlisted} installations is in a FleetMigration any more", "--all"


def counted(members: Iterable[Member]) -> Counts:
    """The counts of some installations by their own standing, before a fleet's status says it."""
    standings = [member.standing for member in members]
    waiting, running = standings.count(Standing.WAITING), standings.count(Standing.RUNNING)
    succeeded = standings.count(Standing.SUCCEEDED)
    skipped = standings.count(Standing.REFUSED) + standings.count(Standing.REVERTED)
    return Counts(
        selected=len(standings),
        waiting=waiting,
        running=running,
        succeeded=succeeded,
        failed=len(standings) - waiting - running - succeeded - skipped,
        skipped=skipped,
    )
