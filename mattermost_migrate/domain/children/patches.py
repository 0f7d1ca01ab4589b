"""Resource patches of a Mattermost (operator facts 3.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mattermost_migrate.domain.canonical import types
from mattermost_migrate.domain.children import go_json, json_patch
from mattermost_migrate.domain.children.installation import annotated, without_annotation
from mattermost_migrate.domain.children.result import PatchStatus
from mattermost_migrate.domain.names import LAST_APPLIED
from mattermost_migrate.domain.objects import JsonObject, annotations_of

__all__ = ["forbidden", "patched"]

_POD: Final = "/spec/template/spec"
#: Paths no Deployment patch may touch, nor anything below them.
_FORBIDDEN_DEPLOYMENT: Final = tuple(
    f"{_POD}/{key}"
    for key in (
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "volumes",
        "serviceAccountName",
        "serviceAccount",
        "nodeSelector",
        "nodeName",
        "initContainers",
    )
)
_FORBIDDEN_ANYWHERE: Final = tuple(
    f"/securityContext/{key}"
    for key in ("privileged", "allowPrivilegeEscalation", "runAsUser", "capabilities")
)
#: Paths no Service patch may touch, nor anything below them.
_FORBIDDEN_SERVICE: Final = ("/spec/selector", "/spec/externalIPs", "/spec/externalName")


def forbidden(kind: str, path: str) -> bool:
    """Whether a patch of a ``Deployment`` or ``Service`` may not name this path."""
    prefixes = _FORBIDDEN_DEPLOYMENT if kind == "Deployment" else _FORBIDDEN_SERVICE
    if any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes):
        return True
    return kind == "Deployment" and any(part in path for part in _FORBIDDEN_ANYWHERE)


def patched(
    obj: JsonObject, patch: Mapping[str, Any] | None
) -> tuple[JsonObject, PatchStatus | None]:
    """The child after its patch, and what to report; an unusable patch leaves it as it was.

    Args:
        obj: a Deployment or Service; one that carries the annotation gets it anew.
        patch: ``spec.resourcePatch.deployment`` or ``.service``, if there is one.
    """
    if not patch or patch.get("disable") or not patch.get("patch"):
        return obj, None
    try:
        return _patched(obj, patch["patch"]), PatchStatus(applied=True)
    except json_patch.PatchError as error:
        return obj, PatchStatus(
            applied=False, error=f"failed to apply patch to {obj['kind']}: {error}"
        )


def _patched(obj: JsonObject, text: str) -> JsonObject:
    kind = str(obj["kind"])
    operations = _validated(kind, text)
    prefix = f"failed to apply patch to {kind.lower()}"
    try:
        body = json_patch.applied(_as_encoded(obj), operations)
    except json_patch.PatchError as error:
        raise json_patch.PatchError(
            f"{prefix}: failed to apply JSON patches: failed to apply patch: {text}: {error}"
        ) from None
    try:
        made = types.written(kind)(body)
    except ValueError as error:
        raise json_patch.PatchError(f"{prefix}: failed to decode patched object: {error}") from None
    if made.get("status") in ({}, {"loadBalancer": {}}):
        del made["status"]
    made = {"apiVersion": obj["apiVersion"], "kind": kind, **made}
    return annotated(made) if LAST_APPLIED in annotations_of(obj) else made


def _as_encoded(obj: JsonObject) -> dict[str, Any]:
    """The generated object as the patch finds it: no type, no annotation of ours, with status."""
    bare = without_annotation(obj)
    body = {key: value for key, value in bare.items() if key not in {"apiVersion", "kind"}}
    made = types.written(str(obj["kind"]))(body)
    made["metadata"]["creationTimestamp"] = None  # always in Go's JSON, so a patch may name it
    return made


def _validated(kind: str, text: str) -> list[Mapping[str, Any]]:
    prefix = f"{kind.lower()} patch validation failed"
    try:
        operations = go_json.operations(text)
    except ValueError as error:
        raise json_patch.PatchError(
            f"{prefix}: failed to decode patch operations for validation: {error}"
        ) from None
    for operation in operations:
        path = operation.get("path") or ""
        if forbidden(kind, path):
            verb = operation.get("op") or ""
            raise json_patch.PatchError(
                f'{prefix}: patch operation "{verb}" on forbidden path "{path}" is not allowed'
            )
    return operations
