"""The ladder from ClusterInstallation to Mattermost with the same pods (design section 4).

Every step may be repeated, and holds or does not by what the cluster shows.
"""

from __future__ import annotations

from typing import Any, Final

from mattermost_migrate.domain import freeze
from mattermost_migrate.domain.backup import Backup, backup_name, manifest, same_content
from mattermost_migrate.domain.errors import InvariantError, RefusedError
from mattermost_migrate.domain.exchange import (
    adopt_deployment,
    await_pods_seen,
    label_pods,
    new_deployment,
    release_deployment,
)
from mattermost_migrate.domain.names import (
    DEPLOYMENT,
    INGRESS,
    INGRESS_CLASS,
    INSTALLATION_MIGRATION,
    JOB,
    LOCK_LABEL,
    MINIO_INSTANCE,
    MYSQL_CLUSTER,
    PERSISTENT_VOLUME_CLAIM,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Condition,
    Lock,
    Reason,
    Resource,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    name_of,
    owner_reference,
    owners_of,
    uid_of,
)
from mattermost_migrate.domain.preflight import is_ours, plan_mattermost, preflight
from mattermost_migrate.domain.snapshot import Snapshot, owned_by
from mattermost_migrate.domain.steps import Act, Look, Part, Refuse, Step, Verdict, Wait
from mattermost_migrate.domain.writes import Write, create, orphan, patch, replace

__all__ = ["ADOPTION", "lock_patch"]

_KINDS: Final = {
    resource.kind: resource
    for resource in (
        SERVICE,
        INGRESS,
        SERVICE_ACCOUNT,
        ROLE,
        ROLE_BINDING,
        SECRET,
        MYSQL_CLUSTER,
        MINIO_INSTANCE,
        DEPLOYMENT,
        PERSISTENT_VOLUME_CLAIM,
        INGRESS_CLASS,
        JOB,
    )
}


def validate(seen: Snapshot) -> Verdict | None:
    """Ask everything that can be asked before the first write; the first write is the lock."""
    if seen.lock:
        return None
    if seen.paused:
        return Wait("paused: it starts when spec.paused is false", "Paused")
    if refusal := next(preflight(seen), None):
        return refusal
    if seen.existing is None:
        return Look(Part.EXISTING)
    saved = _originals(seen)
    mattermost = saved.get("target")
    if mattermost is None or seen.deployment is None:
        raise InvariantError(f"{seen.namespace}/{seen.name}: nothing to rehearse with")
    rehearsed = _with_backup(seen, saved)
    return Act(
        f"Locked {seen.name} against edits",
        (lock_patch(seen, Lock.FROZEN),),
        rehearse=(
            create(SECRET, manifest(seen.namespace, seen.name, saved)),
            create(seen.taking.resource, mattermost),
            create(DEPLOYMENT, new_deployment(rehearsed)),
        ),
        warnings=tuple((w.field, w.message) for w in plan_mattermost(seen).warnings),
    )


def _with_backup(seen: Snapshot, backup: Backup) -> Snapshot:
    return Snapshot(
        migration=seen.migration,
        deployment=seen.deployment,
        backup=backup,
        target_kind=seen.target_kind,
    )


def lock_patch(seen: Snapshot, lock: Lock | None) -> Write:
    """Put the edit lock on, change how far it goes, or take it off (None)."""
    body = {"metadata": {"uid": uid_of(seen.migration), "labels": {LOCK_LABEL: lock}}}
    return patch(INSTALLATION_MIGRATION, seen.name, body)


def _originals(seen: Snapshot) -> Backup:
    """What the backup holds, from what was just looked at."""
    existing = seen.existing
    planned = plan_mattermost(seen)
    return Backup.of(
        {
            "source": seen.source,
            "deployment": seen.deployment,
            "service": existing.get(SERVICE, seen.name) if existing else None,
            "ingress": existing.get(INGRESS, seen.name) if existing else None,
            "target": planned.mattermost,
        }
    )


