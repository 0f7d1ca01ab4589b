"""A fleet: which installations it selects, how its members stand, and which may start now."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from mattermost_migrate.domain.conditions import (
    condition,
    condition_status,
    finished,
    merge_conditions,
    micro_timestamp,
)
from mattermost_migrate.domain.names import (
    FLEET_LABEL,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    Condition,
    Reason,
)
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of, namespace_of

__all__ = [
    "Member",
    "Skip",
    "Standing",
    "fleet_over",
    "fleet_status",
    "limit",
    "member_of",
    "new_member",
    "selects",
    "startable",
]

#: How many failures and skips a status lists; all are counted.
_MOST_LISTED: Final = 20
#: What a member takes from its fleet's spec.
_INHERITED: Final = (
    "desiredKind",
    "strategy",
    "pinPodTemplate",
    "progressDeadlineSeconds",
    "onFailure",
    "discardEdits",
)


class Standing(StrEnum):
    """How a member stands; the five add up to what was selected."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Member:
    """One InstallationMigration of a fleet, and why it stands as it does."""

    namespace: str
    name: str
    standing: Standing
    reason: str = ""
    message: str = ""
    next_command: str = ""


@dataclass(frozen=True, slots=True)
class Skip:
    """An installation that was selected and cannot become a member, with the reason."""

    namespace: str
    name: str
    reason: str
    message: str


def selects(selector: JsonObject, installation: JsonObject) -> bool:
    """Whether the selector of a FleetMigration takes this installation: each term given holds."""
    namespaces, wanted = selector.get("namespaces"), selector.get("matchLabels") or {}
    named = selector.get("installations")
    where = {"namespace": namespace_of(installation), "name": name_of(installation)}
    labels = labels_of(installation)
    return (
        (not namespaces or where["namespace"] in namespaces)
        and (not named or where in named)
        and all(labels.get(key) == value for key, value in wanted.items())
        and bool(namespaces or named or wanted or selector.get("all"))
    )


def new_member(fleet: JsonObject, installation: JsonObject) -> dict[str, Any]:
    """The InstallationMigration of a selected installation; it waits until its fleet starts it."""
    spec = {key: fleet["spec"][key] for key in _INHERITED if key in fleet["spec"]}
    return {
        "apiVersion": INSTALLATION_MIGRATION.api_version,
        "kind": INSTALLATION_MIGRATION.kind,
        "metadata": {
            "name": name_of(installation),
            "namespace": namespace_of(installation),
            "labels": {FLEET_LABEL: name_of(fleet)},
        },
        "spec": {**spec, "paused": True},
    }


def member_of(migration: JsonObject) -> Member:
    """How an InstallationMigration stands as a member of its fleet."""
    summary = condition_status(migration, Condition.SUCCEEDED)
    status = migration.get("status") or {}
    standing = Standing.RUNNING
    if finished(migration) and summary is not None:
        # Refused before its first write, nothing was started and nothing has to be looked after.
        refused = Standing.FAILED if status.get("startTime") else Standing.SKIPPED
        standing = Standing.SUCCEEDED if summary["status"] == "True" else refused
    elif migration["spec"].get("paused") and LOCK_LABEL not in labels_of(migration):
        standing = Standing.WAITING
    return Member(
        namespace_of(migration),
        name_of(migration),
        standing,
        str((summary or {}).get("reason", "")),
        str((summary or {}).get("message", "")),
        str(status.get("nextCommand", "")),
    )


def limit(value: int | str, selected: int) -> int:
    """How many ``maxConcurrent`` is: a percentage of the selected is rounded up, at least 1."""
    if isinstance(value, int):
        return value
    return max(1, math.ceil(selected * int(value.removesuffix("%")) / 100))


def startable(fleet: JsonObject, members: Sequence[Member], selected: int) -> tuple[Member, ...]:
    """The members to start now, in the order of their names; never more than the limit lets run."""
    if fleet["spec"].get("paused"):
        return ()
    running = sum(member.standing is Standing.RUNNING for member in members)
    room = max(0, limit(fleet["spec"].get("maxConcurrent", 15), selected) - running)
    waiting = (member for member in members if member.standing is Standing.WAITING)
    return tuple(sorted(waiting, key=lambda member: (member.namespace, member.name))[:room])


