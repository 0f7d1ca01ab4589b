"""The edit lock: which writes pass while a migration owns an installation, and what is said if not.

Pure rules over one write and what is known of the InstallationMigration of the same name. The
table they make is in docs/reference/edit-lock.md. Refused is what could break a migration or wake
a frozen operator; identical re-applies, metadata, finalizers and status always pass, so GitOps
tools and the garbage collector are not in anybody's way (ADR 6; webhook facts 4.2).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mattermost_migrate.domain import canonical
from mattermost_migrate.domain.freeze import frozen
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_LABEL,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
    OWN_GROUP,
    Condition,
    Lock,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of, labels_of
from mattermost_migrate.domain.reported import lock_of

__all__ = [
    "KUBERNETES",
    "Edit",
    "Exempt",
    "Knowledge",
    "Operation",
    "Refusal",
    "Unknown",
    "judge",
    "shows_freeze",
]

#: Kubernetes' own controllers, as they are called with and without credentials of their own.
#: Deleting a namespace and collecting garbage must never hang on us. The chart names them twice
#: more, in CEL (``_helpers.tpl``, ``lock-policy.yaml``); a test keeps the three alike.
KUBERNETES: Final = frozenset(
    {
        "system:kube-controller-manager",
        "system:serviceaccount:kube-system:generic-garbage-collector",
        "system:serviceaccount:kube-system:namespace-controller",
    }
)
#: The form in which two specs are compared: an identical re-apply in another spelling (``2000m``
#: where the operator has stored ``2``) is identical.
_CANONICAL: Final = {
    CLUSTER_INSTALLATION.kind: canonical.cluster_installation_spec,
    MATTERMOST.kind: canonical.mattermost_spec,
}


class Operation(StrEnum):
    """What is asked of the API server, in its own words."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class Edit:
    """One write to a ClusterInstallation, a Mattermost or an InstallationMigration.

    Attributes:
        operation: what is asked.
        kind: of the object.
        namespace, name: which one.
        user: who asks, by username.
        old: the object as stored; None for CREATE.
        new: the object as it would be stored; None for DELETE.
    """

    operation: Operation
    kind: str
    namespace: str
    name: str
    user: str
    old: JsonObject | None = None
    new: JsonObject | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Exempt:
    """Who writes as part of a migration.

    Attributes:
        controllers: usernames of our controller; nothing is ever refused to them.
        operators: usernames of the Go operator, which may write once children are handed over.
    """

    controllers: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody could say whether there is an InstallationMigration: ``why`` not."""

    why: str


#: The InstallationMigration of that name, None when the cluster has none, or Unknown.
Knowledge = JsonObject | Unknown | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a write must not happen.

    Attributes:
        field: the path that was changed, or an empty string for the object as a whole.
        message: who holds the lock, since when, why, and what to run.
    """

    field: str
    message: str


def judge(edit: Edit, known: Knowledge, *, exempt: Exempt) -> Refusal | None:
    """Decide about one write.

    Args:
        edit: the write.
        known: what the cluster holds under InstallationMigration of the edit's name.
        exempt: whose writes are part of a migration.

    Returns:
        None when the write may pass, else the refusal.
    """
    if edit.user in exempt.controllers or edit.user in KUBERNETES:
        return None
    if edit.kind == INSTALLATION_MIGRATION.kind:
        return _migration_edit(edit)
    if isinstance(known, Unknown):
        return _certainly_unsafe(edit, known)
    return None if known is None else _installation_edit(edit, known, exempt)


def _installation_edit(edit: Edit, migration: JsonObject, exempt: Exempt) -> Refusal | None:
    lock = lock_of(migration)
    if edit.operation is Operation.CREATE:
        return _creation(edit, migration)
    # From the hand-over on, the operator writes defaults back to what it owns.
    if lock is None or (lock is Lock.HANDOVER and edit.user in exempt.operators):
        return None
    return _locked_edit(edit, migration)


def _migration_edit(edit: Edit) -> Refusal | None:
    """The lock mark is the controller's alone, and what holds the lock is not deleted."""
    before, after = edit.old or {}, edit.new or {}
    if edit.operation is Operation.DELETE:
        if lock_of(before) is None:
            return None
        message = (
            f"{_holder(before)}; deleting it would leave the installation between two kinds. "
            f"To go back, run: {_command('revert', before)}"
        )
        return Refusal("", message)
    if labels_of(before).get(LOCK_LABEL) == labels_of(after).get(LOCK_LABEL):
        return None
    path = f"metadata.labels[{LOCK_LABEL}]"
    return Refusal(path, "only the migration controller sets or clears the edit lock")


def shows_freeze(kind: str, obj: JsonObject | None) -> bool:
    """Whether an installation looks as it does while a migration holds it.

    A field that is not of its type is no freeze; no API server stores it either.
    """
    if obj is None:
        return False
    try:
        return frozen({**obj, "kind": kind})
    except (AttributeError, TypeError):
        return False


