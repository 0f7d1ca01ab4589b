"""The status of a fleet: counts that always add up, where it is, and what a person may do."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from mattermost_migrate.domain.conditions import (
    condition,
    merge_conditions,
    micro_timestamp,
    timestamp,
)
from mattermost_migrate.domain.fleet.budget import budget_left
from mattermost_migrate.domain.fleet.hold import Hold
from mattermost_migrate.domain.fleet.pace import pace_of
from mattermost_migrate.domain.fleet.roster import Roster
from mattermost_migrate.domain.fleet.standing import Member, Skip, Standing
from mattermost_migrate.domain.fleet.starting import Outlook
from mattermost_migrate.domain.names import Condition, Reason
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.reported import fleet_over

__all__ = ["Tally", "fleet_over", "fleet_status", "stalled_conditions", "tally_of"]

#: How many failures and skips a status lists; all are counted.
_MOST_LISTED: Final = 20
#: What keeps a fleet from going on until somebody has mended it.
_STALLING: Final = frozenset(
    {
        Reason.INVALID_SPEC,
        Reason.MEMBERS_HELD,
        Reason.REJECTED,
        Reason.FORBIDDEN,
        Reason.UNAVAILABLE,
    }
)
_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many were selected, and how many of those are no members.

    Attributes:
        selected: frozen with the targets.
        passed_over: never became members, because another migration has them.
    """

    selected: int
    passed_over: int

    def departed(self, roster: Roster) -> int:
        """How many were members and are no longer."""
        return max(0, self.selected - self.passed_over - len(roster))


def tally_of(fleet: JsonObject, roster: Roster, *, passed_over: int = 0) -> Tally:
    """The tally as the status has it, or a new one when the targets were just frozen.

    Args:
        fleet: the FleetMigration.
        roster: its members.
        passed_over: by the selection that has just been made.
    """
    status: Mapping[str, Any] = fleet.get("status") or {}
    passed_over += int(status.get("passedOver") or 0)
    known = int((status.get("counts") or {}).get("selected") or 0)
    return Tally(max(known, len(roster) + passed_over), passed_over)


def fleet_status(
    fleet: JsonObject,
    roster: Roster,
    outlook: Outlook,
    tally: Tally,
    now: datetime,
    *,
    skips: Iterable[Skip] = (),
) -> dict[str, Any]:
    """The whole status of a fleet whose targets are selected.

    Args:
        fleet: the FleetMigration.
        roster: its members.
        outlook: what the policies said.
        tally: of the selection.
        now: the time.
        skips: to be listed beside those that the status lists already: who was passed over in the
            selection, or has left since.
    """
    previous: Mapping[str, Any] = fleet.get("status") or {}
    generation = int(fleet["metadata"].get("generation", 0))
    counts = _counts(roster, tally)
    summary = _summary(fleet, counts, outlook.hold)
    over = summary[0]["status"] != "Unknown"
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "startTime": previous.get("startTime") or micro_timestamp(now),
        "passedOver": tally.passed_over,
        "counts": counts,
        "currentWave": outlook.wave.number,
        "wavesTotal": len(outlook.waves),
        "failureBudgetLeft": budget_left(fleet, roster, tally.selected),
        "recentFailures": _listed(roster, Standing.FAILED),
        "recentSkips": _skips(previous, roster, skips),
        "conditions": merge_conditions(
            previous.get("conditions") or (),
            [*summary, condition(Condition.TARGETS_SELECTED, "True", "Selected", "")],
            generation=generation,
            now=now,
        ),
        **_prospects(roster, outlook, over=over),
    }
    if over:
        status["completionTime"] = previous.get("completionTime") or micro_timestamp(now)
    return status


def stalled_conditions(
    fleet: JsonObject, reason: Reason, problem: str, now: datetime
) -> list[dict[str, Any]]:
    """The conditions of a fleet that goes no further for now, and that is tried again.

    Args:
        fleet: the FleetMigration.
        reason: why, in a word.
        problem: what a person should know.
        now: the time.
    """
    previous = (fleet.get("status") or {}).get("conditions") or ()
    kept = [each for each in previous if each["type"] == Condition.TARGETS_SELECTED]
    told = [
        condition(Condition.SUCCEEDED, "Unknown", reason, problem),
        condition(Condition.STALLED, "True", reason, problem),
    ]
    generation = int(fleet["metadata"].get("generation", 0))
    return [*merge_conditions(previous, told, generation=generation, now=now), *kept]


