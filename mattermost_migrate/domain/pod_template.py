"""A pod template as the API server stores it: what it fills in where nothing was said.

Generated templates lack these values and live ones have them (operator facts 0.5), so no two
templates can be compared before both went through here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from mattermost_migrate.domain.objects import MAPPING, JsonObject

__all__ = ["TEMPLATE_HASH", "defaulted"]

Fill: TypeAlias = Callable[[JsonObject], dict[str, Any]]

#: Put on every pod by the Deployment controller, and on no template that anybody wrote.
TEMPLATE_HASH: Final = "pod-template-hash"
_MODE: Final = {"defaultMode": 420}
_TOKEN_SECONDS: Final = 3600


def defaulted(template: JsonObject) -> dict[str, Any]:
    """The template with the API server's defaults, without nulls and without the template hash."""
    clean = _without_nulls(template)
    metadata = dict(clean.get("metadata", {}))
    labels = metadata.pop("labels", {})
    metadata |= {"labels": {key: labels[key] for key in labels if key != TEMPLATE_HASH}}
    return {**clean, "metadata": _said(metadata), "spec": _pod(clean.get("spec", {}))}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, str):  # most are; asked first, because to ask for a mapping takes longer
        return value
    if isinstance(value, MAPPING):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(item) for item in value]
    return value


def _said(metadata: JsonObject) -> dict[str, Any]:
    return {key: value for key, value in metadata.items() if value not in ({}, [], "")}


def _pod(spec: JsonObject) -> dict[str, Any]:
    filled = {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
        **spec,
    }
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        filled |= {"serviceAccountName": account, "serviceAccount": account}
    for key, fill in _LISTS_OF_POD.items():
        if key in spec:
            filled[key] = [fill(item) for item in spec[key]]
    return filled


def _container(container: JsonObject) -> dict[str, Any]:
    filled = {
        "imagePullPolicy": _pull_policy(container.get("image", "")),
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        **container,
    }
    for key, fill in _PARTS_OF_CONTAINER.items():
        if key in container:
            filled[key] = fill(container[key])
    for key, fill in _LISTS_OF_CONTAINER.items():
        if key in container:
            filled[key] = [fill(item) for item in container[key]]
    return filled


def _pull_policy(image: str) -> str:
    name, at, _ = image.partition("@")
    _, colon, tag = name.rpartition("/")[2].partition(":")
    latest = tag == "latest" if colon else not at
    return "Always" if latest else "IfNotPresent"


def _probe(probe: JsonObject) -> dict[str, Any]:
    return _handler(
        {
            "failureThreshold": 3,
            "periodSeconds": 10,
            "successThreshold": 1,
            "timeoutSeconds": 1,
            **probe,
        }
    )


def _handler(handler: JsonObject) -> dict[str, Any]:
    filled = dict(handler)
    if "httpGet" in handler:
        filled["httpGet"] = {"path": "/", "scheme": "HTTP", **handler["httpGet"]}
    if "grpc" in handler:
        filled["grpc"] = {"service": "", **handler["grpc"]}
    return filled


def _lifecycle(lifecycle: JsonObject) -> dict[str, Any]:
    return {
        key: _handler(value) if isinstance(value, Mapping) else value
        for key, value in lifecycle.items()
    }


def _port(port: JsonObject) -> dict[str, Any]:
    return {"protocol": "TCP", **port}


def _env(entry: JsonObject) -> dict[str, Any]:
    source = entry.get("valueFrom")
    return {**entry, "valueFrom": _field_source(source)} if source else dict(entry)


def _field_source(source: JsonObject) -> dict[str, Any]:
    """Of an env entry, or of a file of the downward API."""
    filled = dict(source)
    if "fieldRef" in source:
        filled["fieldRef"] = {"apiVersion": "v1", **source["fieldRef"]}
    if "resourceFieldRef" in source:
        filled["resourceFieldRef"] = {"divisor": "0", **source["resourceFieldRef"]}
    return filled


def _volume(volume: JsonObject) -> dict[str, Any]:
    if set(volume) <= {"name"}:
        return {**volume, "emptyDir": {}}
    return {
        key: _SOURCES[key](value) if key in _SOURCES else value for key, value in volume.items()
    }


def _files(source: JsonObject) -> dict[str, Any]:
    return {**_MODE, **source}


def _downward(source: JsonObject) -> dict[str, Any]:
    filled = _files(source)
    if "items" in source:
        filled["items"] = [_field_source(item) for item in source["items"]]
    return filled


def _projected(source: JsonObject) -> dict[str, Any]:
    filled = _files(source)
    if "sources" in source:
        filled["sources"] = [_projection(item) for item in source["sources"]]
    return filled


def _projection(item: JsonObject) -> dict[str, Any]:
    filled = dict(item)
    if "serviceAccountToken" in item:
        token = item["serviceAccountToken"]
        filled["serviceAccountToken"] = {"expirationSeconds": _TOKEN_SECONDS, **token}
    if "downwardAPI" in item and "items" in item["downwardAPI"]:
        items = [_field_source(file) for file in item["downwardAPI"]["items"]]
        filled["downwardAPI"] = {**item["downwardAPI"], "items": items}
    return filled


_PARTS_OF_CONTAINER: Final[Mapping[str, Fill]] = {
    "livenessProbe": _probe,
    "readinessProbe": _probe,
    "startupProbe": _probe,
    "lifecycle": _lifecycle,
}
_LISTS_OF_CONTAINER: Final[Mapping[str, Fill]] = {"env": _env, "ports": _port}
_SOURCES: Final[Mapping[str, Fill]] = {
    "secret": _files,
    "configMap": _files,
    "downwardAPI": _downward,
    "projected": _projected,
}
_LISTS_OF_POD: Final[Mapping[str, Fill]] = {
    "containers": _container,
    "initContainers": _container,
    "volumes": _volume,
}
