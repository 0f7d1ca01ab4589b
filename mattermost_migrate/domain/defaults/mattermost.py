"""Defaults of a Mattermost (operator facts 1.3, 1.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mattermost_migrate.domain import canonical
from mattermost_migrate.domain.defaults.common import (
    DATABASE_TYPE,
    DATABASE_VERSION,
    STORAGE_SIZE,
    fill,
    filled,
    sized,
)
from mattermost_migrate.domain.defaults.sizes import DEFAULT_SIZE, SIZES, Component
from mattermost_migrate.domain.errors import Fault, RefusedError
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["default_mattermost", "mattermost_faults"]

_ALLOWED_SOURCES: Final = (
    "configMap",
    "secret",
    "emptyDir",
    "persistentVolumeClaim",
    "projected",
    "downwardAPI",
    "csi",
)


def default_mattermost(mm: JsonObject) -> dict[str, Any]:
    """The Mattermost with its spec as the operator stores it.

    Raises:
        RefusedError: the operator's own checks fail; the first fault is the one it would report.
    """
    spec = canonical.mattermost_spec(mm.get("spec") or {})
    faults = tuple(_faults(spec))
    if faults:
        raise RefusedError(faults)
    return {**mm, "spec": _sized(filled(spec))}


def mattermost_faults(mm: JsonObject) -> tuple[Fault, ...]:
    """What the operator's own checks find; the first is the one it would report."""
    return tuple(_faults(canonical.mattermost_spec(mm.get("spec") or {})))


def _faults(spec: Mapping[str, Any]) -> Iterator[Fault]:
    balancer = spec.get("awsLoadBalancerController") or {}
    if balancer.get("enabled"):
        if not balancer.get("hosts"):
            at = "spec.awsLoadBalancerController.hosts"
            yield Fault(at, "awsLoadBalancerController.hosts is required, but not set", "Required")
    else:
        yield from _host_faults(spec)
    for index, volume in enumerate(spec.get("volumes") or ()):
        if not any(source in volume for source in _ALLOWED_SOURCES):
            yield Fault(
                f"spec.volumes[{index}]",
                f'volume "{volume["name"]}" uses an unsupported volume source; allowed types: '
                "ConfigMap, Secret, EmptyDir, PersistentVolumeClaim, Projected, DownwardAPI, CSI",
                "NotSupported",
            )


def _host_faults(spec: Mapping[str, Any]) -> Iterator[Fault]:
    ingress = spec.get("ingress")
    enabled, host, at = (
        (True, spec["ingressName"], "spec.ingressName")
        if ingress is None
        else (ingress["enabled"], ingress.get("host"), "spec.ingress.host")
    )
    if enabled and not host:
        yield Fault(at, "ingress.host required, but not set", "Required")


def _sized(spec: dict[str, Any]) -> dict[str, Any]:
    """Replicas and resources by size: a known size overrides, any other only fills."""
    word = spec.pop("size", "")
    override = word in SIZES
    size = SIZES.get(word, DEFAULT_SIZE)
    if override or spec.get("replicas") is None:
        spec["replicas"] = size.app.replicas
    spec["scheduling"] = sized(spec["scheduling"], size.app, override=override)
    if not _other_file_store(spec["fileStore"]):
        managed = fill(spec["fileStore"].get("operatorManaged") or {}, storageSize=STORAGE_SIZE)
        managed = _replicated(managed, size.file_store, override=override)
        spec["fileStore"] = {**spec["fileStore"], "operatorManaged": managed}
    if not (spec["database"].get("external") or {}).get("secret"):
        managed = fill(
            spec["database"].get("operatorManaged") or {},
            type=DATABASE_TYPE,
            storageSize=STORAGE_SIZE,
            version=DATABASE_VERSION,
        )
        managed = _replicated(managed, size.database, override=override)
        spec["database"] = {**spec["database"], "operatorManaged": managed}
    return spec


def _other_file_store(section: Mapping[str, Any]) -> bool:
    """Whether anything but operator-managed MinIO keeps the files."""
    external = section.get("external") or {}
    volume = section.get("externalVolume") or {}
    local = section.get("local") or {}
    return bool(external.get("url") or volume.get("volumeClaimName") or local.get("enabled"))


def _replicated(
    section: Mapping[str, Any], component: Component, *, override: bool
) -> dict[str, Any]:
    made = sized(section, component, override=override)
    if override or made.get("replicas") is None:
        made["replicas"] = component.replicas
    return made