def _counts(roster: Roster, tally: Tally) -> dict[str, int]:
    counts = {str(standing): roster.count(standing) for standing in Standing}
    counts[Standing.SKIPPED] += tally.passed_over + tally.departed(roster)
    return {**counts, "selected": sum(counts.values())}


def _prospects(roster: Roster, outlook: Outlook, *, over: bool) -> dict[str, Any]:
    """How fast it goes, until when, and what a person has to do first."""
    hold, told = outlook.hold, {}
    if pace := pace_of(roster, outlook.waves, outlook.wave):
        told["ratePerMinute"] = f"{pace.per_minute:.1f}"
        if not over and (hold is None or hold.reason is Reason.SOAKING):
            told["estimatedCompletionTime"] = timestamp(pace.through)
    if hold and hold.next_command:
        told["nextCommand"] = hold.next_command
    approval = hold.approval if hold else None
    return {**told, "awaitingApproval": approval.wave} if approval else told


def _skips(
    previous: Mapping[str, Any], roster: Roster, skips: Iterable[Skip]
) -> list[dict[str, str]]:
    """Who is no member as it was told before, then those that are, from how they stand."""
    told = [
        each
        for each in previous.get("recentSkips") or ()
        if roster.get((each["namespace"], each["name"])) is None
    ]
    fresh = [_entry(each) for each in skips]
    return [*told, *fresh, *_listed(roster, Standing.SKIPPED)][:_MOST_LISTED]


def _listed(roster: Roster, standing: Standing) -> list[dict[str, str]]:
    """The most recent ones first."""
    recent = heapq.nlargest(
        _MOST_LISTED, roster.having(standing), key=lambda each: each.ended or _LONG_AGO
    )
    return [_entry(each) for each in recent]


def _entry(each: Member | Skip) -> dict[str, str]:
    entry = {
        "namespace": each.namespace,
        "name": each.name,
        "reason": each.reason,
        "message": each.message,
    }
    if isinstance(each, Member) and each.next_command:
        entry["nextCommand"] = each.next_command
    return entry


def _summary(
    fleet: JsonObject, counts: Mapping[str, int], hold: Hold | None
) -> list[dict[str, Any]]:
    """Succeeded only when each selected one is: a fleet of nothing did not succeed at anything."""
    if counts["selected"] == 0:
        kind = fleet["spec"]["desiredKind"]
        message = f"no installation that is not yet a {kind} is selected: nothing was done"
        return [condition(Condition.SUCCEEDED, "False", Reason.NOTHING_SELECTED, message)]
    if counts[Standing.WAITING] + counts[Standing.RUNNING]:
        return _under_way(counts, hold)
    told = ", ".join(
        f"{counts[word]} {word}"
        for word in (Standing.SUCCEEDED, Standing.FAILED, Standing.SKIPPED)
        if counts[word]
    )
    if counts[Standing.FAILED]:
        return [condition(Condition.SUCCEEDED, "False", Reason.MEMBERS_FAILED, told)]
    if counts[Standing.SKIPPED]:
        return [condition(Condition.SUCCEEDED, "False", Reason.MEMBERS_SKIPPED, told)]
    return [condition(Condition.SUCCEEDED, "True", Reason.SUCCEEDED, told)]


def _under_way(counts: Mapping[str, int], hold: Hold | None) -> list[dict[str, Any]]:
    reason, message = (hold.reason, hold.message) if hold else (Reason.PROGRESSING, "")
    if hold and hold.final and not counts[Standing.RUNNING]:
        return [
            condition(Condition.SUCCEEDED, "False", reason, message),
            condition(Condition.STALLED, "True", reason, message),
        ]
    told = [condition(Condition.SUCCEEDED, "Unknown", reason, message)]
    if reason in _STALLING and not counts[Standing.RUNNING]:
        return [*told, condition(Condition.STALLED, "True", reason, message)]
    told.append(condition(Condition.RECONCILING, "True", reason, message))
    if hold and (asked := hold.approval):
        told.append(condition(Condition.AWAITING_APPROVAL, "True", asked.reason, asked.message))
    return told
