"""At the end of a way back, labels come off that nothing selects by any more: pods follow.

A write to a pod may arrive when the migration was turned round. Had the pod been left alone, since
it is as it should be already, it would still be of the version that the write was meant for. So
labels are put on pods, and taken off, only when their ReplicaSet is seen with or without them; and
pods that differ from it are written to before it changes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mattermost_migrate.domain.crews import has_pods
from mattermost_migrate.domain.names import POD, REPLICA_SET, Resource
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of
from mattermost_migrate.domain.slices import await_followed
from mattermost_migrate.domain.snapshot import Snapshot, selected_by
from mattermost_migrate.domain.steps import Act, Verdict
from mattermost_migrate.domain.writes import Outcome, Write, fence, patch

__all__ = ["finish_strip", "labelled", "strip_pods"]


def strip_pods(seen: Snapshot) -> Verdict | None:
    """On the way back, take the labels of the giving kind off, of ReplicaSets and then of pods.

    A ReplicaSet that selects by them needs them on its pods; without any it needs them nowhere.
    That the Service selects by them no more must be known to who makes EndpointSlices.
    """
    if seen.forward:
        return None
    labels = seen.giving.labels.of(seen.name)
    sets = [
        each
        for each in seen.replica_sets
        if not (labels.keys() & selected_by(each).keys() and has_pods(seen, each))
    ]
    marked = [each for each in sets if labels.keys() & labels_of(each).keys()]
    unlike = [
        p for each in marked for p in seen.pods_of(each) if not labels.keys() & labels_of(p).keys()
    ]
    if seen.refused:
        unlike = []  # to label one may be just what was refused; a late label does no harm
    if late := tuple(labelled(POD, pod, labels) for pod in unlike):
        return Act(f"Labelled pods of {seen.name} like their ReplicaSets", late)
    strip = _strip(seen, sets, labels)
    if first := tuple(labelled(REPLICA_SET, each, dict.fromkeys(labels)) for each in marked):
        strip = Act(f"Took labels off the ReplicaSets of {seen.name}", first)
    return strip and (await_followed(seen) or strip)


def finish_strip(seen: Snapshot) -> Act | None:
    """Turned round, go through with what may be under way, before there are such labels again."""
    labels = seen.taking.labels.of(seen.name)
    bare = [each for each in seen.replica_sets if not labels.keys() & labels_of(each).keys()]
    return _strip(seen, bare, labels) if seen.forward else None


def _strip(seen: Snapshot, sets: Iterable[JsonObject], labels: Mapping[str, str]) -> Act | None:
    writes = tuple(
        labelled(POD, pod, dict.fromkeys(labels))
        for each in sets
        for pod in seen.pods_of(each)
        if labels.keys() & labels_of(pod).keys()
    )
    return Act(f"Took labels off the pods of {seen.name}", writes) if writes else None


def labelled(resource: Resource, obj: JsonObject, labels: Mapping[str, str | None]) -> Write:
    """Put labels on, or take them off (None); one that is gone by now is no failure."""
    body = {"metadata": {**fence(obj), "labels": dict(labels)}}
    return patch(resource, name_of(obj), body, tolerate=frozenset({Outcome.NOT_FOUND}))
