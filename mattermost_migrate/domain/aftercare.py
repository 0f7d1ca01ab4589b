"""What may be asked of a migration that has succeeded: to unpin its pods, to drop the way back.

Both are fields of the spec, each reported by a condition of its own. A problem with one of them is
told there and nowhere else: the migration itself has succeeded all the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final

from mattermost_migrate.domain.backup import backup_name
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.names import MATTERMOST, SECRET, Condition, Reason
from mattermost_migrate.domain.objects import JsonObject, annotations_of
from mattermost_migrate.domain.pin import is_pinned, outlived, unpin
from mattermost_migrate.domain.reported import condition_status, failure_of
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Act, Decision, Look, Part, Refuse, Step, Verdict, Wait
from mattermost_migrate.domain.writes import Outcome, Verb, Write, fence, patch

__all__ = ["care", "neglected"]

_PINNED_GENERATION: Final = "pinnedGeneration"


def care(seen: Snapshot, arrived: Decision) -> Decision:
    """What to do next once a migration is done: the same decision where nothing is.

    Args:
        seen: the installation, which the kind that was wanted owns.
        arrived: the decision that says so.
    """
    if not seen.arrived or failure_of(seen.migration):
        return arrived
    after: list[tuple[Condition, Refuse | None]] = []
    for step in _asked(seen.migration):
        match step.next(seen):
            case None:
                after.append((step.condition, None))
            case Refuse() as refusal:
                after.append((step.condition, refusal))
            case Act() | Look() | Wait() as verdict:
                return dataclasses.replace(arrived, verdict=verdict, current=step.condition)
    if more := drop_outlived_pin(seen):
        return dataclasses.replace(arrived, verdict=more, current=Condition.UNPINNED)
    return dataclasses.replace(arrived, after=tuple(after))


def neglected(migration: JsonObject, target: JsonObject | None) -> bool:
    """Whether a migration that succeeded is to be looked at again, for what ``care`` would do."""
    if target is None or target["kind"] != MATTERMOST.kind or not is_pinned(target):
        return False
    if not migration["spec"].get("pinPodTemplate", True):
        refused = condition_status(migration, Condition.UNPINNED)
        return refused is None or refused["status"] != "True"
    return _edited(migration, target)


def _asked(migration: JsonObject) -> Iterator[Step]:
    spec = migration["spec"]
    if not spec.get("pinPodTemplate", True):
        yield Step(Condition.UNPINNED, unpin_pods)
    if spec.get("finalize"):
        yield Step(Condition.FINALIZED, finalize)


def unpin_pods(seen: Snapshot) -> Verdict | None:
    """Take exactly our pin off the Mattermost, in one write; one rolling update follows."""
    target = seen.target
    if target is None or target["kind"] != MATTERMOST.kind or not is_pinned(target):
        return None
    try:
        write = _without_pin(target)
    except RefusedError as refused:
        return Refuse(
            Reason.NOT_UNPINNABLE,
            f"Mattermost {seen.namespace}/{seen.name}: {refused}",
            f"kubectl -n {seen.namespace} edit mattermost {seen.name}",
        )
    return Act(f"Took the pin off Mattermost {seen.name}: its pods are rolled once", (write,))


def drop_outlived_pin(seen: Snapshot) -> Act | Look | None:
    """Unpin once an edit would have rolled the pods anyway, and the pin hides what was asked for.

    Where the mutating webhook is at work it has done so within the edit itself.
    """
    target = seen.target
    pinned = seen.migration["spec"].get("pinPodTemplate", True)
    if target is None or not (pinned and neglected(seen.migration, target)):
        return None
    if seen.existing is None:
        return Look(Part.EXISTING)
    try:
        if not outlived(target, seen.existing):
            return None
        write = _without_pin(target)
    except RefusedError:
        return None  # it generates no pods, or its pin was edited: nothing of ours to take back
    return Act(
        f"Took the pin off Mattermost {seen.name}: an edit changed what its pods are made of",
        (write,),
    )


def _without_pin(mattermost: JsonObject) -> Write:
    """A merge patch from the pinned Mattermost to the one without; a user's own patch stays."""
    bare = unpin(mattermost)
    gone = annotations_of(mattermost).keys() - annotations_of(bare).keys()
    metadata = {**fence(mattermost), "annotations": dict.fromkeys(gone)}
    left: dict[str, Any] | None = bare["spec"].get("resourcePatch")
    changed = left and {"deployment": left.get("deployment")}
    body = {"metadata": metadata, "spec": {"resourcePatch": changed}}
    return patch(MATTERMOST, str(mattermost["metadata"]["name"]), body)


def finalize(seen: Snapshot) -> Verdict | None:
    """Remove the backup: from here on there is no way back."""
    if seen.backup is None:
        return None
    write = Write(
        Verb.DELETE,
        SECRET,
        backup_name(seen.name),
        resource_version=seen.backup.resource_version,
        tolerate=frozenset({Outcome.NOT_FOUND}),
    )
    return Act(f"Removed the backup of {seen.name}: there is no way back", (write,))


def _edited(migration: JsonObject, target: JsonObject) -> bool:
    """Whether the Mattermost moved on since its pin was last found in order."""
    recorded = (migration.get("status") or {}).get(_PINNED_GENERATION)
    return recorded is not None and recorded != target["metadata"].get("generation")
