"""Deployments, ReplicaSets and pods: each is owned by one that lives, and enough are ready."""

from __future__ import annotations

from collections.abc import Iterator

from mattermost_migrate.domain.names import (
    DEPLOYMENT,
    JOB,
    MATTERMOST,
    POD,
    REPLICA_SET,
    V1ALPHA1,
    V1BETA1,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    controller_of,
    labels_of,
    name_of,
    uid_of,
)
from mattermost_migrate.inspection.subject import Subject, selector_of, spec_of
from mattermost_migrate.inspection.verdict import Finding, Flaw

__all__ = ["check", "living", "pods_of", "ready", "replica_sets_of"]


def living(obj: JsonObject) -> bool:
    """Not on its way out."""
    return not obj["metadata"].get("deletionTimestamp")


def ready(pod: JsonObject) -> bool:
    """Whether it can serve."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return living(pod) and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def check(subject: Subject) -> Iterator[Finding]:
    """Everything about what runs."""
    if subject.owners and not subject.coloured:
        yield from _deployment(subject)
    for replica_set in replica_sets_of(subject):
        yield from _replica_set(subject, replica_set)
    for pod in pods_of(subject):
        yield from _pod(subject, pod)
    yield from _enough(subject)
    if not subject.under_way and subject.owner is not None:
        yield from _labels_left(subject)


def _deployment(subject: Subject) -> Iterator[Finding]:
    deployment = subject.deployment
    if deployment is None or not living(deployment):
        if not subject.under_way:
            yield _no_deployment(subject)
        return
    selects = selector_of(deployment)
    if not any(dict(selects) == dict(wanted) for wanted in subject.selectors()):
        described = ",".join(f"{key}={value}" for key, value in sorted(selects.items()))
        yield Finding.of(
            deployment,
            Flaw.OTHER_SELECTOR,
            f"it selects by {described or 'nothing'}, which is not what the kind that owns the "
            "installation selects by",
        )
    if not subject.under_way and not subject.scene.controlled_by(deployment, REPLICA_SET):
        yield Finding.of(deployment, Flaw.MISSING, "it controls no ReplicaSet")


def _no_deployment(subject: Subject) -> Finding:
    command = f"kubectl -n {subject.namespace} get replicasets,pods --show-labels"
    return Finding(
        DEPLOYMENT.kind,
        subject.namespace,
        subject.name,
        Flaw.MISSING,
        "there is no such Deployment, or it is being deleted",
        command,
    )


def replica_sets_of(subject: Subject) -> list[JsonObject]:
    """Those that its labels, or its Deployment, call the installation's."""
    found = {
        uid_of(each): each
        for each in subject.scene.labelled(REPLICA_SET, subject.namespace, subject.name)
    }
    if subject.deployment is not None:
        for each in subject.scene.controlled_by(subject.deployment, REPLICA_SET):
            found[uid_of(each)] = each
    return [each for each in found.values() if living(each)]


def pods_of(subject: Subject) -> list[JsonObject]:
    """Those that their labels, or their ReplicaSet, call the installation's."""
    found = {
        uid_of(each): each for each in subject.scene.labelled(POD, subject.namespace, subject.name)
    }
    for replica_set in replica_sets_of(subject):
        found |= {uid_of(each): each for each in subject.scene.controlled_by(replica_set, POD)}
    return [each for each in found.values() if living(each)]


def _replica_set(subject: Subject, replica_set: JsonObject) -> Iterator[Finding]:
    controller = controller_of(replica_set)
    if controller is None:
        if not subject.under_way:
            yield Finding.of(replica_set, Flaw.NO_OWNER, "no Deployment controls it")
    elif controller["kind"] == DEPLOYMENT.kind and not subject.scene.exists(controller["uid"]):
        told = f"the Deployment {controller['name']} (uid {controller['uid']}) does not exist"
        yield Finding.of(replica_set, Flaw.OWNER_UNKNOWN, f"its controller, {told}")


def _pod(subject: Subject, pod: JsonObject) -> Iterator[Finding]:
    controller = controller_of(pod)
    if controller is None:
        yield Finding.of(pod, Flaw.NO_OWNER, "no ReplicaSet controls it, so none replaces it")
    elif controller["kind"] == REPLICA_SET.kind and not subject.scene.exists(controller["uid"]):
        told = f"the ReplicaSet {controller['name']} (uid {controller['uid']}) does not exist"
        yield Finding.of(pod, Flaw.OWNER_UNKNOWN, f"its controller, {told}")
    elif controller["kind"] not in (REPLICA_SET.kind, JOB.kind):
        yield Finding.of(pod, Flaw.OTHER_OWNER, f"a {controller['kind']} controls it")


def _enough(subject: Subject) -> Iterator[Finding]:
    """Count the ready pods against what is wanted, whoever asks for them at the moment."""
    deployment = subject.deployment
    sets = replica_sets_of(subject)
    if deployment is not None and living(deployment):
        asking, wanted = deployment, int(spec_of(deployment).get("replicas", 1))
    elif sets and subject.under_way:
        asking = max(sets, key=lambda each: int(spec_of(each).get("replicas", 0)))
        wanted = sum(int(spec_of(each).get("replicas", 0)) for each in sets)
    else:
        return
    # Without a Deployment those are counted that its ReplicaSets keep.
    own = sets if asking is not deployment else _own(subject, asking, sets)
    there = sum(map(ready, (p for each in own for p in subject.scene.controlled_by(each, POD))))
    if there < wanted:
        yield Finding.of(
            asking,
            Flaw.TOO_FEW_READY,
            f"{wanted} ready pods are wanted, and there are {there}",
            f"kubectl -n {subject.namespace} get pods -o wide",
        )


def _own(subject: Subject, deployment: JsonObject, sets: list[JsonObject]) -> list[JsonObject]:
    """Its ReplicaSets; under way also those that it has yet to adopt."""
    controllers = {uid_of(deployment)}
    return [
        each
        for each in sets
        if (controller := controller_of(each) or {}).get("uid") in controllers
        or (not controller and subject.under_way)
    ]


def _labels_left(subject: Subject) -> Iterator[Finding]:
    """Back as a ClusterInstallation, nothing should look like a Mattermost's.

    The other way round they stay: users select by them.
    """
    if subject.owner is None or subject.owner["kind"] == MATTERMOST.kind:
        return
    left = set(V1BETA1.of(subject.name)) - set(V1ALPHA1.of(subject.name))
    for replica_set in replica_sets_of(subject):
        if left & set(selector_of(replica_set)):
            continue  # it was made under a Mattermost, and cannot do without
        for obj in (replica_set, *subject.scene.controlled_by(replica_set, POD)):
            if found := sorted(left & set(labels_of(obj))):
                yield Finding.of(
                    obj,
                    Flaw.LABELS_LEFT,
                    f"it still carries labels of a Mattermost: {', '.join(found)}",
                    f"kubectl -n {subject.namespace} label {str(obj['kind']).lower()} "
                    f"{name_of(obj)} {' '.join(f'{key}-' for key in found)}",
                )
