"""What is written down before anything is deleted, and what will be created from it.

Roles are named by kind, not by direction, so that a migration that turns round half-way finds the
originals of both sides where it looks for them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from mattermost_migrate.domain import freeze
from mattermost_migrate.domain.backup import Backup, backup_name, manifest, same_content
from mattermost_migrate.domain.conversion import convert, restore
from mattermost_migrate.domain.errors import Fault, InvariantError, RefusedError
from mattermost_migrate.domain.holding import unheld
from mattermost_migrate.domain.names import (
    ANNOUNCED_ANNOTATION,
    DEPLOYMENT,
    MIGRATION_ANNOTATION,
    REQUESTED_ANNOTATION,
    RUN_ANNOTATION,
    SECRET,
    SERVICE,
    Reason,
    Strategy,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of, leaving, name_of, uid_of
from mattermost_migrate.domain.owners import Owner, left_out, named_by, unseen, without_gone
from mattermost_migrate.domain.pending import asked
from mattermost_migrate.domain.pin import pin
from mattermost_migrate.domain.references import Reference, of_conversion
from mattermost_migrate.domain.reported import failure_of
from mattermost_migrate.domain.sides import Side
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Act, Look, Part, Refuse, Verdict
from mattermost_migrate.domain.writes import create, replace

__all__ = [
    "Beside",
    "Planned",
    "child_role",
    "deployment_role",
    "former_owners",
    "originals",
    "pins",
    "plan_target",
    "planned",
    "planned_role",
    "read_to_plan",
    "returning",
    "role",
    "save_originals",
    "saved_deployment",
]

#: What a strategy writes down beside the originals, by role, given what will be created.
Beside: TypeAlias = Callable[[Snapshot, JsonObject], Mapping[str, JsonObject]]


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    """What a migration will create.

    Attributes:
        manifest: the custom resource of the kind that takes over.
        warnings: what a person should know, from the conversion.
    """

    manifest: JsonObject
    warnings: tuple[Fault, ...] = ()


def role(side: Side) -> str:
    """Under which name the custom resource of that side is kept."""
    return side.kind.lower()


def deployment_role(side: Side) -> str:
    """Under which name the Deployment that side owned is kept."""
    return f"deployment.{side.kind.lower()}"


def planned_role(side: Side) -> str:
    """Under which name the Deployment is kept that is generated for that side's new pods."""
    return f"planned.{side.kind.lower()}"


def returning(seen: Snapshot) -> bool:
    """Whether it goes back to what it came from: given up, or turned round before its end.

    Then no step waits for pods to be ready: that they are not may be why it goes back, and no more
    can be asked for than that all is as it was.
    """
    if failure_of(seen.migration):
        return True
    saved = seen.backup.get(role(seen.taking)) if seen.backup and not seen.forward else None
    return bool(saved and seen.target and saved["metadata"].get("uid") == uid_of(seen.target))


def planned(seen: Snapshot) -> JsonObject:
    """The custom resource of the taking side, as it was saved or planned."""
    found = seen.backup.get(role(seen.taking)) if seen.backup else None
    if found is None:
        raise InvariantError(f"{seen.namespace}/{seen.name}: no {seen.taking.kind} in the backup")
    return found


def saved_deployment(seen: Snapshot) -> JsonObject:
    """The last Deployment there was: of the giving side, or, turned round early, of the taking."""
    for side in (seen.giving, seen.taking):
        if seen.backup and (found := seen.backup.get(deployment_role(side))):
            return found
    raise InvariantError(f"{seen.namespace}/{seen.name}: no Deployment in the backup")


