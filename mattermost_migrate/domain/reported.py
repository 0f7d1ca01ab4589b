"""What the status of our own objects says, for who only reads it.

Apart from what computes it, because ``status`` of the command line must answer at once, and the
ladder takes longer to load than to ask the cluster.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mattermost_migrate.domain.backup import same_content
from mattermost_migrate.domain.membership import Enlistment
from mattermost_migrate.domain.names import (
    LOCK_LABEL,
    RECREATE_ANNOTATION,
    Condition,
    Lock,
    Strategy,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of, labels_of

__all__ = [
    "condition_status",
    "edited",
    "failure_of",
    "finished",
    "fleet_over",
    "lock_of",
    "parse_time",
    "reworded",
    "strategy_of",
]


def parse_time(text: str) -> datetime:
    """The moment that ``timestamp`` wrote down."""
    return datetime.fromisoformat(text)


def lock_of(migration: JsonObject) -> Lock | None:
    """The edit lock that an InstallationMigration holds, or None.

    A value that a later version may bring still means that somebody holds it.
    """
    held = labels_of(migration).get(LOCK_LABEL)
    if held is None:
        return None
    return Lock.HANDOVER if held == Lock.HANDOVER else Lock.FROZEN


def condition_status(obj: JsonObject, kind: str) -> JsonObject | None:
    """The condition of that type in ``status.conditions``, if there is one."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == kind), None)


def finished(migration: JsonObject) -> bool:
    """Whether it came to an end, or was refused, for the spec as it is now."""
    summary = condition_status(migration, Condition.SUCCEEDED)
    generation = migration["metadata"].get("generation")
    if summary is None or summary.get("observedGeneration") != generation:
        return False
    if summary["status"] == "True":
        return True
    stalled = condition_status(migration, Condition.STALLED)
    return stalled is not None and stalled["status"] == "True"


def fleet_over(fleet: JsonObject) -> bool:
    """Whether nothing more happens in this fleet, for the spec as it is."""
    summary = condition_status(fleet, Condition.SUCCEEDED)
    return (
        summary is not None
        and summary["status"] != "Unknown"
        and summary.get("observedGeneration") == fleet["metadata"].get("generation")
    )


def failure_of(migration: JsonObject) -> JsonObject | None:
    """Why the migration to the kind it wants was given up, for the spec as it is; else None.

    Returns:
        ``status.failure`` with ``reason`` and ``message``. It is recorded because it cannot be
        observed again: from here on the ladder leads back.
    """
    failure: JsonObject | None = (migration.get("status") or {}).get("failure")
    generation = migration["metadata"].get("generation")
    return failure if failure and failure.get("observedGeneration") == generation else None


def edited(migration: JsonObject) -> bool:
    """Whether another hand has set the wanted kind since its fleet did."""
    known = Enlistment.read(migration)
    return known is not None and known.edited(migration)


def strategy_of(migration: JsonObject) -> Strategy:
    """How the pods come to the kind that is wanted.

    A migration under way is finished, or undone, by the strategy it was begun with, whatever its
    spec says by now.
    """
    if LOCK_LABEL in labels_of(migration):
        begun = RECREATE_ANNOTATION in annotations_of(migration)
        return Strategy.RECREATE if begun else Strategy.ADOPT
    return Strategy(migration["spec"].get("strategy", Strategy.ADOPT))


def reworded(before: JsonObject, after: JsonObject) -> bool:
    """Whether an update but tells in other words what was told before.

    The words of an API server may be others each time, as where they name a port.
    """
    same = same_content(before, after) and _without_words(before) == _without_words(after)
    return same and before["metadata"].get("generation") == after["metadata"].get("generation")


def _without_words(obj: JsonObject) -> dict[str, Any]:
    status = obj.get("status") or {}
    conditions = [{**each, "message": ""} for each in status.get("conditions") or ()]
    return {**status, "conditions": conditions, "apiWrites": 0}
