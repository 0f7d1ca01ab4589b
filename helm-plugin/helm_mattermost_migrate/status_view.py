"""What ``status`` prints, from what was read; pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import Any

from helm_mattermost_migrate.documented import program_name
from helm_mattermost_migrate.durations import age, brief, rfc3339
from helm_mattermost_migrate.errors import Exit
from helm_mattermost_migrate.fleets import Fleet
from helm_mattermost_migrate.members import Member, Standing
from helm_mattermost_migrate.selection import Key
from helm_mattermost_migrate.tables import table
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION
from mattermost_migrate.domain.wording import shortened

__all__ = [
    "exit_code",
    "fleet_table",
    "member_table",
    "structured",
    "troubles",
    "waiting_for_nobody",
]

_MOST_NAMED = 3
_HEADER = ("NAMESPACE", "NAME", "KIND", "STATE", "MIGRATION", "STEP", "TIME", "AGE")
_WIDE = ("VERSION", "REPLICAS", "WRITES", "FLEET", "MESSAGE")
_FLEET_HEADER = (
    "FLEET",
    "DESIRED",
    "STATE",
    "SELECTED",
    "WAITING",
    "RUNNING",
    "SUCCEEDED",
    "FAILED",
    "SKIPPED",
    "TIME",
    "AGE",
)


def member_table(members: Iterable[Member], now: datetime, *, wide: bool = False) -> str:
    """One row an installation.

    Args:
        members: the installations.
        now: to tell ages by.
        wide: more columns.
    """
    rows = [_row(member, now, wide=wide) for member in members]
    return table((*_HEADER, *_WIDE) if wide else _HEADER, rows)


def _row(member: Member, now: datetime, *, wide: bool) -> Sequence[object]:
    seconds = member.seconds(now)
    row = (
        *member.key,
        "+".join(member.kinds),
        member.state,
        "" if member.standing is Standing.NONE else member.standing,
        member.rung,
        "" if seconds is None else brief(seconds),
        age(member.created, now),
    )
    if not wide:
        return row
    return (*row, member.version, member.replicas, member.writes, member.fleet, member.message)


def fleet_table(fleets: Iterable[Fleet], now: datetime) -> str:
    """One row a FleetMigration, the newest first."""
    ordered = sorted(fleets, key=lambda fleet: fleet.created, reverse=True)
    return table(_FLEET_HEADER, [_fleet_row(fleet, now) for fleet in ordered])


def _fleet_row(fleet: Fleet, now: datetime) -> Sequence[object]:
    counts = fleet.counts
    took = ((fleet.ended or now) - fleet.started).total_seconds() if fleet.started else None
    state = "paused" if fleet.paused and not fleet.standing.ended else str(fleet.standing)
    return (
        fleet.name,
        fleet.desired,
        state,
        counts.selected,
        counts.waiting,
        counts.running,
        counts.succeeded,
        counts.failed,
        counts.skipped,
        "" if took is None else brief(took),
        age(fleet.created, now),
    )


def troubles(members: Iterable[Member]) -> tuple[str, ...]:
    """For each installation that did not end as asked: what, which, why, and what to run next."""
    lines: list[str] = []
    for member in members:
        if member.standing.bad:
            lines.append(f"{member.path}: {member.standing}: {member.message or member.reason}")
            if member.next_command:
                lines.append(f"  Next: {member.next_command}")
    return tuple(lines)


def waiting_for_nobody(members: Iterable[Member], keys: Container[Key]) -> tuple[str, ...]:
    """What to say of those that wait for a FleetMigration that is over or gone, and what to run."""
    waiting = [member for member in members if member.key in keys]
    if not waiting:
        return ()
    paths = [member.path for member in waiting]
    back = all(member.desired == CLUSTER_INSTALLATION.kind for member in waiting)
    told = shortened(paths, _MOST_NAMED)
    return (
        f"{told}: waiting for a FleetMigration that is over or gone, which will not start it",
        f"  Next: {program_name()} {'revert' if back else 'run'} {' '.join(paths[:_MOST_NAMED])}",
    )


def exit_code(members: Iterable[Member]) -> Exit:
    """1 when something failed, else 2 while one is under way, else 3 when one was refused, or 0."""
    standings = {member.standing for member in members}
    if standings & {Standing.FAILED, Standing.ROLLED_BACK}:
        return Exit.FAILED
    if not all(standing.ended for standing in standings):
        return Exit.UNFINISHED
    return Exit.REFUSED if any(standing.bad for standing in standings) else Exit.DONE


def structured(members: Iterable[Member], fleets: Iterable[Fleet]) -> dict[str, Any]:
    """The same for machines; the names of the fields are an interface."""
    return {
        "installations": [_structured_member(member) for member in members],
        "fleets": [_structured_fleet(fleet) for fleet in fleets],
    }


def _structured_member(member: Member) -> dict[str, Any]:
    return {
        "namespace": member.key[0],
        "name": member.key[1],
        "kinds": list(member.kinds),
        "state": member.state,
        "version": member.version,
        "replicas": member.replicas,
        "desiredKind": member.desired or None,
        "migration": member.standing.word,
        "step": member.step or None,
        "startTime": rfc3339(member.started),
        "completionTime": rfc3339(member.ended),
        "reason": member.reason,
        "message": member.message,
        "nextCommand": member.next_command,
        "apiWrites": member.writes,
        "fleet": member.fleet or None,
    }


def _structured_fleet(fleet: Fleet) -> dict[str, Any]:
    counts = fleet.counts
    return {
        "name": fleet.name,
        "desiredKind": fleet.desired,
        "state": fleet.standing.word,
        "paused": fleet.paused,
        "maxConcurrent": fleet.max_concurrent,
        "counts": {
            "selected": counts.selected,
            "waiting": counts.waiting,
            "running": counts.running,
            "succeeded": counts.succeeded,
            "failed": counts.failed,
            "skipped": counts.skipped,
        },
        "startTime": rfc3339(fleet.started),
        "completionTime": rfc3339(fleet.ended),
        "reason": fleet.reason,
        "message": fleet.message,
    }
