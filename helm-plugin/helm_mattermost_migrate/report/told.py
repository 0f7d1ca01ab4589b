"""A record in words and plain values: what the page, Markdown and JSON have in common; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from helm_mattermost_migrate.durations import brief, rfc3339
from helm_mattermost_migrate.fleets import Fleet
from helm_mattermost_migrate.members import Standing
from helm_mattermost_migrate.report.figures import (
    Headline,
    headline,
    histogram,
    step_figures,
    took_seconds,
)
from helm_mattermost_migrate.report.record import Entry, Record
from mattermost_migrate.domain.names import MATTERMOST

__all__ = ["figures_told", "fleet_seconds", "moment", "structured", "troubles_told", "verdict"]


def moment(when: datetime | None) -> str:
    """``2026-11-28 16:05:01Z``; an empty text for None."""
    return f"{when:%Y-%m-%d %H:%M:%SZ}" if when else ""


def verdict(record: Record) -> str:
    """The whole in one sentence."""
    counted = headline(record).counted
    total = len(record.entries)
    if not total:
        return "No installation has been migrated yet."
    open_ones = counted.get(Standing.RUNNING, 0) + counted.get(Standing.WAITING, 0)
    bad = sum(number for standing, number in counted.items() if standing.bad)
    if open_ones:
        return f"{open_ones} of {total} migrations have not ended yet."
    if bad:
        return f"{bad} of {total} migrations did not succeed."
    return f"All {total} migrations succeeded." if total > 1 else "The migration succeeded."


def figures_told(record: Record) -> Iterator[tuple[str, str, str]]:
    """The figures to know first: name, value, and what it means."""
    head = headline(record)
    counted, total = head.counted, len(record.entries)
    yield "Succeeded", f"{counted.get(Standing.SUCCEEDED, 0):,}", f"of {total:,} migrations"
    bad = {each: number for each, number in counted.items() if each.bad and number}
    told = ", ".join(f"{number} {each}" for each, number in bad.items())
    yield "Not succeeded", f"{sum(bad.values()):,}", told or "none failed, none was refused"
    if left := counted.get(Standing.RUNNING, 0) + counted.get(Standing.WAITING, 0):
        yield "Not ended", f"{left:,}", f"{counted.get(Standing.RUNNING, 0)} under way"
    if head.wall is not None:
        yield "From first to last", brief(head.wall), _rate(head)
    if head.median is not None and head.slow is not None and head.longest is not None:
        yield (
            "One migration",
            brief(head.median),
            f"median; 95 % within {brief(head.slow)}, longest {brief(head.longest)}",
        )
    if head.writes is not None:
        yield "API writes", f"{head.writes:.1f}", "for one migration, on average"


def _rate(head: Headline) -> str:
    if not head.rate:
        return ""
    return f"{head.rate:.1f} a second" if head.rate >= 1 else f"{head.rate * 60:.1f} a minute"


def troubles_told(record: Record) -> tuple[tuple[str, tuple[Entry, ...]], ...]:
    """What did not succeed, by reason, the most frequent first."""
    bad = [entry for entry in record.entries if entry.member.standing.bad]
    reasons = Counter(entry.member.reason or "Unknown" for entry in bad)
    return tuple(
        (reason, tuple(each for each in bad if (each.member.reason or "Unknown") == reason))
        for reason, _ in reasons.most_common()
    )


def fleet_seconds(fleet: Fleet, now: datetime) -> float | None:
    """How long a fleet took, or has taken so far."""
    return ((fleet.ended or now) - fleet.started).total_seconds() if fleet.started else None


def structured(record: Record) -> dict[str, Any]:
    """The record for machines; the names of the fields are an interface."""
    head = headline(record)
    return {
        "scope": record.scope,
        "time": rfc3339(record.made),
        "verdict": verdict(record),
        "environment": dict(record.environment),
        "counts": {
            "installations": len(record.entries) + record.untouched,
            **{_field(each): head.counted.get(each, 0) for each in Standing},
        },
        "figures": {
            "startTime": rfc3339(head.began),
            "completionTime": rfc3339(head.ended),
            "seconds": head.wall,
            "medianSeconds": head.median,
            "p95Seconds": head.slow,
            "longestSeconds": head.longest,
            "succeededPerSecond": head.rate,
            "apiWrites": head.writes,
        },
        "durations": [
            {"fromSeconds": each.low, "toSeconds": each.high, "count": each.count}
            for each in histogram(took_seconds(record.entries))
        ],
        "steps": [
            {
                "type": each.step,
                "count": each.count,
                "medianSeconds": each.median,
                "p95Seconds": each.slow,
                "longestSeconds": each.longest,
                "share": each.share,
            }
            for each in step_figures(record)
        ],
        "fleets": [_structured_fleet(fleet, record.made) for fleet in record.fleets],
        "waves": [
            {
                "fleet": each.fleet,
                "name": each.name,
                "members": each.members,
                "succeeded": each.succeeded,
                "failed": each.failed,
                "startTime": rfc3339(each.began),
                "completionTime": rfc3339(each.ended),
                "seconds": each.seconds,
            }
            for each in record.waves
        ],
        "installations": [_structured_entry(entry, record.made) for entry in record.entries],
    }


def _structured_fleet(fleet: Fleet, now: datetime) -> dict[str, Any]:
    return {
        "name": fleet.name,
        "desiredKind": fleet.desired,
        "state": fleet.standing.word,
        "startTime": rfc3339(fleet.started),
        "completionTime": rfc3339(fleet.ended),
        "seconds": fleet_seconds(fleet, now),
        "selected": fleet.counts.selected,
        "succeeded": fleet.counts.succeeded,
        "failed": fleet.counts.failed,
        "skipped": fleet.counts.skipped,
        "message": fleet.message,
    }


def _structured_entry(entry: Entry, now: datetime) -> dict[str, Any]:
    member = entry.member
    return {
        "namespace": member.key[0],
        "name": member.key[1],
        "fleet": member.fleet or None,
        "desiredKind": member.desired,
        "result": member.standing.word,
        "strategy": entry.strategy,
        "pinned": entry.pinned and member.desired == MATTERMOST.kind,
        "startTime": rfc3339(member.started),
        "completionTime": rfc3339(member.ended),
        "seconds": member.seconds(now),
        "apiWrites": member.writes,
        "reason": member.reason,
        "message": member.message,
        "nextCommand": member.next_command,
        "steps": [
            {"type": stay.step, "startTime": rfc3339(stay.began), "seconds": stay.seconds(now)}
            for stay in entry.stays
        ],
        "changes": list(entry.changes()),
        "warnings": [{"field": field, "message": text} for field, text in entry.warnings],
    }


def _field(standing: Standing) -> str:
    return standing.word[0].lower() + standing.word[1:]
