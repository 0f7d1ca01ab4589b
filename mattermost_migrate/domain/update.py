"""Whether a child must be written, and what: the three-way decision (operator facts 0.4).

The operator compares three documents: the object as it last wrote it (the annotation), the live
one, and the desired one. So does this, with two differences, both deliberate:

- The operator then puts the whole desired object and so wipes what others added. Here the result
  is the live object with our changes: others' labels, annotations and fields stay.
- It is idle wherever the API server only filled in its own defaults, also where the operator
  writes again and again (MinIOInstance status, an IngressClass's namespace).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from mattermost_migrate.domain import last_applied
from mattermost_migrate.domain.children.installation import annotated, without_annotation
from mattermost_migrate.domain.errors import Fault, RefusedError
from mattermost_migrate.domain.merging import merged
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INGRESS_CLASS,
    LAST_APPLIED,
    MATTERMOST,
    SERVICE,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    annotations_of,
    controller_of,
    owners_of,
)

__all__ = ["Create", "Keep", "Recreate", "Update", "Write", "decide"]

_INSTALLATION_KINDS: Final = frozenset({CLUSTER_INSTALLATION.kind, MATTERMOST.kind})
#: An empty struct that Go puts into a MinIOInstance, and what other controllers report.
_UNWANTED: Final = ("scheduler", "status")
#: Fields of a Service that belong to its present type, and that the operator does not choose.
_ALLOCATED: Final = ("clusterIP", "clusterIPs", "loadBalancerIP")


@dataclass(frozen=True, slots=True)
class Keep:
    """The live object is as it should be."""


@dataclass(frozen=True, slots=True)
class Create:
    """There is none."""

    obj: JsonObject


@dataclass(frozen=True, slots=True)
class Update:
    """Put this object; it carries the live one's resourceVersion."""

    obj: JsonObject


@dataclass(frozen=True, slots=True)
class Recreate:
    """It cannot become what it should be: delete the live one, then create this."""

    obj: JsonObject


Write: TypeAlias = Keep | Create | Update | Recreate


def decide(live: JsonObject | None, desired: JsonObject) -> Write:
    """What to do so that the child becomes ``desired``.

    Args:
        live: the object as the API server has it, or None.
        desired: the object as rendered, with its annotation.

    Raises:
        RefusedError: someone else controls the live object.
    """
    if live is None:
        return Create(desired)
    claimed = _claimed(live, desired)
    if _changes_type(live, desired):
        return Recreate(_unallocated(desired))
    original = _original(live, str(desired["kind"]))
    wanted = _comparable(desired)
    current = {**live, "metadata": claimed}
    result = merged(original, _bare(current), wanted)
    if result == _bare(live):
        return Keep()
    return Update(_annotated(result, desired))


def _changes_type(live: JsonObject, desired: JsonObject) -> bool:
    """Whether a Service changes type, which the API server refuses in most directions."""
    if desired["kind"] != SERVICE.kind:
        return False
    now, then = (str((obj.get("spec") or {}).get("type") or "") for obj in (live, desired))
    return bool(now) and now != then


def _unallocated(desired: JsonObject) -> JsonObject:
    """A Service without the addresses of the one it replaces, except what makes it headless."""
    if desired["spec"]["type"] == "ClusterIP":
        return desired
    spec = {key: value for key, value in desired["spec"].items() if key not in _ALLOCATED}
    return annotated({**without_annotation(desired), "spec": spec})


def _original(live: JsonObject, kind: str) -> Mapping[str, Any]:
    """What the operator, or we, wrote last; nothing when that cannot be read."""
    recorded = annotations_of(live).get(LAST_APPLIED)
    if not recorded:
        return {}
    try:
        original = last_applied.decode(recorded)
    except ValueError:
        return {}
    spec = original.get("spec")
    if kind == SERVICE.kind and isinstance(spec, Mapping):
        # Whatever it found there the Go operator recorded as its own.
        spec = {key: value for key, value in spec.items() if key not in _ALLOCATED}
        original = {**original, "spec": spec}
    return _ours(original, kind)


def _bare(obj: JsonObject) -> dict[str, Any]:
    """The object without our annotation and the API server's bookkeeping."""
    bare = without_annotation(obj)
    bare["metadata"].pop("managedFields", None)
    return bare


def _comparable(desired: JsonObject) -> dict[str, Any]:
    """What is wanted of the object."""
    return _ours(without_annotation(desired), str(desired["kind"]))


def _ours(obj: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Without what the operator writes although it is the API server's, or another's, to say."""
    metadata = dict(obj.get("metadata") or {})
    if kind == INGRESS_CLASS.kind:
        metadata.pop("namespace", None)
    rest = {key: obj[key] for key in obj if key not in _UNWANTED}
    return {**rest, "metadata": metadata}


def _claimed(live: JsonObject, desired: JsonObject) -> dict[str, Any]:
    """The live metadata without the owner that gives way: the other kind, or one that was."""
    ours, theirs = controller_of(desired), controller_of(live)
    metadata = dict(live["metadata"])
    if ours is None or theirs is None or theirs.get("uid") == ours["uid"]:
        return metadata
    if theirs.get("kind") not in _INSTALLATION_KINDS or theirs.get("name") != ours["name"]:
        raise RefusedError(
            [
                Fault(
                    "metadata.ownerReferences",
                    f"controlled by {theirs.get('kind')} {theirs.get('name')}",
                    "NotOurs",
                )
            ]
        )
    metadata["ownerReferences"] = [owner for owner in owners_of(live) if owner is not theirs]
    return metadata


def _annotated(result: Mapping[str, Any], desired: JsonObject) -> JsonObject:
    metadata = dict(result["metadata"])
    recorded = annotations_of(desired).get(LAST_APPLIED) or last_applied.encode(desired)
    metadata["annotations"] = {**(metadata.get("annotations") or {}), LAST_APPLIED: recorded}
    return {**result, "metadata": metadata}