def plan_target(seen: Snapshot) -> Planned:
    """The custom resource that this migration will create.

    Forward: converted, pinned if asked for, and marked as ours. Back: restored, byte for byte what
    it was but for edits made meanwhile, and for owners that are gone. As long as nobody has looked
    for these it names them all: enough to ask for them, and nothing to create.

    Raises:
        RefusedError: it cannot be carried over; every fault with its field path.
    """
    if seen.source is None:
        raise InvariantError(f"{seen.namespace}/{seen.name}: planned without a source")
    source = freeze.unmarked(seen.source)
    if not seen.forward:
        discard = bool(seen.migration["spec"].get("discardEdits"))
        restored = _untriggered(restore(_unmarked(source), discard=discard))
        if seen.owners is None:
            return Planned(restored)
        warnings = tuple(left_out(restored, seen.owners))
        return Planned(without_gone(restored, seen.owners), warnings)
    if seen.existing is None:
        raise InvariantError(f"{seen.namespace}/{seen.name}: planned without having looked")
    converted = convert(source, seen.existing)
    mattermost = converted.mattermost
    if pins(seen) and seen.deployment is not None:
        # What was edited since the lock, and nobody has rolled out, rolls once there is a
        # Mattermost, as it would have.
        wanted = asked(source, seen.deployment["spec"]["template"])
        mattermost = pin(mattermost, wanted, seen.existing)
    marks = {**annotations_of(mattermost), MIGRATION_ANNOTATION: uid_of(seen.migration)}
    metadata = {**mattermost["metadata"], "annotations": marks}
    return Planned({**mattermost, "metadata": metadata}, converted.warnings)


def pins(seen: Snapshot) -> bool:
    """Whether the Mattermost is to be made to generate the pods that run."""
    adopts = seen.forward and seen.strategy is Strategy.ADOPT
    return adopts and bool(seen.migration["spec"].get("pinPodTemplate", True))


def _unmarked(mattermost: JsonObject) -> JsonObject:
    kept = {k: v for k, v in annotations_of(mattermost).items() if k != MIGRATION_ANNOTATION}
    return {**mattermost, "metadata": {**mattermost["metadata"], "annotations": kept}}


def _untriggered(installation: JsonObject) -> dict[str, Any]:
    """Without what asked for the migration, or it would be asked for again at once."""
    spec = {key: value for key, value in installation["spec"].items() if key != "migrate"}
    kept = {k: v for k, v in annotations_of(installation).items() if k != REQUESTED_ANNOTATION}
    metadata = {k: v for k, v in installation["metadata"].items() if k != "annotations"}
    annotated = {**metadata, "annotations": kept} if kept else metadata
    return {**installation, "metadata": annotated, "spec": spec}


def read_to_plan(seen: Snapshot) -> tuple[Reference, ...]:
    """Kind and name of what a plan reads besides the two custom resources.

    On the way back it is what the ClusterInstallation will refer to, whose pods are generated;
    nothing where there will be none, which whoever plans it says.
    """
    ci = seen.source if seen.forward else _restored(seen)
    return tuple(of_conversion(ci)) if ci is not None else ()


def former_owners(seen: Snapshot) -> tuple[Owner, ...]:
    """Whom the custom resource to create would name as owners: as it was saved, and is planned.

    A conversion names nobody. What cannot be planned will not be created.
    """
    saved = seen.backup.get(role(seen.taking)) if seen.backup else None
    fresh = None if seen.forward or seen.target is not None else _restored(seen)
    named = (owner for obj in (saved, fresh) if obj for owner in named_by(obj))
    return tuple(dict.fromkeys(named))


def _restored(seen: Snapshot) -> JsonObject | None:
    """What a way back would create; None where nothing is left to plan it from, or it cannot be."""
    seen = _unfrozen(seen)
    try:
        return plan_target(seen).manifest if seen.source is not None else None
    except RefusedError:
        return None


def _to_save(seen: Snapshot) -> JsonObject | None:
    """What will be created; None where it is there, or nothing is left to plan it from."""
    seen = _unfrozen(seen)
    if seen.target is not None or seen.source is None:
        return None
    return plan_target(seen).manifest


def originals(seen: Snapshot, target: JsonObject | None, *, beside: Beside | None = None) -> Backup:
    """The backup as it should be, from what was just looked at.

    Args:
        seen: the installation.
        target: what will be created; None where it is there, or nothing is left to plan it from.
        beside: what else is written down.
    """
    seen = _unfrozen(seen)
    live: Mapping[str, JsonObject | None] = {
        role(seen.giving): seen.source,
        deployment_role(seen.giving): _former(seen),
        **_children(seen),
    }
    if seen.target is None and target is not None:
        more = beside(seen, target) if beside else {}
        return Backup.of({**live, role(seen.taking): target, **more})
    # Turned round half-way: what the other direction saved is still needed. Of a child that may
    # have changed hands since, the first is the one that nobody had overwritten.
    kept = dict(seen.backup.objects) if seen.backup else {}
    fresh = {key: obj for key, obj in live.items() if obj is not None}
    first = {key: kept[key] for key in _children(seen) if key in kept}
    return Backup.of({**kept, **fresh, **first})


