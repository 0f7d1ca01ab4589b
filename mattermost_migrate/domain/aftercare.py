"""What may be asked of a migration that has succeeded: to unpin its pods, to drop the way back.

Both are fields of the spec, each reported by a condition of its own. A problem with one of them is
told there and nowhere else: the migration itself has succeeded all the same. So is an error that
came up on the way, as where a policy denies the write.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from types import MappingProxyType
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

__all__ = ["care", "care_unseen", "neglected"]

_PINNED_GENERATION: Final = "pinnedGeneration"
_UNHINDERED: Final[Mapping[Condition, Refuse]] = MappingProxyType({})


def care(
    seen: Snapshot, arrived: Decision, hindered: Mapping[Condition, Refuse] = _UNHINDERED
) -> Decision:
    """What to do next once a migration is done: the same decision where nothing is.

    Args:
        seen: the installation, which the kind that was wanted owns.
        arrived: the decision that says so.
        hindered: what was tried in vain, and why: that is told, and the rest is done.
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
                if step.condition not in hindered:
                    return dataclasses.replace(arrived, verdict=verdict, current=step.condition)
                after.append((step.condition, hindered[step.condition]))
    if more := drop_outlived_pin(seen):
        if Condition.UNPINNED not in hindered:
            return dataclasses.replace(arrived, verdict=more, current=Condition.UNPINNED)
        after.append((Condition.UNPINNED, hindered[Condition.UNPINNED]))
    return dataclasses.replace(arrived, after=tuple(after))


def care_unseen(seen: Snapshot, arrived: Decision, problem: Refuse) -> Decision:
    """The same where nobody can look: the problem hinders all that is not known to be done.

    Args:
        seen: no more than what is in memory.
        arrived: the decision that it has arrived.
        problem: why nobody can.
    """
    if seen.target is None or failure_of(seen.migration):
        return arrived
    left = tuple(_left(seen.migration, seen.target))
    asked = (step.condition for step in _asked(seen.migration))
    after = ((each, problem if each in left else None) for each in dict.fromkeys((*asked, *left)))
    return dataclasses.replace(arrived, after=tuple(after))


def neglected(migration: JsonObject, owner: JsonObject) -> bool:
    """Whether a migration that succeeded is to be looked at again, for what ``care`` would do.

    Args:
        migration: the InstallationMigration.
        owner: the only custom resource of the installation.
    """
    summary = condition_status(migration, Condition.SUCCEEDED)
    succeeded = summary is not None and summary["status"] == "True"
    arrived = owner["kind"] == migration["spec"]["desiredKind"]
    return succeeded and arrived and any(_left(migration, owner))


def _asked(migration: JsonObject) -> Iterator[Step]:
    spec = migration["spec"]
    if not spec.get("pinPodTemplate", True):
        yield Step(Condition.UNPINNED, unpin_pods)
    if spec.get("finalize"):
        yield Step(Condition.FINALIZED, finalize)


def _left(migration: JsonObject, target: JsonObject) -> Iterator[Condition]:
    """What was asked and is not known to be done, and a pin that an edit may have outlived."""
    pinned = _is_pinned(target)
    for step in _asked(migration):
        told = condition_status(migration, step.condition)
        done = told is not None and told["status"] == "True"
        if not done and (pinned or step.condition is not Condition.UNPINNED):
            yield step.condition
    if pinned and _edited(migration, target):
        yield Condition.UNPINNED


def unpin_pods(seen: Snapshot) -> Verdict | None:
    """Take exactly our pin off the Mattermost, in one write; one rolling update follows."""
    target = seen.target
    if target is None or not _is_pinned(target):
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
    if target is None or not (_is_pinned(target) and _edited(seen.migration, target)):
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


def _is_pinned(target: JsonObject) -> bool:
    return target["kind"] == MATTERMOST.kind and is_pinned(target)


def _edited(migration: JsonObject, target: JsonObject) -> bool:
    """Whether the Mattermost, whose pin is to stay, moved on since that was last in order."""
    if not migration["spec"].get("pinPodTemplate", True):
        return False
    recorded = (migration.get("status") or {}).get(_PINNED_GENERATION)
    return recorded is not None and recorded != target["metadata"].get("generation")
