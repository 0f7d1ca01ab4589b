"""Children that the operator left with the kind that gives way, or whose additions it has wiped."""

from __future__ import annotations

from typing import Any, Final

from mattermost_migrate.domain.additions import lost
from mattermost_migrate.domain.inventory import LABELLED, dependents
from mattermost_migrate.domain.names import DEPLOYMENT, Resource
from mattermost_migrate.domain.objects import (
    JsonObject,
    leaving,
    name_of,
    owner_reference,
    owners_of,
    uid_of,
)
from mattermost_migrate.domain.originals import child_role, deployment_role
from mattermost_migrate.domain.snapshot import Snapshot, owned_by
from mattermost_migrate.domain.steps import Act, Look, Part, Verdict
from mattermost_migrate.domain.writes import Write, fence, patch

__all__ = ["transfer_children"]

#: The kinds whose owner may have to be changed: those of the inventory, and no list beside it.
_KINDS: Final = {
    resource.kind: resource for resource in (*(each for each, _ in dependents({})), *LABELLED)
}


def transfer_children(seen: Snapshot) -> Verdict | None:
    """Take over what the operator forgot, and put back what its writes have wiped.

    It leaves ``<name>-mysql-root-password`` behind (operator facts 5.6, W1), and knows nothing of
    objects that others made and gave the old kind as owner. Afterwards nothing names that one.
    """
    if seen.source is None or seen.target is None:
        return None
    if leaving(seen.source):
        return None  # it held, or the deletion would not have been asked for
    if seen.dependents is None:
        return Look(Part.DEPENDENTS)
    writes = tuple(
        write
        for child in seen.dependents
        if (write := _transfer(seen, child, seen.source, seen.target))
    )
    return Act(f"Transferred what the operator left of {seen.name}", writes) if writes else None


def _transfer(
    seen: Snapshot, child: JsonObject, former: JsonObject, owner: JsonObject
) -> Write | None:
    """New owner in, old owner out and others' additions back, in one patch, fenced."""
    saved = _saved_child(seen, child)
    body: dict[str, Any] = lost(saved, child) if saved else {}
    metadata: dict[str, Any] = body.get("metadata") or {}
    if owned_by(child, uid_of(former)):
        with_others = {"metadata": {**child["metadata"], **metadata}}
        reference = owner_reference(owner, seen.taking.resource)
        metadata["ownerReferences"] = _exchanged(with_others, uid_of(former), reference)
    if not body and not metadata:
        return None
    resource: Resource = _KINDS[str(child["kind"])]
    return patch(resource, name_of(child), {**body, "metadata": {**metadata, **fence(child)}})


def _exchanged(child: JsonObject, former: str, owner: JsonObject) -> list[JsonObject]:
    """The owners, with the new one in the place of the former: a controller only where that was.

    Whoever named the former only as an owner, so as to be collected with it, names the new one so.
    """
    by_name = {key: owner[key] for key in ("apiVersion", "kind", "name", "uid")}
    if any(ref["uid"] == owner["uid"] for ref in owners_of(child)):
        return [ref for ref in owners_of(child) if ref["uid"] != former]
    return [{**ref, **by_name} if ref["uid"] == former else ref for ref in owners_of(child)]


def _saved_child(seen: Snapshot, child: JsonObject) -> JsonObject | None:
    if seen.backup is None:
        return None
    if child["kind"] == DEPLOYMENT.kind and name_of(child) == seen.name:
        return seen.backup.get(deployment_role(seen.giving))
    return seen.backup.get(child_role(child, seen.name))
