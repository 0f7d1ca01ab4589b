"""The custom resources and the InstallationMigration: one owner, at work, nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    HELD_LABEL,
    LOCK_LABEL,
    MATTERMOST,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.inspection.subject import Subject, condition, spec_of
from mattermost_migrate.inspection.verdict import Finding, Flaw, full_name

__all__ = ["check"]

_STABLE: Final = "stable"


def check(subject: Subject) -> Iterator[Finding]:
    """Everything about the objects that say who owns the installation."""
    if not subject.owners:
        yield _nobody(subject)
    if len(subject.owners) > 1 and not subject.under_way:
        yield _both(subject, *subject.owners)
    for owner in subject.owners:
        if not subject.under_way:
            yield from _at_work(owner)
    if not subject.under_way:
        yield from map(_held, subject.never_let_go)
    if subject.migration is not None:
        yield from _migration(subject, subject.migration)


def _nobody(subject: Subject) -> Finding:
    where = f"{subject.namespace}/{subject.name}"
    kinds = f"{_plural(CLUSTER_INSTALLATION)},{_plural(MATTERMOST)}"
    return Finding(
        CLUSTER_INSTALLATION.kind,
        subject.namespace,
        subject.name,
        Flaw.MISSING,
        f"there is neither a ClusterInstallation nor a Mattermost {where}",
        f"kubectl -n {subject.namespace} get {kinds}",
    )


def _both(subject: Subject, first: JsonObject, _: JsonObject) -> Finding:
    place = f"kubectl -n {subject.namespace} get"
    return Finding.of(
        first,
        Flaw.TWO_KINDS,
        "there is a ClusterInstallation and a Mattermost of this name, and no migration holds "
        "them: both claim the same children",
        f"{place} {_plural(CLUSTER_INSTALLATION)},{_plural(MATTERMOST)} {subject.name} -o yaml",
    )


def _held(obj: JsonObject) -> Finding:
    """The controller removes such a custom resource when it sees it; whoever is late is no harm."""
    place = f"kubectl -n {obj['metadata']['namespace']}"
    name = obj["metadata"]["name"]
    message = f"a migration created it and never let it go (label {HELD_LABEL})"
    if obj["kind"] != DEPLOYMENT.kind:
        told = f"{message}: it does nothing, and the controller removes it"
        command = f"{place} delete {full_name(obj)} {name} --cascade=orphan"
        return Finding.of(obj, Flaw.HELD_LEFT, told, command)
    # The label says what its owner wants it to be.
    paused = "true" if obj["metadata"]["labels"][HELD_LABEL] == "paused" else "null"
    change = f'{{"metadata":{{"labels":{{"{HELD_LABEL}":null}}}},"spec":{{"paused":{paused}}}}}'
    told = f"{message}: it is paused, and rolls nothing out"
    command = f"{place} patch deployment {name} --type merge -p '{change}'"
    return Finding.of(obj, Flaw.HELD_LEFT, told, command)


def _at_work(owner: JsonObject) -> Iterator[Finding]:
    if owner["metadata"].get("deletionTimestamp"):
        finalizers = ", ".join(owner["metadata"].get("finalizers") or ()) or "nobody"
        yield Finding.of(owner, Flaw.BEING_DELETED, f"it is being deleted, held by {finalizers}")
        return
    if frozen := _frozen(owner):
        yield Finding.of(owner, Flaw.FREEZE_LEFT, f"no migration holds it, and yet {frozen}")
    yield from _stable(owner)


def _frozen(owner: JsonObject) -> str:
    """What keeps the operator from its work, in words; empty when nothing does."""
    spec = spec_of(owner)
    if owner["kind"] == CLUSTER_INSTALLATION.kind:
        canary = spec.get("canary") or {}
        version = (canary.get("deployment") or {}).get("version")
        nameless = canary.get("enable") and not version
        return "spec.canary is enabled without a version, which freezes it" if nameless else ""
    balancer, ingress = spec.get("awsLoadBalancerController") or {}, spec.get("ingress") or {}
    if balancer.get("enabled"):
        empty = not balancer.get("hosts")
        return "spec.awsLoadBalancerController has no hosts, which freezes it" if empty else ""
    hidden = ingress.get("enabled") and not ingress.get("host")
    return "spec.ingress has no host, which freezes it" if hidden else ""


def _stable(owner: JsonObject) -> Iterator[Finding]:
    status = owner.get("status") or {}
    generation = owner["metadata"].get("generation")
    if error := status.get("error"):
        yield Finding.of(owner, Flaw.NOT_STABLE, f"its operator reports: {error}")
    elif status.get("state") != _STABLE:
        state = status.get("state") or "nothing yet"
        yield Finding.of(owner, Flaw.NOT_STABLE, f"its operator reports {state}, not {_STABLE}")
    elif owner["kind"] == MATTERMOST.kind and status.get("observedGeneration") != generation:
        yield Finding.of(owner, Flaw.NOT_STABLE, "its operator has not seen its latest edit")


def _migration(subject: Subject, migration: JsonObject) -> Iterator[Finding]:
    summary = condition(migration, "Succeeded")
    told = str(summary.get("message") or summary.get("reason") or "")
    current = summary.get("observedGeneration") == migration["metadata"].get("generation")
    if subject.under_way:
        if current and summary.get("status") == "True":
            yield Finding.of(
                migration,
                Flaw.LOCK_LEFT,
                f"it reports success and still holds the edit lock (label {LOCK_LABEL})",
            )
        elif current and condition(migration, "Stalled").get("status") == "True":
            command = (migration.get("status") or {}).get("nextCommand") or ""
            yield Finding.of(migration, Flaw.STALLED, f"it stopped half-way: {told}", command)
        return
    reported = _reported(migration) if current else None
    if reported and subject.owner is not None and subject.owner["kind"] != reported:
        yield Finding.of(
            migration,
            Flaw.REPORTED_OTHERWISE,
            f"it reports that {reported} owns the installation, and {subject.owner['kind']} does",
        )


def _reported(migration: JsonObject) -> str | None:
    """The kind that owns the installation by what the migration says of itself; None: it does not.

    Rolled back, it is the other kind.
    """
    summary, wanted = condition(migration, "Succeeded"), str(spec_of(migration)["desiredKind"])
    if summary.get("status") == "True":
        return wanted
    if summary.get("reason") == "RolledBack":
        kinds = (CLUSTER_INSTALLATION.kind, MATTERMOST.kind)
        return kinds[wanted == CLUSTER_INSTALLATION.kind]
    return None


def _plural(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}"