def save_originals(seen: Snapshot) -> Verdict | None:
    """Write the originals down, and again if one changed before it was let go."""
    if seen.source is None or _released(seen) or _saved(seen):
        return None
    if seen.existing is None:
        return Look(Part.EXISTING)
    try:
        fresh = _originals(seen)
    except RefusedError as refused:
        return Refuse(
            Reason.NOT_CONVERTIBLE,
            f"{seen.giving.kind} {seen.namespace}/{seen.name} was edited and cannot be "
            f"converted any more: {refused}",
        )
    version = seen.backup.resource_version if seen.backup else ""
    if seen.backup and freeze.frozen(seen.source):
        # What is frozen is no original any more; the one that was saved before is.
        fresh = Backup.of({**fresh.objects, "source": seen.backup.get("source")})
    secret = manifest(seen.namespace, seen.name, Backup(fresh.objects, version, fresh.digest))
    write = replace(SECRET, secret) if seen.backup else create(SECRET, secret)
    return Act(f"Saved the originals in Secret {backup_name(seen.name)}", (write,))


def _released(seen: Snapshot) -> bool:
    """From here on the saved Deployment is the only one there is."""
    former = seen.former_deployment
    return seen.backup is not None and (
        former is None or bool(former["metadata"].get("deletionTimestamp"))
    )


def _saved(seen: Snapshot) -> bool:
    backup, source = seen.backup, seen.source
    if backup is None or source is None:
        return False
    former, saved = seen.former_deployment, backup.get("deployment")
    if former is not None and (saved is None or not same_content(former, saved)):
        return False
    original = backup.get("source")
    if original is None or uid_of(original) != uid_of(source):
        return False
    return freeze.frozen(source) or same_content(source, original)


def freeze_source(seen: Snapshot) -> Verdict | None:
    """Stop the operator's work on it, and go on only when the operator has said that it stopped."""
    source = seen.source
    if source is None:
        return None
    if not freeze.frozen(source):
        if freeze.acknowledgement_stands(source):
            return Act(
                f"Cleared an earlier refusal from the status of {seen.name}",
                (freeze.clear_acknowledgement(source),),
            )
        return Act(f"Froze {seen.giving.kind} {seen.name}", (freeze.freeze(source),))
    if freeze.acknowledged(source):
        return None
    if seen.beside_operator and (source.get("status") or {}).get("state") != "reconciling":
        return Act(f"Let the operator see {seen.name} past its limit", (freeze.nudge(source),))
    return Wait(f"{seen.giving.kind} {seen.name}: its operator has yet to acknowledge the freeze")


def create_target(seen: Snapshot) -> Verdict | None:
    """Create the Mattermost that was planned and rehearsed before the first write."""
    if seen.target is not None:
        if seen.source is not None and not is_ours(seen, seen.target):
            return Refuse(
                Reason.NAME_TAKEN,
                f"{seen.taking.kind} {seen.namespace}/{seen.name} was created by somebody else "
                "in the middle of the migration",
                f"kubectl -n {seen.namespace} get {seen.taking.resource.plural} "
                f"{seen.name} -o yaml",
            )
        if (
            seen.source is not None
            and seen.beside_operator
            and not (seen.target.get("status") or {}).get("state")
        ):
            return Act(
                f"Let the operator see {seen.name} past its limit", (freeze.nudge(seen.target),)
            )
        return None
    if seen.beside_operator and seen.lock is not Lock.HANDOVER:
        return Act(
            f"Opened the lock of {seen.name} to the operator", (lock_patch(seen, Lock.HANDOVER),)
        )
    planned = seen.backup.get("target") if seen.backup else None
    if planned is None:
        raise InvariantError(f"{seen.namespace}/{seen.name}: no {seen.taking.kind} in the backup")
    return Act(f"Created {seen.taking.kind} {seen.name}", (create(seen.taking.resource, planned),))


