"""The ladder from one kind to the other with new pods: the strategy Recreate.

A new Deployment beside the old ReplicaSets, the Service named one pod after another, the old pods
drained after. One ladder for both directions, as ``adoption``, and with the same first and last
rungs; what differs lies between the end of the old Deployment and the custom resource.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Final

from mattermost_migrate.domain.adoption import ADOPTION, validate
from mattermost_migrate.domain.backup import Backup
from mattermost_migrate.domain.children import render_cluster_installation
from mattermost_migrate.domain.crews import (
    has_pods,
    old_sets,
    replicas_of,
    settled_sets,
    wanted,
)
from mattermost_migrate.domain.errors import InvariantError
from mattermost_migrate.domain.exchange import (
    exchange_over,
    make_deployment,
    new_deployment,
    relabel,
    release_deployment,
)
from mattermost_migrate.domain.fences import await_labelled, await_removed, await_seen
from mattermost_migrate.domain.handover import (
    await_stable,
    create_target,
    freeze_source,
    lock_patch,
    remove_source,
    unlock,
)
from mattermost_migrate.domain.names import (
    REPLICA_SET,
    SERVING_LABEL,
    Condition,
    Strategy,
)
from mattermost_migrate.domain.objects import Existing, JsonObject, labels_of, leaving
from mattermost_migrate.domain.originals import deployment_role, planned_role, save_originals
from mattermost_migrate.domain.pin import any_password, generated_template, template_of
from mattermost_migrate.domain.pod_template import defaulted
from mattermost_migrate.domain.replacement import first_replicas, keep_history, replace_pods
from mattermost_migrate.domain.serving import (
    call_off,
    hold_service,
    serves,
    serving,
    settle_labels,
    strip_serving,
    switch_service,
    take_up,
)
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Act, Ladder, Look, Part, Step, Verdict
from mattermost_migrate.domain.stripping import labelled, strip_pods
from mattermost_migrate.domain.transfer import transfer_children
from mattermost_migrate.domain.writes import Write

__all__ = ["RECREATION", "ladder_of"]


def plan_deployment(seen: Snapshot, target: JsonObject) -> Mapping[str, JsonObject]:
    """The Deployment that the operator will generate from ``target``, under its role.

    Others' labels and annotations stay on it, and the number of replicas there are now.

    Raises:
        RefusedError: nothing can be generated.
    """
    former = seen.former_deployment
    if former is None or seen.existing is None:
        raise InvariantError(f"{seen.namespace}/{seen.name}: planned without having looked")
    kept = Backup.of({deployment_role(seen.giving): former})
    manifest = new_deployment(dataclasses.replace(seen, backup=kept))
    template = defaulted(_generated(seen, target, seen.existing))
    return {
        planned_role(seen.taking): {**manifest, "spec": {**manifest["spec"], "template": template}}
    }


def _generated(seen: Snapshot, target: JsonObject, existing: Existing) -> JsonObject:
    if seen.forward:
        return generated_template(target, existing)
    rendered = render_cluster_installation(target, existing, generate=any_password)
    return template_of(rendered, f"{seen.taking.kind} {seen.name!r}", seen.name)


def recreated_deployment(seen: Snapshot) -> dict[str, Any]:
    """The Deployment to create: planned, or on the way back the one there was.

    It asks for no more pods than there is room for.
    """
    planned = seen.backup.get(planned_role(seen.taking)) if seen.backup else None
    if planned is None and seen.backup is not None:
        role = deployment_role(seen.taking)
        former = Backup.of({role: seen.backup.get(role)})
        planned = new_deployment(dataclasses.replace(seen, backup=former))
    if planned is None:
        raise InvariantError(f"{seen.namespace}/{seen.name}: no Deployment in the backup")
    return {**planned, "spec": {**planned["spec"], "replicas": first_replicas(seen)}}


def release(seen: Snapshot) -> Verdict | None:
    """Delete the Deployment, whose ReplicaSets have the labels of their own side alone by then.

    Adopted once, they have both. As long as their Deployment is there it says whose they are; when
    it is gone and all turns round, nothing but their labels does.
    """
    former = seen.former_deployment
    if former is None or leaving(former):
        return None
    if replicas_of(former) > wanted(seen):
        # Scaled up since the lock was put on, by an autoscaler, say: when the Deployment is gone
        # only the lock tells how many there were.
        return Act(f"Noted that {seen.name} has more pods by now", (lock_patch(seen, seen.lock),))
    others = seen.taking.labels.of(seen.name)
    writes = tuple(
        labelled(REPLICA_SET, each, dict.fromkeys(others))
        for each in old_sets(seen)
        if others.keys() & labels_of(each).keys()
    )
    if writes:
        return Act(
            f"Took the labels of the {seen.taking.kind} off the ReplicaSets of {seen.name}", writes
        )
    return release_deployment(seen)


def name_pods(seen: Snapshot) -> Verdict | None:
    """Give every old pod the serving label, and take the old Deployment out of all owners.

    The template has it, too, so that an old pod that is replaced serves at once, whether we live
    or not; and what the ReplicaSet counts by it proves that others' caches hold it. Turned round,
    which pods serve is settled already: the others, which may not be ready yet, never will.
    """
    if exchange_over(seen):
        return None
    if seen.traffic is None:
        return Look(Part.TRAFFIC)
    if under_way := settle_labels(seen):
        return under_way
    if sets := tuple(_released(seen, {} if seen.traffic.held else serving(seen))):
        return Act(f"Took the owner of the ReplicaSets of {seen.name} out", sets)
    if seen.traffic.held:
        return None
    pods = (pod for each in old_sets(seen) for pod in seen.pods_of(each) if not serves(pod))
    writes = tuple(take_up(seen, pod) for pod in pods)
    return Act(f"Named the pods of {seen.name} to its Service", writes) if writes else None


def _released(seen: Snapshot, named: Mapping[str, str]) -> tuple[Write, ...]:
    """One patch a ReplicaSet; see ``exchange.label_pods`` for why it is one.

    Args:
        seen: the installation.
        named: labels for the templates of old pods.
    """
    taking = dict.fromkeys(seen.taking.labels.of(seen.name))
    old = (relabel(seen, each, taking, named) for each in old_sets(seen))
    busy = (each for each in settled_sets(seen) if has_pods(seen, each))
    own = (relabel(seen, each, {}, {SERVING_LABEL: None}) for each in busy)
    return (*(write for write in (*old, *own) if write), *keep_history(seen))


def await_released(seen: Snapshot) -> Verdict | None:
    """Wait until kube-controller-manager's caches hold the labels and the Deployment is gone."""
    if exchange_over(seen):
        return None
    if unseen := await_seen(seen.replica_sets) or await_removed(seen):
        return unseen
    old = old_sets(seen)
    if not old:
        return None
    if seen.traffic is None:
        return Look(Part.TRAFFIC)
    return None if seen.traffic.held else await_labelled(old)