def fleet_over(fleet: JsonObject) -> bool:
    """Whether every member has come to its end, for the spec as it is."""
    summary = condition_status(fleet, Condition.SUCCEEDED)
    return (
        summary is not None
        and summary["status"] != "Unknown"
        and summary.get("observedGeneration") == fleet["metadata"].get("generation")
    )


def fleet_status(
    fleet: JsonObject, members: Sequence[Member], skips: Iterable[Skip], now: datetime
) -> dict[str, Any]:
    """The whole status of a fleet whose targets are selected.

    Args:
        fleet: the FleetMigration.
        members: all of them.
        skips: selected installations that could not become members; none after the selection,
            when the status already tells of them.
        now: the time.
    """
    previous: Mapping[str, Any] = fleet.get("status") or {}
    fresh = [_entry(skip) for skip in skips]
    passed_over = int(previous.get("passedOver", 0)) + len(fresh)
    counted = Counter(member.standing for member in members)
    counts = {str(standing): counted.get(standing, 0) for standing in Standing}
    counts[Standing.SKIPPED] += passed_over
    counts["selected"] = sum(counts.values())
    summary = _summary(fleet, counts)
    over = summary[0]["status"] != "Unknown"
    status: dict[str, Any] = {
        "observedGeneration": int(fleet["metadata"].get("generation", 0)),
        "startTime": previous.get("startTime") or micro_timestamp(now),
        "passedOver": passed_over,
        "counts": counts,
        "recentFailures": _listed(members, Standing.FAILED),
        "recentSkips": [
            *_previous_skips(previous, members),
            *fresh,
            *_listed(members, Standing.SKIPPED),
        ][:_MOST_LISTED],
        "conditions": merge_conditions(
            previous.get("conditions") or (),
            [*summary, condition(Condition.TARGETS_SELECTED, "True", "Selected", "")],
            generation=int(fleet["metadata"].get("generation", 0)),
            now=now,
        ),
    }
    if over:
        status["completionTime"] = previous.get("completionTime") or micro_timestamp(now)
    return status


def _entry(skip: Skip) -> dict[str, str]:
    """A skip as the status lists it."""
    return {
        "namespace": skip.namespace,
        "name": skip.name,
        "reason": skip.reason,
        "message": skip.message,
    }


def _previous_skips(previous: Mapping[str, Any], members: Sequence[Member]) -> list[Any]:
    """What was passed over at the selection; skipped members are listed from how they stand."""
    own = {(member.namespace, member.name) for member in members}
    return [
        skip
        for skip in previous.get("recentSkips") or ()
        if (skip["namespace"], skip["name"]) not in own
    ]


def _listed(members: Sequence[Member], standing: Standing) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = []
    for member in members:
        if member.standing is standing and len(listed) < _MOST_LISTED:
            entry = {
                "namespace": member.namespace,
                "name": member.name,
                "reason": member.reason,
                "message": member.message,
            }
            if member.next_command and standing is Standing.FAILED:
                entry["nextCommand"] = member.next_command
            listed.append(entry)
    return listed


def _summary(fleet: JsonObject, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Succeeded only when each selected one is: a fleet of nothing did not succeed at anything."""
    if counts["selected"] == 0:
        message = "no installation of the other kind is selected: nothing was done"
        return [condition(Condition.SUCCEEDED, "False", Reason.NOTHING_SELECTED, message)]
    if counts[Standing.WAITING] + counts[Standing.RUNNING]:
        paused = bool(fleet["spec"].get("paused"))
        reason = Reason.PAUSED if paused else Reason.PROGRESSING
        message = "starts no further ones" if paused else ""
        return [
            condition(Condition.SUCCEEDED, "Unknown", reason, message),
            condition(Condition.RECONCILING, "True", reason, message),
        ]
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
