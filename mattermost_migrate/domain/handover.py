"""The exchange of the custom resources around children that stay, under the edit lock."""

from __future__ import annotations

from typing import Any

from mattermost_migrate.domain import freeze
from mattermost_migrate.domain.crews import replicas_of, wanted
from mattermost_migrate.domain.holding import hold, is_held, let_go
from mattermost_migrate.domain.names import (
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
    RECREATE_ANNOTATION,
    RUN_ANNOTATION,
    SERVICE,
    Lock,
    Reason,
    Strategy,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    annotations_of,
    labels_of,
    leaving,
    name_of,
    uid_of,
)
from mattermost_migrate.domain.originals import deployment_role, planned, returning, role
from mattermost_migrate.domain.owners import left_out, unseen, without_gone
from mattermost_migrate.domain.preflight import is_ours
from mattermost_migrate.domain.reported import failure_of
from mattermost_migrate.domain.slices import await_followed
from mattermost_migrate.domain.snapshot import Snapshot, deployment_current, deployment_settled
from mattermost_migrate.domain.steps import Act, Look, Part, Refuse, Verdict, Wait
from mattermost_migrate.domain.writes import Write, create, fence, orphan, patch

__all__ = [
    "await_stable",
    "create_target",
    "freeze_source",
    "lock_patch",
    "move_service",
    "remove_source",
    "unlock",
]


def lock_patch(seen: Snapshot, lock: Lock | None) -> Write:
    """Put the edit lock on, change how far it goes, or take it off (None).

    The same write says which run begins, by which strategy, and with how many pods: never with
    fewer than it said before, nor than the Deployment that has to go asks for.
    """
    marks: dict[str, str | None] = {}
    if seen.lock is None or lock is None:
        own = seen.migration["metadata"]
        marks[RUN_ANNOTATION] = f"{own['uid']}.{own.get('generation', 0)}" if lock else None
    if seen.strategy is Strategy.RECREATE:
        former = seen.former_deployment
        pods = max(wanted(seen), replicas_of(former) if former else 0)
        marks[RECREATE_ANNOTATION] = str(pods) if lock else None
    metadata: dict[str, Any] = {**fence(seen.migration), "labels": {LOCK_LABEL: lock}}
    if marks:
        metadata["annotations"] = marks
    return patch(INSTALLATION_MIGRATION, seen.name, {"metadata": metadata})


def freeze_source(seen: Snapshot) -> Verdict | None:
    """Stop the operator's work on it, and go on only when the operator has said that it stopped."""
    source = seen.source
    if source is None:
        return None
    if not (freeze.frozen_for(source, seen.direction) or (freeze.frozen(source) and seen.refused)):
        return _freeze(seen, source)
    if seen.heard or freeze.acknowledged(source):
        return None
    if seen.beside_operator and (source.get("status") or {}).get("state") != "reconciling":
        return Act(f"Let the operator see {seen.name} past its limit", (freeze.nudge(source),))
    return Wait(f"{seen.giving.kind} {seen.name}: its operator has yet to acknowledge the freeze")


def _freeze(seen: Snapshot, source: JsonObject) -> Act:
    frost = freeze.freeze(source, seen.direction)
    if freeze.frozen(source):
        return Act(f"Froze {seen.giving.kind} {seen.name} again, for what is wanted now", (frost,))
    if seen.forward and freeze.acknowledgement_stands(source):
        return Act(
            f"Cleared an earlier refusal from the status of {seen.name}",
            (freeze.clear_acknowledgement(source),),
        )
    return Act(f"Froze {seen.giving.kind} {seen.name}", (frost,))


def move_service(seen: Snapshot) -> Verdict | None:
    """On the way back, have the Service select by labels that every pod keeps.

    A pod that is replaced later lacks the others; so it is an endpoint at once. Going forward, and
    where pods lack the labels yet, the operator moves the Service after the fences.
    """
    if seen.forward or seen.exchanged:
        return None
    if unproven := await_followed(seen):
        return unproven  # slices from before the way there look like those of its end
    if seen.deployment is None or seen.traffic is None:
        return None
    wanted = seen.taking.labels.of(seen.name).items()
    bearers = (*seen.pods, *(each["spec"]["template"] for each in seen.replica_sets))
    if not all(wanted <= labels_of(each).items() for each in bearers):
        return None
    service = seen.traffic.service
    selector = seen.taking.labels.selector(seen.name)
    if service is None or service["spec"].get("selector") == selector:
        return None
    body = {
        "metadata": fence(service),
        "spec": {"selector": {**dict.fromkeys(service["spec"]["selector"]), **selector}},
    }
    return Act(
        f"Moved Service {seen.name} to the labels that stay", (patch(SERVICE, seen.name, body),)
    )


