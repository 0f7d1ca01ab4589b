"""Which pods the Service sends requests to, one by one, while new pods replace old ones.

The operator's Service publishes addresses that are not ready, so a new pod must not match its
selector before it is ready, and an old one must not match any more before it is told to end. No
labels of either kind can say that; one label of our own can. The Service selects by it from before
the first new pod until after the last old one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from mattermost_migrate.domain.conditions import micro_timestamp
from mattermost_migrate.domain.crews import (
    DRAINED,
    TAKEN_OUT,
    UNSERVED,
    handed_over,
    old_sets,
    settled_sets,
    was_taken_out,
)
from mattermost_migrate.domain.fences import await_labelled
from mattermost_migrate.domain.names import (
    ANNOUNCED_ANNOTATION,
    DELETION_COST,
    DRAINED_ANNOTATION,
    NAMED_ANNOTATION,
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
    "call_off",
    "count_drained",
    "hold_service",
    "is_named",
    "serves",
    "serving",
    "settle_labels",
    "strip_serving",
    "switch_service",
    "take_out",
    "take_up",
]

#: Seconds until EndpointSlices are read again: they are not watched.
LOOK_AGAIN: Final = 0.5


def serving(seen: Snapshot) -> dict[str, str]:
    """The label of pods that the Service sends requests to."""
    return {SERVING_LABEL: seen.name}


def serves(pod: JsonObject) -> bool:
    """Whether the pod carries that label."""
    return SERVING_LABEL in labels_of(pod)


def is_named(seen: Snapshot, pod: JsonObject) -> bool:
    """Whether the pod was named to the Service in this very direction.

    One that serves since before may yet be taken out by a write that was decided before the turn.
    """
    return annotations_of(pod).get(NAMED_ANNOTATION) == seen.direction


def take_up(seen: Snapshot, pod: JsonObject) -> Write:
    """Have the Service send requests to the pod."""
    annotations = {**_cleared(pod), NAMED_ANNOTATION: seen.direction}
    return _patched(pod, {"labels": serving(seen), "annotations": annotations})


def take_out(pod: JsonObject) -> Write:
    """Have the Service send no new requests to the pod, and its ReplicaSet remove it first."""
    annotations = {DELETION_COST: TAKEN_OUT}
    return _patched(pod, {"labels": {SERVING_LABEL: None}, "annotations": annotations})


def count_drained(pod: JsonObject, traffic: Traffic) -> Write:
    """Write down since when no EndpointSlice names the pod."""
    cost = DRAINED if was_taken_out(pod) else UNSERVED
    annotations = {DELETION_COST: cost, DRAINED_ANNOTATION: micro_timestamp(traffic.now)}
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
    """Have the Service select by the serving label, which every old pod carries by now.

    It is announced first, by a write of its own, and only a Service on which that stands is held.
    Turned round before, nothing else need be written to the Service, so its version alone would let
    a hold that comes late pass when no pod carries the label any more; ``call_off`` does not.

    While it is held the announcement stays, and says in which direction. Turned round, it is made
    again: a switch to the labels of the other kind, decided before, must not meet the Service when
    the pods of that kind are taken out.
    """
    if handed_over(seen) or not old_sets(seen):
        return None
    if seen.traffic is None:
        return Look(Part.TRAFFIC)
    service = seen.traffic.service
    if service is None:
        return None
    if annotations_of(service).get(ANNOUNCED_ANNOTATION) != seen.direction:
        announced = _annotated(seen, service, seen.direction)
        return Act(f"Announced that Service {seen.name} will be held", (announced,))
    if seen.traffic.held:
        return None
    selector = {**dict.fromkeys(service["spec"].get("selector") or {}), **serving(seen)}
    metadata = {**fence(service), "labels": serving(seen)}
    write = patch(SERVICE, seen.name, {"metadata": metadata, "spec": {"selector": selector}})
    return Act(f"Had Service {seen.name} select the pods that are named to it", (write,))


def call_off(seen: Snapshot) -> Verdict | None:
    """Before pods lose the serving label, see to it that no hold under way can arrive any more."""
    if seen.lock is None:
        return None
    if seen.traffic is None:
        return Look(Part.TRAFFIC)
    service = seen.traffic.service
    if service is None or ANNOUNCED_ANNOTATION not in annotations_of(service):
        return None
    called_off = (_annotated(seen, service, None),)
    return Act(f"Called off that Service {seen.name} will be held", called_off)


def _annotated(seen: Snapshot, service: JsonObject, announced: str | None) -> Write:
    annotations = {ANNOUNCED_ANNOTATION: announced}
    body = {"metadata": {**fence(service), "annotations": annotations}}
    return patch(SERVICE, seen.name, body)


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
    if service is not None and seen.traffic.held:
        if not all(SERVING_LABEL in labels_of(each) for each in seen.traffic.slices):
            message = f"Service {seen.name}: its EndpointSlices have yet to show that it is held"
            return Wait(message, seconds=LOOK_AGAIN)
        # The cache that EndpointSlices are made from must hold the pods' own labels.
        return await_labelled(settled_sets(seen)) or Act(
            f"Switched Service {seen.name} to the labels of the {seen.taking.kind}",
            (_switched(seen, service),),
        )
    return _await_slices(seen, seen.traffic)


def _await_slices(seen: Snapshot, traffic: Traffic) -> Wait | None:
    """The Service is not held any more, and its EndpointSlices must show it."""
    if any(SERVING_LABEL in labels_of(each) for each in traffic.slices):
        message = f"Service {seen.name}: its EndpointSlices have yet to follow"
        return Wait(message, seconds=LOOK_AGAIN)
    return None


def _switched(seen: Snapshot, service: JsonObject) -> Write:
    selector = {SERVING_LABEL: None, **seen.taking.labels.selector(seen.name)}
    metadata: dict[str, Any] = {**fence(service), "labels": {SERVING_LABEL: None}}
    if ANNOUNCED_ANNOTATION in annotations_of(service):
        metadata["annotations"] = {ANNOUNCED_ANNOTATION: None}
    return patch(SERVICE, seen.name, {"metadata": metadata, "spec": {"selector": selector}})


def strip_serving(seen: Snapshot) -> Act | None:
    """Take our label and annotations off what is left; nothing selects by them any more.

    Pods follow, for the reason told in ``stripping``.
    """
    sets = tuple(
        patch(REPLICA_SET, name_of(each), _without_serving(each))
        for each in seen.replica_sets
        if _names_pods(each)
    )
    if sets:
        return Act(f"Took the serving label off the ReplicaSets of {seen.name}", sets)
    return _strip(seen, seen.pods)


def settle_labels(seen: Snapshot) -> Verdict | None:
    """Turned round, go through with what may be under way to pods, before the Service is held."""
    if seen.traffic is None or seen.traffic.held:
        return None
    named = (each for each in settled_sets(seen) if _names_pods(each))
    unlike = (pod for each in named for pod in seen.pods_of(each) if not serves(pod))
    if writes := tuple(take_up(seen, pod) for pod in unlike):
        return Act(f"Named pods of {seen.name} to its Service, like their ReplicaSets", writes)
    bare = (each for each in seen.replica_sets if not _names_pods(each))
    strip = _strip(seen, (pod for each in bare for pod in seen.pods_of(each)))
    return strip and (_await_slices(seen, seen.traffic) or call_off(seen) or strip)


def _strip(seen: Snapshot, pods: Iterable[JsonObject]) -> Act | None:
    writes = tuple(
        _patched(pod, {"labels": {SERVING_LABEL: None}, "annotations": _cleared(pod)})
        for pod in pods
        if serves(pod) or {DRAINED_ANNOTATION, NAMED_ANNOTATION} & annotations_of(pod).keys()
    )
    return Act(f"Took the serving label off the pods of {seen.name}", writes) if writes else None


def _names_pods(replica_set: JsonObject) -> bool:
    """Whether pods that it makes are named to the Service."""
    return SERVING_LABEL in labels_of(replica_set["spec"]["template"])


def _cleared(pod: JsonObject) -> dict[str, None]:
    ours = (DELETION_COST, DRAINED_ANNOTATION, NAMED_ANNOTATION)
    return {key: None for key in ours if key in annotations_of(pod)}


def _without_serving(replica_set: JsonObject) -> dict[str, Any]:
    labels = {SERVING_LABEL: None}
    return {
        "metadata": fence(replica_set),
        "spec": {"template": {"metadata": {"labels": labels}}},
    }
