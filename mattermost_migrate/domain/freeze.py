"""Freezing an installation, so that its operator writes nothing while its children change hands.

Both freezes use what the Go operator refuses by itself, and what it says when it refuses is the
acknowledgement that its cache has seen the freeze (operator facts 5.1, 3.1).
"""

from __future__ import annotations

from typing import Any

from mattermost_migrate.domain.conversion.metadata import is_marker
from mattermost_migrate.domain.names import (
    ACKNOWLEDGEMENT,
    CLUSTER_INSTALLATION,
    FROZEN_ANNOTATION,
    HELD_LABEL,
    MATTERMOST,
    Resource,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    annotations_of,
    labels_of,
    leaving,
    name_of,
)
from mattermost_migrate.domain.pod_patch import pointer
from mattermost_migrate.domain.writes import PatchType, Write, fence, patch

__all__ = [
    "acknowledged",
    "acknowledgement_stands",
    "bears_freeze",
    "clear_acknowledgement",
    "edited_generation",
    "freeze",
    "frozen",
    "frozen_for",
    "frozen_spec",
    "looks_stable",
    "nudge",
    "resource_of",
    "texts_edited",
    "thaw",
    "thawed_spec",
    "unmark",
    "unmarked",
]


def frozen(obj: JsonObject) -> bool:
    """Whether the object carries the freeze of its kind."""
    spec = obj.get("spec") or {}
    if obj["kind"] == MATTERMOST.kind:
        return _mattermost_frozen(spec)
    canary = spec.get("canary") or {}
    version = (canary.get("deployment") or {}).get("version")
    return bool(spec.get("migrate") and canary.get("enable") and not version)


def _mattermost_frozen(spec: JsonObject) -> bool:
    balancer = spec.get("awsLoadBalancerController") or {}
    if balancer.get("enabled"):
        return not balancer.get("hosts")
    ingress = spec.get("ingress") or {}
    return bool(ingress.get("enabled")) and not ingress.get("host")


def acknowledgement_stands(obj: JsonObject) -> bool:
    """Whether the status carries an acknowledgement, be it of this freeze or of an earlier one."""
    status = obj.get("status") or {}
    if obj["kind"] == MATTERMOST.kind:
        return _expected_error(obj) in (status.get("error") or "")
    return ACKNOWLEDGEMENT in ((status.get("migration") or {}).get("status") or "")


def acknowledged(obj: JsonObject) -> bool:
    """Whether the operator has said that it sees the freeze on ``obj``.

    A Mattermost's status names the generation it speaks of; a ClusterInstallation's does not, which
    is why ``clear_acknowledgement`` comes before its freeze.
    """
    if not (frozen(obj) and acknowledgement_stands(obj)):
        return False
    if obj["kind"] == CLUSTER_INSTALLATION.kind:
        return True
    return bool((obj.get("status") or {}).get("observedGeneration") == edited_generation(obj))


def edited_generation(obj: JsonObject) -> int | None:
    """The generation that its spec is of; None where there is none.

    A deletion that waits for finalizers raises the generation as well, and edits nothing
    (``BeforeDelete`` of Kubernetes' registry).
    """
    generation: int | None = obj["metadata"].get("generation")
    return generation - 1 if generation is not None and leaving(obj) else generation


def _expected_error(mattermost: JsonObject) -> str:
    balancer = (mattermost.get("spec") or {}).get("awsLoadBalancerController") or {}
    return "awsLoadBalancerController.hosts" if balancer.get("enabled") else "ingress.host required"


def frozen_spec(obj: JsonObject) -> dict[str, Any]:
    """The fields that freeze ``obj``, as a merge patch of its spec.

    The empty canary version is a second lock: with ``migrate`` taken away alone, the operator fails
    its defaults instead of reconciling.
    """
    if obj["kind"] == CLUSTER_INSTALLATION.kind:
        return {"migrate": True, "canary": {"enable": True, "deployment": {"version": ""}}}
    if ((obj.get("spec") or {}).get("awsLoadBalancerController") or {}).get("enabled"):
        return {"awsLoadBalancerController": {"hosts": []}}
    return {"ingress": {"enabled": True, "host": ""}}


def bears_freeze(obj: JsonObject, saved: JsonObject) -> bool:
    """Whether the object carries the freeze, or what an apply by force has left of it.

    Args:
        obj: the object as it is.
        saved: the same object before it was frozen.
    """
    if frozen(obj) or obj["kind"] == MATTERMOST.kind:
        return frozen(obj)
    spec = obj.get("spec") or {}
    canary = spec.get("canary") or {}
    second_lock = canary.get("enable") and not (canary.get("deployment") or {}).get("version")
    first_lock = spec.get("migrate") and not (saved.get("spec") or {}).get("migrate")
    return bool(second_lock or first_lock)