def create_deployment(seen: Snapshot) -> Verdict | None:
    """Create the Deployment of new pods."""
    return make_deployment(seen, recreated_deployment)


def strip(seen: Snapshot) -> Verdict | None:
    """Take off what nothing selects by any more."""
    return call_off(seen) or strip_serving(seen) or strip_pods(seen)


RECREATION: Final = (
    Step(
        Condition.VALIDATED,
        functools.partial(validate, deployment=recreated_deployment, beside=plan_deployment),
    ),
    Step(
        Condition.ORIGINALS_SAVED, functools.partial(save_originals, beside=plan_deployment)
    ),  # nothing is deleted before it is saved
    Step(Condition.SOURCE_FROZEN, freeze_source),
    Step(Condition.DEPLOYMENT_RELEASED, release),
    Step(Condition.PODS_LABELLED, name_pods),
    Step(Condition.PODS_SEEN, await_released),  # proven by others' caches, not by our reads
    Step(Condition.SERVICE_HELD, hold_service),
    Step(Condition.DEPLOYMENT_CREATED, create_deployment),
    Step(Condition.PODS_REPLACED, replace_pods),
    Step(Condition.SERVICE_SWITCHED, switch_service),
    Step(Condition.TARGET_CREATED, create_target),
    Step(Condition.TARGET_STABLE, await_stable),
    Step(Condition.CHILDREN_TRANSFERRED, transfer_children),
    Step(Condition.PODS_STRIPPED, strip),
    Step(Condition.SOURCE_REMOVED, remove_source),
    Step(Condition.UNLOCKED, unlock),
)


def ladder_of(seen: Snapshot) -> Ladder:
    """The ladder that this migration climbs: the one it was begun with, while it is under way."""
    return RECREATION if seen.strategy is Strategy.RECREATE else ADOPTION