def child_role(child: JsonObject, installation: str) -> str:
    """Under which name a child is kept, other than the Deployment."""
    kind, name = str(child["kind"]).lower(), name_of(child)
    return kind if name == installation else f"{kind}.{name}"


def _former(seen: Snapshot) -> JsonObject | None:
    """The Deployment that has to go, as it was meant: turned round again, it may be held still."""
    return unheld(seen.former_deployment) if seen.former_deployment else None


def _children(seen: Snapshot) -> dict[str, JsonObject]:
    """The children by role; of a Service that we hold, what was saved before it was held."""
    children = (each for each in seen.children or () if each["kind"] != DEPLOYMENT.kind)
    found = {child_role(child, seen.name): child for child in children}
    kept = {key: seen.backup.get(key) for key in found} if seen.backup else {}
    return {
        key: saved if (saved := kept.get(key)) and _held(child) else child
        for key, child in found.items()
    }


def _held(child: JsonObject) -> bool:
    return child["kind"] == SERVICE.kind and ANNOUNCED_ANNOTATION in annotations_of(child)


def _unfrozen(seen: Snapshot) -> Snapshot:
    """What is frozen is no original; the one that was saved before is, with edits made since."""
    if seen.source is None:
        return seen
    source = freeze.unmarked(seen.source)
    saved = seen.backup.get(role(seen.giving)) if seen.backup else None
    if seen.backup and (saved is None or uid_of(saved) != uid_of(source)):
        return dataclasses.replace(seen, source=saved if freeze.frozen(source) else source)
    if saved is not None and freeze.bears_freeze(source, saved):
        source = {**source, "spec": freeze.thawed_spec(source, saved)}
    return dataclasses.replace(seen, source=source)


def save_originals(seen: Snapshot, *, beside: Beside | None = None) -> Verdict | None:
    """Write the originals down, and again if one changed before it was let go."""
    if _nothing_to_lose(seen) or _saved(seen):
        return None
    if seen.existing is None and (seen.forward or beside):
        return Look(Part.EXISTING)
    if seen.children is None:
        return Look(Part.CHILDREN)
    try:
        target = _to_save(seen)
        if target is not None and unseen(target, seen.owners):
            return Look(Part.OWNERS)
        fresh = originals(seen, target, beside=beside)
    except RefusedError as refused:
        return Refuse(
            Reason.NOT_CONVERTIBLE,
            f"{seen.giving.kind} {seen.namespace}/{seen.name} was edited and cannot be "
            f"converted any more: {refused}",
        )
    version = seen.backup.resource_version if seen.backup else ""
    backup = dataclasses.replace(fresh, resource_version=version, run=_run(seen))
    secret = manifest(seen.namespace, seen.name, backup)
    write = replace(SECRET, secret) if seen.backup else create(SECRET, secret)
    return Act(f"Saved the originals in Secret {backup_name(seen.name)}", (write,))


def _nothing_to_lose(seen: Snapshot) -> bool:
    """What is let go of already was saved before; nothing else will be deleted."""
    if seen.source is None and seen.former_deployment is None:
        return True
    former = seen.former_deployment
    return seen.backup is not None and (former is None or leaving(former))


def _run(seen: Snapshot) -> str:
    return annotations_of(seen.migration).get(RUN_ANNOTATION, "")


def _saved(seen: Snapshot) -> bool:
    """Whether the backup is what this run is to go by.

    One that an earlier run left speaks of the plan of that run, and of children as they were then,
    though the original is the same.
    """
    if seen.backup is None or seen.backup.run != _run(seen):
        return False
    former, kept = _former(seen), seen.backup.get(deployment_role(seen.giving))
    if former is not None and (kept is None or not same_content(former, kept)):
        return False
    if seen.source is None:
        return True
    original = seen.backup.get(role(seen.giving))
    if original is None or uid_of(original) != uid_of(seen.source):
        return False
    if not freeze.bears_freeze(seen.source, original):
        return same_content(freeze.unmarked(seen.source), original)
    return bool(freeze.thawed_spec(seen.source, original) == original["spec"])