def thawed_spec(obj: JsonObject, saved: JsonObject) -> dict[str, Any]:
    """The spec of a frozen object as it would be without: that of ``saved``, and edits made since.

    Args:
        obj: the object as it is.
        saved: the same object before it was frozen.
    """
    before, marks = saved.get("spec") or {}, frozen_spec(obj)
    spec = {key: value for key, value in obj["spec"].items() if key not in marks}
    return spec | {key: before[key] for key in marks if key in before}


def texts_edited(obj: JsonObject, saved: JsonObject) -> dict[str, dict[str, str | None]]:
    """Labels and annotations of a frozen object that are others than those that were saved.

    The edit lock lets them pass. Marks of who manages the object are not counted, ours among them.

    Args:
        obj: the object as it is.
        saved: the same object before it was frozen.

    Returns:
        As a merge patch of its metadata; empty where nothing was edited.
    """
    edited: dict[str, dict[str, str | None]] = {}
    for group, texts in (("labels", labels_of), ("annotations", annotations_of)):
        now, then = texts(obj), texts(saved)
        changed = {
            key: now.get(key)
            for key in sorted({*now, *then})
            if now.get(key) != then.get(key) and not is_marker(key)
        }
        if changed:
            edited[group] = changed
    return edited


def freeze(obj: JsonObject, direction: str) -> Write:
    """The patch that freezes exactly the object that was seen, and no later edit of it.

    From here on it is frozen and owns the installation: where a mark was left of its creation, by
    somebody who thawed it by force, that mark goes.

    Args:
        obj: the object as it is.
        direction: in which the migration goes. What is frozen for another one is frozen again, and
            be it only for the version that it then has: a thaw from before the turn that comes late
            must not meet it.
    """
    let_go = {"labels": {HELD_LABEL: None}} if HELD_LABEL in labels_of(obj) else {}
    metadata = {**fence(obj), **let_go, "annotations": {FROZEN_ANNOTATION: direction}}
    return patch(resource_of(obj), name_of(obj), {"metadata": metadata, "spec": frozen_spec(obj)})


def frozen_for(obj: JsonObject, direction: str) -> bool:
    """Whether it was frozen since the migration goes in that direction."""
    return frozen(obj) and annotations_of(obj).get(FROZEN_ANNOTATION) == direction


def thaw(obj: JsonObject, saved: JsonObject) -> Write:
    """Put the saved spec back as a whole, with what somebody edited in it meanwhile.

    A merge patch would leave ``canary.enable`` behind where the saved spec has an empty canary, and
    the operator would wait for its version for ever.
    """
    version = obj["metadata"]["resourceVersion"]
    mark = f"/metadata/annotations{pointer(FROZEN_ANNOTATION)}"
    unmark = [{"op": "remove", "path": mark}] if FROZEN_ANNOTATION in annotations_of(obj) else []
    return patch(
        resource_of(obj),
        name_of(obj),
        [
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            *unmark,
            {"op": "replace", "path": "/spec", "value": thawed_spec(obj, saved)},
        ],
        patch_type=PatchType.JSON,
    )


def unmark(obj: JsonObject) -> Write | None:
    """Take off what a freeze has left on what somebody thawed by force; None where nothing is."""
    if frozen(obj) or FROZEN_ANNOTATION not in annotations_of(obj):
        return None
    body = {"metadata": {**fence(obj), "annotations": {FROZEN_ANNOTATION: None}}}
    return patch(resource_of(obj), name_of(obj), body)


def unmarked(obj: JsonObject) -> JsonObject:
    """The object without the mark of a freeze, which is no part of what its owner wrote."""
    annotations = annotations_of(obj)
    if FROZEN_ANNOTATION not in annotations:
        return obj
    kept = {key: value for key, value in annotations.items() if key != FROZEN_ANNOTATION}
    metadata = {key: value for key, value in obj["metadata"].items() if key != "annotations"}
    return {**obj, "metadata": {**metadata, "annotations": kept} if kept else metadata}


def clear_acknowledgement(obj: JsonObject) -> Write:
    """Take the text of an earlier freeze away, or it would read as the answer to the next one."""
    body = {"metadata": fence(obj), "status": {"state": "reconciling", "migration": None}}
    return patch(resource_of(obj), name_of(obj), body, subresource="status")


def looks_stable(obj: JsonObject) -> bool:
    """Whether a ClusterInstallation that is frozen is called stable, as it was before.

    Nothing in that status says of which generation it speaks: it would read as the operator's word
    on what is thawed. So is one whose operator acknowledged the freeze without a write.
    """
    status = obj.get("status") or {}
    return obj["kind"] == CLUSTER_INSTALLATION.kind and status.get("state") == "stable"


def nudge(obj: JsonObject) -> Write:
    """Let the operator see the object past its limit of reconciling ones (operator facts 2.1)."""
    body = {"metadata": fence(obj), "status": {"state": "reconciling"}}
    return patch(resource_of(obj), name_of(obj), body, subresource="status")


def resource_of(obj: JsonObject) -> Resource:
    """Which of the two kinds it is."""
    return MATTERMOST if obj["kind"] == MATTERMOST.kind else CLUSTER_INSTALLATION