def await_stable(seen: Snapshot) -> Verdict | None:
    """Wait for its operator to call it stable, with the pin applied where there is one."""
    if seen.source is None or seen.target is None:
        return None
    status: dict[str, Any] = seen.target.get("status") or {}
    where = f"{seen.taking.kind} {seen.name}"
    if status.get("observedGeneration") != seen.target["metadata"].get("generation"):
        return Wait(f"{where}: its operator has yet to see it")
    if error := status.get("error"):
        return Wait(f"{where}: {error}", "OperatorError")
    if status.get("state") != "stable":
        return Wait(f"{where}: {status.get('state') or 'not reconciled yet'}")
    patched = (status.get("resourcePatch") or {}).get("deploymentPatch") or {}
    pinned = ((seen.target["spec"].get("resourcePatch") or {}).get("deployment") or {}).get("patch")
    if pinned and not patched.get("applied"):
        return Wait(
            f"{where}: its pod template patch is not applied: {patched.get('error') or 'unknown'}",
            "OperatorError",
        )
    return None


def transfer_children(seen: Snapshot) -> Verdict | None:
    """Take over what the operator forgot, so that nothing names only the old kind as its owner.

    The operator leaves ``<name>-mysql-root-password`` behind (operator facts 5.6, W1).
    """
    if seen.source is None or seen.target is None:
        return None
    if seen.children is None:
        return Look(Part.CHILDREN)
    former = uid_of(seen.source)
    writes = tuple(
        _transfer(child, former, owner_reference(seen.target, seen.taking.resource))
        for child in seen.children
        if owned_by(child, former)
    )
    return Act(f"Transferred what the operator left of {seen.name}", writes) if writes else None


def _transfer(child: JsonObject, former: str, owner: JsonObject) -> Write:
    """New owner in and old owner out in one patch, fenced by UID and resourceVersion."""
    kept = [ref for ref in owners_of(child) if ref["uid"] not in (former, owner["uid"])]
    metadata = {
        "uid": uid_of(child),
        "resourceVersion": child["metadata"]["resourceVersion"],
        "ownerReferences": [*kept, owner],
    }
    resource: Resource = _KINDS[str(child["kind"])]
    return patch(resource, name_of(child), {"metadata": metadata})


def remove_source(seen: Snapshot) -> Verdict | None:
    """Delete the old custom resource, leaving whatever might still name it as owner."""
    if seen.source is None:
        return None
    if seen.source["metadata"].get("deletionTimestamp"):
        return Wait(f"{seen.giving.kind} {seen.name}: others' finalizers have yet to finish")
    return Act(
        f"Removed {seen.giving.kind} {seen.name}, leaving its dependents",
        (orphan(seen.giving.resource, seen.source),),
    )


def unlock(seen: Snapshot) -> Verdict | None:
    """Take the edit lock off; the backup stays."""
    if seen.lock is None:
        return None
    return Act(f"Unlocked {seen.name}", (lock_patch(seen, None),))


ADOPTION: Final = (
    Step(Condition.VALIDATED, validate),
    Step(Condition.ORIGINALS_SAVED, save_originals),  # nothing is deleted before it is saved
    Step(Condition.SOURCE_FROZEN, freeze_source),
    Step(Condition.DEPLOYMENT_RELEASED, release_deployment),
    Step(Condition.PODS_LABELLED, label_pods),
    Step(Condition.PODS_SEEN, await_pods_seen),  # proven by others' caches, not by our reads
    Step(Condition.DEPLOYMENT_ADOPTED, adopt_deployment),
    Step(Condition.TARGET_CREATED, create_target),
    Step(Condition.TARGET_STABLE, await_stable),
    Step(Condition.CHILDREN_TRANSFERRED, transfer_children),
    Step(Condition.SOURCE_REMOVED, remove_source),
    Step(Condition.UNLOCKED, unlock),
)
