"""Can this installation be moved? Everything that is asked before the first write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mattermost_migrate.domain.difference import Difference
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.names import (
    MIGRATION_ANNOTATION,
    Reason,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    annotations_of,
    leaving,
    namespace_of,
    uid_of,
)
from mattermost_migrate.domain.originals import pins, plan_target
from mattermost_migrate.domain.pending import pending
from mattermost_migrate.domain.snapshot import Snapshot, owned_by, pod_ready
from mattermost_migrate.domain.steps import Refuse

__all__ = ["is_ours", "not_convertible", "obstacles", "preflight"]


def is_ours(seen: Snapshot, obj: JsonObject) -> bool:
    """Whether this very InstallationMigration created the object."""
    return annotations_of(obj).get(MIGRATION_ANNOTATION) == uid_of(seen.migration)


def preflight(seen: Snapshot) -> Iterator[Refuse]:
    """Every reason not to start, cheap ones first; none when it may.

    The conversion is asked only when ``seen.existing`` was looked at.
    """
    yield from obstacles(seen)
    if seen.source is not None and (seen.existing is not None or not seen.forward):
        yield from _convertible(seen)


def obstacles(seen: Snapshot) -> Iterator[Refuse]:
    """The same without the conversion, for whoever converts anyway: it costs the most by far."""
    yield from _source(seen)
    if seen.source is None:
        return
    yield from _finalized(seen)
    yield from _in_use(seen, seen.source)
    if seen.target is not None and not is_ours(seen, seen.target):
        yield Refuse(
            Reason.NAME_TAKEN,
            f"{seen.taking.kind} {seen.namespace}/{seen.name} exists and no migration made it: "
            f"it and the {seen.giving.kind} of that name claim the same children",
            f"kubectl -n {seen.namespace} get {seen.taking.resource.plural}"
            f".{seen.taking.resource.group} {seen.name} -o yaml",
        )
    yield from _deployment(seen, seen.source)


def _source(seen: Snapshot) -> Iterator[Refuse]:
    plural = f"{seen.giving.resource.plural}.{seen.giving.resource.group}"
    if seen.source is None:
        yield Refuse(
            Reason.NO_SOURCE,
            f"there is no {seen.giving.kind} {seen.namespace}/{seen.name} to migrate",
            f"kubectl -n {seen.namespace} get {plural}",
        )
    elif leaving(seen.source):
        yield Refuse(
            Reason.SOURCE_DELETED,
            f"{seen.giving.kind} {seen.namespace}/{seen.name} is being deleted",
            f"kubectl -n {seen.namespace} get {plural} {seen.name} -o yaml",
        )


def _finalized(seen: Snapshot) -> Iterator[Refuse]:
    """Who finalized a migration gave the way back up, and the backup with it."""
    since = (seen.migration.get("status") or {}).get("finalizedTime")
    if since and not seen.forward:
        yield Refuse(
            Reason.FINALIZED,
            f"the migration of {seen.namespace}/{seen.name} was finalized at {since}: its backup "
            f"is gone, and with it the way back to a {seen.taking.kind}",
            f"kubectl -n {seen.namespace} patch installationmigration {seen.name} --type merge "
            f'-p \'{{"spec":{{"desiredKind":"{seen.giving.kind}"}}}}\'',
        )


#: What only a Mattermost has, and its operator takes away again when it is switched off: objects
#: that nobody would look after once there is a ClusterInstallation.
_SWITCHES: Final = (("awsLoadBalancerController", "enabled"), ("jobServer", "dedicatedJobServer"))


def _in_use(seen: Snapshot, source: JsonObject) -> Iterator[Refuse]:
    """Not to be discarded either: an IngressClass and a Service of another type, a job server."""
    spec = source.get("spec") or {}
    for section, switch in _SWITCHES:
        if not seen.forward and (spec.get(section) or {}).get(switch):
            yield Refuse(
                Reason.NO_PLACE,
                f"{seen.giving.kind} {seen.namespace}/{seen.name}: spec.{section}.{switch}: a "
                f"{seen.taking.kind} has no such field, and what it made would stay behind; "
                "switch it off first, so that its operator takes that away",
                f"kubectl -n {seen.namespace} edit {seen.giving.resource.plural}"
                f".{seen.giving.resource.group} {seen.name}",
            )


def _deployment(seen: Snapshot, source: JsonObject) -> Iterator[Refuse]:
    describe = f"kubectl -n {seen.namespace} describe deployment {seen.name}"
    if seen.deployment is None:
        if not _by_colours(source):
            yield Refuse(
                Reason.NO_DEPLOYMENT,
                f"Deployment {seen.namespace}/{seen.name} does not exist: the {seen.giving.kind} "
                "was never reconciled, or its Deployment was deleted",
                f"kubectl -n {seen.namespace} get {seen.giving.resource.plural}"
                f".{seen.giving.resource.group} {seen.name} -o yaml",
            )
        return
    if not owned_by(seen.deployment, uid_of(source)):
        yield Refuse(
            Reason.DEPLOYMENT_NOT_OWNED,
            f"Deployment {seen.namespace}/{seen.name} is not owned by "
            f"{seen.giving.kind} {seen.name} (uid {uid_of(source)})",
            describe,
        )
    elif seen.deployment["spec"].get("replicas", 1) and not any(map(pod_ready, seen.pods)):
        yield Refuse(
            Reason.NO_READY_PODS,
            f"no pod of Deployment {seen.namespace}/{seen.name} is ready: a migration "
            "keeps what runs, and nothing does",
            describe,
        )
    if pins(seen) and (late := pending(source, seen.deployment["spec"]["template"])):
        yield Refuse(
            Reason.NOT_ROLLED_OUT,
            f"{seen.giving.kind} {seen.namespace}/{seen.name} asks for other pods than run, and "
            f"its operator has yet to roll them out: {', '.join(map(_told, late))}",
            f"kubectl -n {seen.namespace} get deployments,jobs,pods -o wide",
        )


def _told(late: Difference) -> str:
    """The image in full; of a variable only which one, for its value may be a secret."""
    return str(late) if late.field.endswith(".image") else late.field


def _by_colours(source: JsonObject) -> bool:
    """With blue/green there is no Deployment of that name; the conversion says so better."""
    return bool(((source.get("spec") or {}).get("blueGreen") or {}).get("enable"))


def _convertible(seen: Snapshot) -> Iterator[Refuse]:
    try:
        plan_target(seen)
    except RefusedError as refused:
        yield not_convertible(seen, refused)


def not_convertible(seen: Snapshot, refused: RefusedError) -> Refuse:
    """The refusal of what cannot be carried over, with every fault."""
    first = refused.faults[0]
    reason = Reason.NOT_CONVERTIBLE if first.reason == "Invalid" else first.reason
    droppable = all(fault.reason == "NoPlace" for fault in refused.faults)
    hint = "; correct it, or set spec.discardEdits to go back without" if droppable else ""
    return Refuse(
        reason,
        f"{seen.giving.kind} {seen.namespace}/{seen.name} cannot be converted: {refused}{hint}",
        f"kubectl -n {namespace_of(seen.migration)} edit {seen.giving.resource.plural}"
        f".{seen.giving.resource.group} {seen.name}",
    )
