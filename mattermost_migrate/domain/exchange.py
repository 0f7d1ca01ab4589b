"""The exchange of one Deployment for another around ReplicaSets that stay.

Selectors cannot be edited, but a Deployment adopts any ReplicaSet whose labels match its selector,
and counts it as its own revision when the template is equal; labels and templates can be patched.
So ReplicaSets, their templates and their pods get the labels of both kinds, while the Deployment
object is exchanged. Either direction uses the same steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from mattermost_migrate.domain.fences import await_labelled, await_removed, await_seen
from mattermost_migrate.domain.holding import hold, is_held, let_go, unheld
from mattermost_migrate.domain.names import (
    DEPLOYMENT,
    POD,
    REPLICA_SET,
    REVISION_ANNOTATION,
    Reason,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    annotations_of,
    controller_of,
    labels_of,
    leaving,
    name_of,
    uid_of,
)
from mattermost_migrate.domain.originals import deployment_role, returning, saved_deployment
from mattermost_migrate.domain.snapshot import (
    Snapshot,
    deployment_current,
    deployment_settled,
    owned_by,
    selected_by,
)
from mattermost_migrate.domain.steps import Act, Refuse, Verdict, Wait
from mattermost_migrate.domain.stripping import finish_strip, labelled
from mattermost_migrate.domain.writes import (
    PatchType,
    Write,
    create,
    fence,
    orphan,
    patch,
)

__all__ = [
    "adopt_deployment",
    "await_pods_seen",
    "exchange_over",
    "label_pods",
    "make_deployment",
    "new_deployment",
    "relabel",
    "release_deployment",
]


def release_deployment(seen: Snapshot) -> Verdict | None:
    """Delete the Deployment, leave its ReplicaSets; holds as soon as the DELETE is accepted.

    Not while it is about to adopt one: the garbage collector takes the owner out of the ReplicaSets
    that it knows to be owned, and would collect one that was adopted at that very moment.
    """
    former = seen.former_deployment
    if former is None or leaving(former):
        return None
    if uid_of(former) != uid_of(saved_deployment(seen)):
        return Refuse(
            Reason.NAME_TAKEN,
            f"Deployment {seen.namespace}/{seen.name} (uid {uid_of(former)}) is not the one that "
            "was saved: somebody created it in the middle of the migration",
            f"kubectl -n {seen.namespace} get deployment {seen.name} -o yaml",
        )
    for each in seen.replica_sets:
        if controller_of(each) is None and not leaving(each) and _selects(former, each):
            return Wait(f"Deployment {seen.name}: has yet to adopt ReplicaSet {name_of(each)}")
    return Act(
        f"Deleted Deployment {seen.name}, leaving its ReplicaSets", (orphan(DEPLOYMENT, former),)
    )


def _selects(deployment: JsonObject, replica_set: JsonObject) -> bool:
    wanted = selected_by(deployment)
    return bool(wanted) and wanted.items() <= labels_of(replica_set).items()


def label_pods(seen: Snapshot) -> Verdict | None:
    """Give ReplicaSets, their templates and their pods the labels of the kind that takes over.

    Going forward those of the other kind stay: users select by them. On the way back they go from
    the template, which must be again what the v1alpha1 generator makes, unless the ReplicaSet
    itself selects by them; pods keep them until nothing does.

    One patch a ReplicaSet, and it also takes the old owner out. That it is one patch is what makes
    a fence on the Deployment unnecessary: a Deployment controller that has not seen the deletion
    finds its ReplicaSet orphaned, must re-read the Deployment live, and gives up.
    """
    if exchange_over(seen):
        return None
    gone = seen.source is None and seen.former_deployment is None
    if not seen.replica_sets and saved_deployment(seen)["spec"].get("replicas", 1) and not gone:
        # Without one, the next steps would hold for nothing, and new pods would be made. Where
        # somebody deleted the old kind and what it owned, there is nothing left to wait for.
        return Wait(f"Deployment {seen.name}: no ReplicaSet of it is seen")
    if under_way := finish_strip(seen):
        return under_way
    wanted = seen.taking.labels.of(seen.name)
    sets = [write for each in seen.replica_sets if (write := _label_replica_set(seen, each))]
    if sets:
        return Act(f"Labelled ReplicaSets of {seen.name} and took their owner out", tuple(sets))
    pods = [labelled(POD, pod, wanted) for pod in seen.pods if _lacks(labels_of(pod), wanted)]
    return Act(f"Labelled pods of {seen.name}", tuple(pods)) if pods else None


def _label_replica_set(seen: Snapshot, replica_set: JsonObject) -> Write | None:
    wanted = seen.taking.labels.of(seen.name)
    inside: dict[str, str | None] = {**wanted}
    giving = seen.giving.labels.of(seen.name)
    if not seen.forward and not giving.keys() & selected_by(replica_set).keys():
        inside |= dict.fromkeys(giving)
    # The object itself keeps the labels of the giving kind until its Deployment is gone: were it
    # out of the old selector, a Deployment controller that has not seen the deletion would have
    # nothing to adopt, so nothing to re-read, and would make a new ReplicaSet.
    return relabel(seen, replica_set, wanted, inside)


def relabel(
    seen: Snapshot,
    replica_set: JsonObject,
    outside: Mapping[str, str | None],
    inside: Mapping[str, str | None],
    noted: Mapping[str, str | None] = MappingProxyType({}),
) -> Write | None:
    """Take the owners out that were let go and change labels, in one patch; None if all is so.

    Args:
        seen: the installation.
        replica_set: one of its ReplicaSets.
        outside: labels of the object; None takes one off.
        inside: labels of its template.
        noted: annotations of its template.
    """
    former = [uid for uid in _former_owners(seen) if owned_by(replica_set, uid)]
    template = replica_set["spec"]["template"]
    changed: dict[str, Any] = {"labels": dict(inside)}
    if _lacks(annotations_of(template), noted):
        changed["annotations"] = dict(noted)
    elif not (
        former or _lacks(labels_of(replica_set), outside) or _lacks(labels_of(template), inside)
    ):
        return None
    metadata: dict[str, Any] = {**fence(replica_set), "labels": dict(outside)}
    if former:
        metadata["ownerReferences"] = [{"$patch": "delete", "uid": uid} for uid in former]
    return patch(
        REPLICA_SET,
        name_of(replica_set),
        {"metadata": metadata, "spec": {"template": {"metadata": changed}}},
        patch_type=PatchType.STRATEGIC,
    )


def _former_owners(seen: Snapshot) -> frozenset[str]:
    """UIDs of the Deployments that were released, in whichever direction that began."""
    roles = map(deployment_role, (seen.giving, seen.taking))
    saved = seen.backup.uids(roles) if seen.backup else frozenset()
    return saved - {uid_of(seen.deployment)} if seen.exchanged and seen.deployment else saved


def exchange_over(seen: Snapshot) -> bool:
    """Whether the exchange is behind us.

    A Deployment that is held may have been created for a migration that has turned round twice
    since: before it goes on, its ReplicaSets and pods are to be labelled and seen as for a new one.
    """
    return seen.exchanged and seen.deployment is not None and not is_held(seen.deployment)


def _lacks(there: Mapping[str, str], wanted: Mapping[str, str | None]) -> bool:
    return any(there.get(key) != value for key, value in wanted.items())


def await_pods_seen(seen: Snapshot) -> Verdict | None:
    """Wait until kube-controller-manager's own caches hold the labels and the Deployment is gone.

    Without these fences it was measured to make new pods and to lose addresses of the Service.
    """
    if exchange_over(seen):
        return None
    sets = seen.replica_sets
    return await_seen(sets) or await_labelled(sets) or await_removed(seen)


def new_deployment(seen: Snapshot) -> dict[str, Any]:
    """The Deployment that takes the ReplicaSets over: the saved one under the other labels.

    The owner comes later, with the custom resource: an owner that does not exist yet would have
    the garbage collector delete it. Others' labels and annotations stay. So does the record of what
    the other kind's operator last applied: whoever takes over tells by it what of the template was
    that operator's, and goes, and what was put there by others.
    """
    saved = unheld(saved_deployment(seen))
    taking = seen.taking.labels.of(seen.name)
    ours = {**seen.giving.labels.of(seen.name), **taking}
    labels = {key: value for key, value in labels_of(saved).items() if key not in ours}
    annotations = {
        key: value
        for key, value in (saved["metadata"].get("annotations") or {}).items()
        if key != REVISION_ANNOTATION  # its controller writes it, from the ReplicaSets it finds
    }
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": {
            "name": seen.name,
            "namespace": seen.namespace,
            "labels": labels | taking,
            **({"annotations": annotations} if annotations else {}),
        },
        "spec": {
            **saved["spec"],
            "selector": {"matchLabels": seen.taking.labels.selector(seen.name)},
            "template": _template(seen, saved["spec"]["template"]),
        },
    }


def _template(seen: Snapshot, saved: JsonObject) -> dict[str, Any]:
    """The saved template with the labels that ``label_pods`` gives the ReplicaSet of it."""
    metadata = saved.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), **seen.taking.labels.of(seen.name)}
    giving = seen.giving.labels.of(seen.name)
    if not seen.forward and not _selected_by_any(seen, giving):
        labels = {key: value for key, value in labels.items() if key not in giving}
    return {**saved, "metadata": {**metadata, "labels": labels}}


def _selected_by_any(seen: Snapshot, labels: Mapping[str, str]) -> bool:
    """Whether a ReplicaSet that still has pods selects by any of the labels, so keeps them."""
    return any(
        labels.keys() & selected_by(each).keys()
        for each in seen.replica_sets
        if each["spec"].get("replicas")
    )


def make_deployment(seen: Snapshot, planned: Callable[[Snapshot], JsonObject]) -> Verdict | None:
    """Create the Deployment and let it go; holds when both is done.

    Args:
        seen: the installation.
        planned: what it is to be; asked only when that is needed.
    """
    if seen.deployment is None:
        held = create(DEPLOYMENT, hold(planned(seen)))
        return Act(f"Created Deployment {seen.name}, paused", (held,))
    if leaving(seen.deployment):
        return Wait(f"Deployment {seen.name}: somebody deleted it, waiting for its end")
    if is_held(seen.deployment):
        freed = let_go(DEPLOYMENT, seen.deployment, planned(seen))
        return Act(f"Let Deployment {seen.name} go on", (freed,))
    return None


def adopt_deployment(seen: Snapshot) -> Verdict | None:
    """Create the Deployment; holds when every replica wanted is its own, current and available.

    On the way back to what there was they need not be available.
    """
    if verdict := make_deployment(seen, new_deployment):
        return verdict
    holds = deployment_current if returning(seen) else deployment_settled
    if seen.source is not None and seen.deployment is not None and not holds(seen.deployment):
        return Wait(f"Deployment {seen.name}: not all replicas are adopted, current and available")
    return None
