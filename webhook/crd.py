"""The ClusterInstallation CRD with our preview version in it, and without it again.

The CRD is the operator's: what is its own stays as it is, ours is one more version and the webhook
that converts it. Every change is a patch that names what it expects to find.
"""

from __future__ import annotations

from typing import Any, Final

from mattermost_migrate.domain.conversion.served import converted_by_us, preview_position
from mattermost_migrate.domain.conversion.versions import PREVIEW_VERSION
from mattermost_migrate.domain.errors import Fault, RefusedError
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, INJECT_LABEL, MATTERMOST
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of
from mattermost_migrate.domain.pod_patch import pointer

__all__ = ["MATTERMOST_CRD_NAME", "is_on", "retired", "switched_off", "switched_on"]

MATTERMOST_CRD_NAME: Final = f"{MATTERMOST.plural}.{MATTERMOST.group}"
#: By it cert-manager knows of which Certificate the CA goes into a CRD's conversion.
_CERTIFICATE_ANNOTATION: Final = "cert-manager.io/inject-ca-from"
_COLUMNS: Final = [
    {"name": name, "type": "string", "jsonPath": path}
    for name, path in (
        ("State", ".status.state"),
        ("Would run", ".spec.image"),
        ("Version", ".spec.version"),
        ("Host", ".spec.ingressName"),
    )
]


def is_on(crd: JsonObject) -> bool:
    """Whether anything of ours is in it."""
    return (
        preview_position(crd) is not None or converted_by_us(crd) or INJECT_LABEL in labels_of(crd)
    )


def switched_on(
    crd: JsonObject,
    mattermost: JsonObject,
    client_config: JsonObject,
    *,
    certificate: str | None,
) -> list[dict[str, Any]]:
    """The JSON Patch that serves the preview; empty where it is served so already.

    Args:
        crd: that of ClusterInstallation, as it is.
        mattermost: that of Mattermost, whose spec gives the preview its shape.
        client_config: where the API server calls; a caBundle that is there is kept, if this has
            none.
        certificate: ``namespace/name`` of the one whose CA cert-manager is to put in.

    Raises:
        RefusedError: somebody else converts it, or there is no such version to convert from.
    """
    if _converted_by_others(crd):
        raise _refused(
            crd, "spec.conversion", "another webhook converts it; that one must go first"
        )
    version = _preview(crd, mattermost)
    operations: list[dict[str, Any]] = []
    position = preview_position(crd)
    if position is None:
        operations.append({"op": "add", "path": "/spec/versions/-", "value": version})
    elif crd["spec"]["versions"][position] != version:
        path = f"/spec/versions/{position}"
        operations.append({"op": "replace", "path": path, "value": version})
    conversion = _conversion(crd, client_config)
    if (crd["spec"].get("conversion") or {}) != conversion:
        operations.append({"op": "add", "path": "/spec/conversion", "value": conversion})
    operations += _marked(crd, "labels", INJECT_LABEL, "true")
    if certificate or INJECT_LABEL in labels_of(crd):  # one that is there before us is not ours
        operations += _marked(crd, "annotations", _CERTIFICATE_ANNOTATION, certificate)
    return _fenced(crd, operations)


def retired(crd: JsonObject) -> list[dict[str, Any]]:
    """The JSON Patch after which nobody can write the preview, and nobody is called; may be empty.

    The version is still known: what the objects say about it can be put right now.
    """
    operations = _unconverted(crd)
    position = preview_position(crd)
    if position is not None and crd["spec"]["versions"][position]["served"]:
        path = f"/spec/versions/{position}/served"
        operations.append({"op": "replace", "path": path, "value": False})
    return _fenced(crd, operations)


def switched_off(crd: JsonObject) -> list[dict[str, Any]]:
    """The JSON Patch that takes all of ours out again; empty where there is nothing."""
    operations = _unconverted(crd)
    position = preview_position(crd)
    if position is not None:
        operations.append({"op": "remove", "path": f"/spec/versions/{position}"})
    if INJECT_LABEL in labels_of(crd):
        operations += _marked(crd, "labels", INJECT_LABEL, None)
        if not _converted_by_others(crd):
            operations += _marked(crd, "annotations", _CERTIFICATE_ANNOTATION, None)
    return _fenced(crd, operations)


def _unconverted(crd: JsonObject) -> list[dict[str, Any]]:
    if not converted_by_us(crd):
        return []
    return [{"op": "replace", "path": "/spec/conversion", "value": {"strategy": "None"}}]


def _fenced(crd: JsonObject, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For exactly the object that was looked at."""
    if not operations:
        return []
    version = crd["metadata"]["resourceVersion"]
    return [{"op": "test", "path": "/metadata/resourceVersion", "value": version}, *operations]


def _marked(crd: JsonObject, field: str, key: str, value: str | None) -> list[dict[str, Any]]:
    """For a label or an annotation to have that value; None: for it not to be there."""
    held, path = crd["metadata"].get(field) or {}, f"/metadata/{field}"
    if held.get(key) == value:
        return []
    if value is None:
        return [{"op": "remove", "path": path + pointer(key)}]
    if not held:
        return [{"op": "add", "path": path, "value": {key: value}}]
    return [{"op": "add", "path": path + pointer(key), "value": value}]


def _converted_by_others(crd: JsonObject) -> bool:
    strategy = (crd["spec"].get("conversion") or {}).get("strategy")
    return strategy == "Webhook" and not converted_by_us(crd)


def _conversion(crd: JsonObject, client_config: JsonObject) -> dict[str, Any]:
    webhook = (crd["spec"].get("conversion") or {}).get("webhook") or {}
    trusted = (webhook.get("clientConfig") or {}).get("caBundle")
    config = {**({"caBundle": trusted} if trusted else {}), **client_config}
    return {
        "strategy": "Webhook",
        "webhook": {"clientConfig": config, "conversionReviewVersions": ["v1"]},
    }


def _preview(crd: JsonObject, mattermost: JsonObject) -> dict[str, Any]:
    stored = _schema(crd, CLUSTER_INSTALLATION.version)["properties"]
    shown = _schema(mattermost, MATTERMOST.version)["properties"]
    status = {"status": stored["status"]} if "status" in stored else {}
    return {
        "name": PREVIEW_VERSION,
        "served": True,
        "storage": False,
        "schema": {
            "openAPIV3Schema": {
                "description": "What a ClusterInstallation becomes when it is migrated.",
                "type": "object",
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "spec": shown["spec"],
                    **status,
                },
            }
        },
        "subresources": {"status": {}},
        "additionalPrinterColumns": _COLUMNS,
    }


def _schema(crd: JsonObject, version: str) -> JsonObject:
    for each in crd["spec"]["versions"]:
        if each["name"] == version:
            schema: JsonObject = each["schema"]["openAPIV3Schema"]
            return schema
    raise _refused(crd, "spec.versions", f"has no version {version}")


def _refused(crd: JsonObject, field: str, message: str) -> RefusedError:
    fault = Fault(f"CustomResourceDefinition {name_of(crd)}: {field}", message, "NotPreviewable")
    return RefusedError([fault])