def create_target(seen: Snapshot) -> Verdict | None:
    """Create the custom resource that was planned and rehearsed, or thaw the one that is frozen."""
    target = seen.target
    if target is None or leaving(target) or _bears_freeze(seen, target):
        return _make_target(seen, target)
    if mark := freeze.unmark(target):
        return Act(f"Took what its freeze left off {seen.taking.kind} {seen.name}", (mark,))
    if seen.source is None:
        return None
    if seen.forward and not is_ours(seen, target):
        return Refuse(
            Reason.NAME_TAKEN,
            f"{seen.taking.kind} {seen.namespace}/{seen.name} was created by somebody else "
            "in the middle of the migration",
            f"kubectl -n {seen.namespace} get {seen.taking.resource.plural} {seen.name} -o yaml",
        )
    if seen.beside_operator and not (target.get("status") or {}).get("state"):
        return Act(f"Let the operator see {seen.name} past its limit", (freeze.nudge(target),))
    return None


def _bears_freeze(seen: Snapshot, target: JsonObject) -> bool:
    saved = seen.backup.get(role(seen.taking)) if seen.backup else None
    return freeze.frozen(target) if saved is None else freeze.bears_freeze(target, saved)


def _make_target(seen: Snapshot, target: JsonObject | None) -> Verdict:
    if target is not None and leaving(target):
        # Thawed now, its operator would have it own everything, and all would go with it. What was
        # saved of it is created once it is gone.
        return _await_end(seen.taking.kind, target)
    if seen.beside_operator and seen.lock is not Lock.HANDOVER:
        opened = (lock_patch(seen, Lock.HANDOVER),)
        return Act(f"Opened the lock of {seen.name} to the operator", opened)
    if target is None:
        return _create(seen)
    what, resource = f"{seen.taking.kind} {seen.name}", seen.taking.resource
    if is_held(target):
        return Act(f"Let {what} go on", (let_go(resource, target, planned(seen)),))
    if freeze.looks_stable(target) and not _never_let_go(seen):
        said = (freeze.nudge(target),)
        return Act(f"Took back that {what} is stable, until its operator says so", said)
    # Turned round twice, its operator moves the Service once more.
    unproven = await_followed(seen) if seen.forward else None
    return unproven or Act(f"Thawed {what}", (freeze.thaw(target, planned(seen)),))


def _create(seen: Snapshot) -> Act | Look:
    """Whoever owned it is looked for once more: it was planned before anything was let go of."""
    saved = planned(seen)
    if unseen(saved, seen.owners):
        return Look(Part.OWNERS)
    alive = seen.owners or frozenset()
    held = create(seen.taking.resource, hold(_fresh(without_gone(saved, alive))))
    warnings = tuple((each.field, each.message) for each in left_out(saved, alive))
    return Act(f"Created {seen.taking.kind} {seen.name}, frozen", (held,), warnings=warnings)


def _fresh(manifest: JsonObject) -> JsonObject:
    """A saved object as one to create: without what the server gave the one that was."""
    theirs = ("uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp")
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in theirs}
    return {
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "metadata": metadata,
        "spec": manifest["spec"],
    }


def await_stable(seen: Snapshot) -> Verdict | None:
    """Wait for the operator to call it stable, with the pin applied where there is one."""
    target = seen.target
    if target is None:
        return None
    return _as_before(seen, target) if _never_let_go(seen) else _await_stable(seen, target)


def _await_stable(seen: Snapshot, target: JsonObject) -> Verdict | None:
    status: dict[str, Any] = target.get("status") or {}
    where = f"{seen.taking.kind} {seen.name}"
    if target["kind"] == MATTERMOST.kind:
        if status.get("observedGeneration") != target["metadata"].get("generation"):
            return Wait(f"{where}: its operator has yet to see it")
        if error := status.get("error"):
            return Wait(f"{where}: {error}", Reason.OPERATOR_ERROR)
    elif freeze.acknowledgement_stands(target):
        return Wait(f"{where}: its operator has yet to see that it is thawed")
    if status.get("state") != "stable" and not _lacks_pods_alone(seen):
        return Wait(f"{where}: {status.get('state') or 'not reconciled yet'}")
    return _await_pin(target, where)


def _lacks_pods_alone(seen: Snapshot) -> bool:
    """Whether a way back is through but for pods that are not ready.

    The operator writes the Deployment last, so whoever owns that owns the other children.
    """
    deployment = seen.deployment
    if deployment is None or not returning(seen) or deployment_settled(deployment):
        return False
    return seen.taken_over and deployment_current(deployment)


