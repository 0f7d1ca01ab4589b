"""Which pods the Service sends requests to, one by one, while new pods replace old ones.

The operator's Service publishes addresses that are not ready, so a new pod must not match its
selector before it is ready, and an old one must not match any more before it is told to end. No
labels of either kind can say that; one label of our own can. The Service selects by it from before
the first new pod until after the last old one.
"""

from __future__ import annotations

from typing import Any, Final

from mattermost_migrate.domain.conditions import micro_timestamp
from mattermost_migrate.domain.crews import handed_over, old_sets, settled_sets
from mattermost_migrate.domain.names import (
    DRAINED_ANNOTATION,
    POD,
    REPLICA_SET,
    SERVICE,
    SERVING_LABEL,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of, labels_of, name_of
from mattermost_migrate.domain.snapshot import Snapshot, Traffic
from mattermost_migrate.domain.steps import Act, Look, Part, Verdict, Wait
from mattermost_migrate.domain.writes import Outcome, Write, fence, patch

__all__ = [
    "LOOK_AGAIN",
    "count_drained",
    "hold_service",
    "serves",
    "serving",
    "strip_serving",
    "switch_service",
    "take_out",
    "take_up",
]

#: Seconds until EndpointSlices are read again: they are not watched.
LOOK_AGAIN: Final = 0.5
#: By this its ReplicaSet removes the pod before others (Kubernetes' own annotation): what is
#: drained before what was merely taken out, be it by a write that arrives when the cut is made.
_DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_FIRST_TO_GO: Final = "-2147483647"
_NEXT_TO_GO: Final = "-2147483646"


def serving(seen: Snapshot) -> dict[str, str]:
    """The label of pods that the Service sends requests to."""
    return {SERVING_LABEL: seen.name}


def serves(pod: JsonObject) -> bool:
    """Whether the pod carries that label."""
    return SERVING_LABEL in labels_of(pod)


def take_up(seen: Snapshot, pod: JsonObject) -> Write:
    """Have the Service send requests to the pod."""
    metadata: dict[str, Any] = {"labels": serving(seen)}
    if annotations_of(pod):
        metadata["annotations"] = {_DELETION_COST: None, DRAINED_ANNOTATION: None}
    return _patched(pod, metadata)


def take_out(pod: JsonObject) -> Write:
    """Have the Service send no new requests to the pod, and its ReplicaSet remove it first."""
    annotations = {_DELETION_COST: _NEXT_TO_GO}
    return _patched(pod, {"labels": {SERVING_LABEL: None}, "annotations": annotations})


def count_drained(pod: JsonObject, traffic: Traffic) -> Write:
    """Write down since when no EndpointSlice names the pod."""
    annotations = {_DELETION_COST: _FIRST_TO_GO, DRAINED_ANNOTATION: micro_timestamp(traffic.now)}
    return _patched(pod, {"annotations": annotations})


def _patched(pod: JsonObject, metadata: dict[str, Any]) -> Write:
    """A pod that is gone by now is no failure: its ReplicaSet cares."""
    return patch(
        POD,
        name_of(pod),
        {"metadata": {**fence(pod), **metadata}},
        tolerate=frozenset({Outcome.NOT_FOUND}),
    )


def hold_service(seen: Snapshot) -> Verdict | None:
    """Have the Service select by the serving label, which every old pod carries by now."""
    if handed_over(seen) or not old_sets(seen):
        return None
    if seen.traffic is None:
        return Look(Part.TRAFFIC)
    service = seen.traffic.service
    if service is None or seen.traffic.held:
        return None
    selector = {**dict.fromkeys(service["spec"].get("selector") or {}), **serving(seen)}
    write = _patched_service(seen, service, selector, serving(seen))
    return Act(f"Had Service {seen.name} select the pods that are named to it", (write,))


def switch_service(seen: Snapshot) -> Verdict | None:
    """Have the Service select by the labels of the taking side, which every pod left carries.

    EndpointSlices copy the labels of their Service. Ours was on them while the Service was held;
    that it is gone proves that their controller knows of the new selector, so that it no longer
    matters what becomes of the pods' labels. That it was there is awaited first: where it never
    was, their controller may have yet to see that the Service was held at all.
    """
    if handed_over(seen):
        return None
    if seen.traffic is None:
        return Look(Part.TRAFFIC)
    service = seen.traffic.service
    labelled = [SERVING_LABEL in labels_of(each) for each in seen.traffic.slices]
    if service is not None and seen.traffic.held:
        if not all(labelled):
            message = f"Service {seen.name}: its EndpointSlices have yet to show that it is held"
            return Wait(message, seconds=LOOK_AGAIN)
        return _await_labels(seen) or Act(
            f"Switched Service {seen.name} to the labels of the {seen.taking.kind}",
            (_switched(seen, service),),
        )
    if any(labelled):
        message = f"Service {seen.name}: its EndpointSlices have yet to follow"
        return Wait(message, seconds=LOOK_AGAIN)
    return None


def _await_labels(seen: Snapshot) -> Verdict | None:
    """The pods' own labels must be known to the cache that EndpointSlices are made from."""
    for replica_set in settled_sets(seen):
        status = replica_set.get("status") or {}
        if status.get("fullyLabeledReplicas", 0) != status.get("replicas", 0):
            where = f"ReplicaSet {name_of(replica_set)}"
            return Wait(f"{where}: its controller has yet to see the labels of its pods")
    return None


def _switched(seen: Snapshot, service: JsonObject) -> Write:
    selector = {SERVING_LABEL: None, **seen.taking.labels.selector(seen.name)}
    return _patched_service(seen, service, selector, {SERVING_LABEL: None})


def _patched_service(
    seen: Snapshot,
    service: JsonObject,
    selector: dict[str, str | None],
    labels: dict[str, str] | dict[str, None],
) -> Write:
    metadata = {**fence(service), "labels": labels}
    return patch(SERVICE, seen.name, {"metadata": metadata, "spec": {"selector": selector}})


def strip_serving(seen: Snapshot) -> Verdict | None:
    """Take our label and annotations off what is left; nothing selects by them any more."""
    pods = tuple(
        _patched(pod, {"labels": {SERVING_LABEL: None}, "annotations": _cleared(pod)})
        for pod in seen.pods
        if serves(pod) or DRAINED_ANNOTATION in annotations_of(pod)
    )
    sets = tuple(
        patch(REPLICA_SET, name_of(each), _without_serving(each))
        for each in seen.replica_sets
        if SERVING_LABEL in labels_of(each["spec"]["template"])
    )
    writes = (*pods, *sets)
    return Act(f"Took the serving label off the pods of {seen.name}", writes) if writes else None


def _cleared(pod: JsonObject) -> dict[str, None]:
    ours = (_DELETION_COST, DRAINED_ANNOTATION)
    return {key: None for key in ours if key in annotations_of(pod)}


def _without_serving(replica_set: JsonObject) -> dict[str, Any]:
    labels = {SERVING_LABEL: None}
    return {
        "metadata": fence(replica_set),
        "spec": {"template": {"metadata": {"labels": labels}}},
    }
