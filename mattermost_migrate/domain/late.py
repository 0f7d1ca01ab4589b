"""What arrives when a migration has turned round, or is over: it is taken back."""

from __future__ import annotations

from mattermost_migrate.domain import freeze
from mattermost_migrate.domain.holding import is_held
from mattermost_migrate.domain.objects import JsonObject, leaving, uid_of
from mattermost_migrate.domain.originals import role
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Act, Verdict, Wait
from mattermost_migrate.domain.writes import orphan

__all__ = ["remove_late", "thaw_late"]


def remove_late(seen: Snapshot) -> Verdict | None:
    """Remove a custom resource that is held and that no migration will let go.

    Its creation arrived late, or the migration turned round between its creation and the second
    write. While a migration runs that is the one of the giving side, whatever else there is; after
    and before, any.
    """
    late = _late(seen)
    if late is None:
        return None
    where = f"{late['kind']} {seen.name}"
    if leaving(late):
        return Wait(f"{where}: others' finalizers have yet to finish")
    removal = orphan(freeze.resource_of(late), late)
    return Act(f"Removed {where}, which was never let go", (removal,))


def _late(seen: Snapshot) -> JsonObject | None:
    if seen.lock:
        return seen.source if seen.source is not None and is_held(seen.source) else None
    both = [each for each in (seen.source, seen.target) if each is not None]
    held = next(filter(is_held, both), None)
    return held if len(both) > 1 else None  # the only one there is, is for a person to judge


def thaw_late(seen: Snapshot) -> Act | None:
    """Thaw the only custom resource there is, where a freeze arrived when all was over.

    Turned round before it, nothing need have been written to what it is meant for, so its version
    lets it pass. What was frozen before the migration is its owner's business.
    """
    owner, side = (seen.target, seen.taking) if seen.target else (seen.source, seen.giving)
    saved = seen.backup.get(role(side)) if seen.backup else None
    if seen.lock or owner is None or saved is None or (seen.source and seen.target):
        return None
    same = saved["metadata"].get("uid") == uid_of(owner)
    if not same or not freeze.frozen(owner) or is_held(owner) or freeze.frozen(saved):
        return None
    return Act(
        f"Thawed {owner['kind']} {seen.name}: its freeze came when all was over",
        (freeze.thaw(owner, saved),),
    )