def _as_before(seen: Snapshot, target: JsonObject) -> Act | None:
    """Take our nudge out of the status as well, where the spec is what its operator last saw.

    An operator that is down would leave it at ``reconciling``, as if something were the matter.
    """
    saved = seen.backup.get(role(seen.taking)) if seen.backup else None
    before, now = (saved or {}).get("status") or {}, target.get("status") or {}
    if saved is None or not seen.beside_operator or saved["spec"] != target["spec"]:
        return None
    keys = ("state", "migration", "error")
    if before.get("state") == now.get("state"):
        return None
    told = {key: before.get(key) for key in keys if key in before or key in now}
    if "observedGeneration" in before:
        told["observedGeneration"] = target["metadata"]["generation"]
    body = {"metadata": fence(target), "status": told}
    write = patch(seen.taking.resource, seen.name, body, subresource="status")
    return Act(f"Put the status of {seen.name} back", (write,))


def _never_let_go(seen: Snapshot) -> bool:
    """Turned round before anything was exchanged: what was frozen is as it was, once thawed.

    Its operator may be what kept silent, so nobody waits for it.
    """
    if seen.source is not None or seen.deployment is None or seen.backup is None:
        return False
    kept = uid_of(seen.deployment) in seen.backup.uids((deployment_role(seen.taking),))
    return kept and not leaving(seen.deployment)


def _await_pin(target: JsonObject, where: str) -> Verdict | None:
    wanted = ((target["spec"].get("resourcePatch") or {}).get("deployment") or {}).get("patch")
    patched = ((target.get("status") or {}).get("resourcePatch") or {}).get("deploymentPatch") or {}
    if not wanted or patched.get("applied"):
        return None
    error = patched.get("error") or "its operator has yet to say so"
    return Wait(f"{where}: its pod template patch is not applied: {error}", Reason.OPERATOR_ERROR)


def remove_source(seen: Snapshot) -> Verdict | None:
    """Delete the old custom resource, leaving whatever might still name it as owner."""
    if seen.source is None:
        return None
    if leaving(seen.source):
        return _await_end(seen.giving.kind, seen.source)
    if not failure_of(seen.migration) and (fields := _edited_fields(seen, seen.source)):
        return Refuse(
            Reason.EDITED,
            f"{seen.giving.kind} {seen.namespace}/{seen.name} was edited while it was frozen, and "
            f"the {seen.taking.kind} was made without: {', '.join(fields)}",
            f"kubectl -n {seen.namespace} get {seen.giving.resource.plural}"
            f".{seen.giving.resource.group} {seen.name} -o yaml",
        )
    if not failure_of(seen.migration) and (late := _edited_late(seen, seen.source)):
        return Act(
            f"Carried labels and annotations over to {seen.taking.kind} {seen.name}", (late,)
        )
    return Act(
        f"Removed {seen.giving.kind} {seen.name}, leaving its dependents",
        (orphan(seen.giving.resource, seen.source),),
    )


def _await_end(kind: str, obj: JsonObject) -> Wait:
    finalizers = ", ".join(obj["metadata"].get("finalizers") or ()) or "none that is seen"
    return Wait(f"{kind} {name_of(obj)}: is being deleted, which finalizers hold up: {finalizers}")


def _edited_late(seen: Snapshot, source: JsonObject) -> Write | None:
    """Labels and annotations that were edited when the kind that takes over was planned already."""
    saved, target = _as_saved(seen, source), seen.target
    if saved is None or target is None:
        return None
    there = {"labels": labels_of(target), "annotations": annotations_of(target)}
    lacking = {
        group: {key: value for key, value in texts.items() if there[group].get(key) != value}
        for group, texts in freeze.texts_edited(source, saved).items()
    }
    if not any(lacking.values()):
        return None
    return patch(seen.taking.resource, seen.name, {"metadata": {**fence(target), **lacking}})


def _as_saved(seen: Snapshot, source: JsonObject) -> JsonObject | None:
    """That very object as it was saved."""
    saved = seen.backup.get(role(seen.giving)) if seen.backup else None
    return saved if saved is not None and uid_of(saved) == uid_of(source) else None


def _edited_fields(seen: Snapshot, source: JsonObject) -> list[str]:
    """Which fields of a frozen object differ from what was saved: only without the edit lock."""
    saved = _as_saved(seen, source)
    if saved is None or not freeze.frozen(source):
        return []
    now, then = freeze.thawed_spec(source, saved), saved["spec"]
    return [f"spec.{key}" for key in sorted({*now, *then}) if now.get(key) != then.get(key)]


def unlock(seen: Snapshot) -> Verdict | None:
    """Take the edit lock off; the backup stays."""
    if seen.lock is None:
        return None
    return Act(f"Unlocked {seen.name}", (lock_patch(seen, None),))
