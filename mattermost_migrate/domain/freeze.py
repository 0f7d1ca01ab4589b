"""Freezing an installation, so that its operator writes nothing while its children change hands.

Both freezes use what the Go operator refuses by itself, and what it says when it refuses is the
acknowledgement that its cache has seen the freeze (design section 4; operator facts 5.1, 3.1).
"""

from __future__ import annotations

from typing import Any

from mattermost_migrate.domain.names import (
    ACKNOWLEDGEMENT,
    CLUSTER_INSTALLATION,
    HELD_LABEL,
    MATTERMOST,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of
from mattermost_migrate.domain.writes import Write, fence, patch

__all__ = [
    "acknowledged",
    "acknowledgement_stands",
    "bears_freeze",
    "clear_acknowledgement",
    "freeze",
    "frozen",
    "frozen_spec",
    "nudge",
    "resource_of",
    "thawed_spec",
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
    return bool(
        (obj.get("status") or {}).get("observedGeneration") == obj["metadata"].get("generation")
    )


def _expected_error(mattermost: JsonObject) -> str:
    balancer = (mattermost.get("spec") or {}).get("awsLoadBalancerController") or {}
    return "awsLoadBalancerController.hosts" if balancer.get("enabled") else "ingress.host required"


def frozen_spec(obj: JsonObject) -> dict[str, Any]:
    """The fields that freeze ``obj``, as a merge patch of its spec.

    The empty canary version is a second lock: with ``migrate`` taken away alone, the operator fails
    its defaults instead of reconciling (design section 4, step 3).
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


def freeze(obj: JsonObject) -> Write:
    """The patch that freezes exactly the object that was seen, and no later edit of it.

    From here on it is frozen and owns the installation: where a mark was left of its creation, by
    somebody who thawed it by force, that mark goes.
    """
    unmarked = {"labels": {HELD_LABEL: None}} if HELD_LABEL in labels_of(obj) else {}
    body = {"metadata": {**fence(obj), **unmarked}, "spec": frozen_spec(obj)}
    return patch(resource_of(obj), name_of(obj), body)


def clear_acknowledgement(obj: JsonObject) -> Write:
    """Take the text of an earlier freeze away, or it would read as the answer to the next one."""
    body = {"metadata": fence(obj), "status": {"state": "reconciling", "migration": None}}
    return patch(resource_of(obj), name_of(obj), body, subresource="status")


def nudge(obj: JsonObject) -> Write:
    """Let the operator see the object past its limit of reconciling ones (operator facts 2.1)."""
    body = {"metadata": fence(obj), "status": {"state": "reconciling"}}
    return patch(resource_of(obj), name_of(obj), body, subresource="status")


def resource_of(obj: JsonObject) -> Resource:
    """Which of the two kinds it is."""
    return MATTERMOST if obj["kind"] == MATTERMOST.kind else CLUSTER_INSTALLATION