def _certainly_unsafe(edit: Edit, unknown: Unknown) -> Refusal | None:
    """With nothing known, refuse only what would wake an installation that shows the freeze."""
    if not shows_freeze(edit.kind, edit.old):
        return None
    path = _touched(edit)
    if path is None:
        return None
    message = (
        f"{edit} is frozen, as it is while a migration runs, and its InstallationMigration "
        f"cannot be read ({unknown.why}); try again, or see who holds it: "
        f"helm mattermost-migrate status {edit.name} -n {edit.namespace}"
    )
    return Refusal(path, message)


def _creation(edit: Edit, migration: JsonObject) -> Refusal | None:
    """Nobody brings back the kind that gave way, nor the one that takes over before its time."""
    here = f"InstallationMigration {edit.namespace}/{edit.name}"
    desired = (migration.get("spec") or {}).get("desiredKind")
    if edit.kind != desired:
        # Whether it has just let go of the lock and is about to say so, nobody can tell from here.
        if lock_of(migration) is not None or _came_through(migration):
            told = (
                f"is a {desired}: replace the {edit.kind} in your git repository by a {desired} "
                f"(helm mattermost-migrate convert -f FILE prints it), or, to have the "
                f"{edit.kind} back, run: {_command('revert', migration)}"
            )
        else:
            told = (
                f"is to be a {desired}, and has not begun, or was given up. To create a "
                f"{edit.kind} all the same, take it away first: kubectl -n {edit.namespace} "
                f"delete installationmigration {edit.name}"
            )
        return Refusal("", f"{here} says that this installation {told}")
    if _finished(migration):
        return None
    message = (
        f"{here} creates this {edit.kind} when its pods can be taken over; one created now would "
        f"take the Service away from them. To follow it, run: {_command('status', migration)}"
    )
    return Refusal("", message)


def _locked_edit(edit: Edit, migration: JsonObject) -> Refusal | None:
    path = _touched(edit)
    if path is None:
        return None
    verb = "deleted" if edit.operation is Operation.DELETE else "changed"
    message = (
        f"{_holder(migration)}; {edit} cannot be {verb} until it is done, because {_why(edit)}. "
        f"To follow it, run: {_command('status', migration)}; "
        f"to go back, run: {_command('revert', migration)}"
    )
    return Refusal(path, message)


def _touched(edit: Edit) -> str | None:
    """The path of the first thing this edit changes that it must not; None when it is harmless."""
    if edit.operation is Operation.DELETE:
        return ""
    before, after = edit.old or {}, edit.new or {}
    specs = (before.get("spec") or {}, after.get("spec") or {})
    return _changed_spec(edit.kind, *specs) or _changed_marks(before, after)


def _changed_spec(kind: str, before: JsonObject, after: JsonObject) -> str | None:
    if before == after:
        return None
    with suppress(ValueError):  # what has no canonical form is compared as it is written
        before, after = _CANONICAL[kind](before), _CANONICAL[kind](after)
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    return f"spec.{changed[0]}" if changed else None


def _changed_marks(before: JsonObject, after: JsonObject) -> str | None:
    """Annotations under our own group carry what the way back needs."""
    old, new = annotations_of(before), annotations_of(after)
    changed = sorted(
        key
        for key in {*old, *new}
        if key.startswith(f"{OWN_GROUP}/") and old.get(key) != new.get(key)
    )
    return f"metadata.annotations[{changed[0]}]" if changed else None


def _why(edit: Edit) -> str:
    """What the write would break."""
    if edit.old is None or edit.new is None:
        return "its children would be deleted with it"
    if shows_freeze(edit.kind, edit.old) and not shows_freeze(edit.kind, edit.new):
        return "the operator would wake up and write in the middle of the exchange"
    return "what is being moved must stay what was checked"


def _finished(migration: JsonObject) -> bool:
    """Whether the controller has said Succeeded of the very spec that stands there now."""
    status = migration.get("status") or {}
    generation = (migration.get("metadata") or {}).get("generation")
    return status.get("observedGeneration") == generation and _came_through(migration)


def _came_through(migration: JsonObject) -> bool:
    """Whether it has succeeded, of its spec as it is or as it was before an edit."""
    status = migration.get("status") or {}
    return any(
        condition.get("type") == Condition.SUCCEEDED and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )


def _holder(migration: JsonObject) -> str:
    """Who holds the lock, of which fleet, since when, doing what."""
    metadata, status = migration.get("metadata") or {}, migration.get("status") or {}
    fleet = labels_of(migration).get(FLEET_LABEL)
    of_fleet = f" (fleet {fleet})" if fleet else ""
    since = status.get("startTime") or metadata.get("creationTimestamp")
    now = status.get("currentStep")
    return (
        f"locked by InstallationMigration {metadata.get('namespace')}/{metadata.get('name')}"
        f"{of_fleet}{f' since {since}' if since else ''}{f', now at {now}' if now else ''}"
    )


def _command(verb: str, migration: JsonObject) -> str:
    metadata = migration.get("metadata") or {}
    return f"helm mattermost-migrate {verb} {metadata.get('name')} -n {metadata.get('namespace')}"
