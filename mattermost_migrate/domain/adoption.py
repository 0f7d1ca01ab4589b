"""The ladder from one kind to the other with the same pods (ADR 1, ADR 2).

One ladder for both directions: to a Mattermost, back to a ClusterInstallation after success, and
back from anywhere in between. Every step may be repeated, and holds or does not by what the
cluster shows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Final

from mattermost_migrate.domain import pin
from mattermost_migrate.domain.backup import manifest
from mattermost_migrate.domain.errors import Fault, RefusedError
from mattermost_migrate.domain.exchange import (
    adopt_deployment,
    await_pods_seen,
    label_pods,
    new_deployment,
    release_deployment,
)
from mattermost_migrate.domain.handover import (
    await_stable,
    create_target,
    freeze_source,
    lock_patch,
    move_service,
    remove_source,
    unlock,
)
from mattermost_migrate.domain.holding import hold
from mattermost_migrate.domain.late import remove_late
from mattermost_migrate.domain.names import DEPLOYMENT, SECRET, Condition, Lock, Reason
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.originals import Beside, originals, plan_target, save_originals
from mattermost_migrate.domain.owners import unseen
from mattermost_migrate.domain.preflight import not_convertible, obstacles
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Act, Look, Part, Step, Verdict, Wait
from mattermost_migrate.domain.stripping import strip_pods
from mattermost_migrate.domain.transfer import transfer_children
from mattermost_migrate.domain.writes import create

__all__ = ["ADOPTION", "validate"]


def validate(
    seen: Snapshot,
    *,
    deployment: Callable[[Snapshot], JsonObject] = new_deployment,
    beside: Beside | None = None,
) -> Verdict | None:
    """Ask everything that can be asked before the first write; the first write is the lock.

    What came late goes first of all, at any time: with it, nothing else here would be true.

    Args:
        seen: the installation.
        deployment: the one that will be created, made from what will be saved.
        beside: what will be saved beside the originals.
    """
    late = remove_late(seen)
    if late or seen.lock:
        return late
    if seen.paused:
        return Wait("paused: it starts when spec.paused is false", Reason.PAUSED)
    if refusal := next(obstacles(seen), None):
        return refusal
    if seen.existing is None and (seen.forward or beside):
        return Look(Part.EXISTING)
    return _begin(seen, deployment, beside)


def _begin(
    seen: Snapshot, deployment: Callable[[Snapshot], JsonObject], beside: Beside | None
) -> Verdict:
    """Put the lock on, once the API server has judged what will be created."""
    try:
        plan = plan_target(seen)
        if unseen(plan.manifest, seen.owners):
            return Look(Part.OWNERS)
        saved = originals(seen, plan.manifest, beside=beside)
    except RefusedError as refused:
        return not_convertible(seen, refused)
    return Act(
        f"Locked {seen.name} against edits",
        (lock_patch(seen, Lock.FROZEN),),
        rehearse=(
            create(SECRET, manifest(seen.namespace, seen.name, saved)),
            create(seen.taking.resource, plan.manifest),
            create(DEPLOYMENT, hold(deployment(dataclasses.replace(seen, backup=saved)))),
        ),
        warnings=tuple(
            (each.field, each.message) for each in (*plan.warnings, *_of_pin(seen, plan.manifest))
        ),
    )


def _of_pin(seen: Snapshot, target: JsonObject) -> Iterator[Fault]:
    """What the pin of the custom resource to create will hold against others."""
    if seen.forward and seen.deployment is not None and seen.existing is not None:
        yield from pin.warnings(target, seen.deployment["spec"]["template"], seen.existing)


ADOPTION: Final = (
    Step(Condition.VALIDATED, validate),
    Step(Condition.ORIGINALS_SAVED, save_originals),  # nothing is deleted before it is saved
    Step(Condition.SOURCE_FROZEN, freeze_source),
    Step(Condition.SERVICE_MOVED, move_service),
    Step(Condition.DEPLOYMENT_RELEASED, release_deployment),
    Step(Condition.PODS_LABELLED, label_pods),
    Step(Condition.PODS_SEEN, await_pods_seen),  # proven by others' caches, not by our reads
    Step(Condition.DEPLOYMENT_ADOPTED, adopt_deployment),
    Step(Condition.TARGET_CREATED, create_target),
    Step(Condition.TARGET_STABLE, await_stable),
    Step(Condition.CHILDREN_TRANSFERRED, transfer_children),
    Step(Condition.PODS_STRIPPED, strip_pods),
    Step(Condition.SOURCE_REMOVED, remove_source),
    Step(Condition.UNLOCKED, unlock),
)
