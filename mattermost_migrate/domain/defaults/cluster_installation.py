"""Defaults of a ClusterInstallation (operator facts 1.1, 1.4, 1.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mattermost_migrate.domain import canonical
from mattermost_migrate.domain.defaults.common import (
    DATABASE_TYPE,
    DATABASE_VERSION,
    STORAGE_SIZE,
    fill,
    filled,
    sized,
)
from mattermost_migrate.domain.defaults.sizes import DEFAULT_SIZE, SIZES
from mattermost_migrate.domain.errors import Fault, RefusedError
from mattermost_migrate.domain.objects import JsonObject, name_of

__all__ = ["cluster_installation_faults", "default_cluster_installation"]


def default_cluster_installation(ci: JsonObject) -> dict[str, Any]:
    """The ClusterInstallation with its spec as the operator stores it.

    Raises:
        RefusedError: the operator's own checks fail; the first fault is the one it would report.
    """
    spec = canonical.cluster_installation_spec(ci.get("spec") or {})
    faults = tuple(_faults(spec))
    if faults:
        raise RefusedError(faults)
    spec = filled(spec)
    spec["minio"] = fill(spec["minio"], storageSize=STORAGE_SIZE)
    spec["database"] = _database(spec["database"])
    spec["blueGreen"] = _blue_green(spec["blueGreen"], name_of(ci), spec["ingressName"])
    spec["canary"] = _canary(spec["canary"], name_of(ci))
    return {**ci, "spec": _sized(spec)}


def cluster_installation_faults(ci: JsonObject) -> tuple[Fault, ...]:
    """What the operator's own checks find; the first is the one it would report."""
    return tuple(_faults(canonical.cluster_installation_spec(ci.get("spec") or {})))


def _faults(spec: Mapping[str, Any]) -> Iterator[Fault]:
    if not spec["ingressName"]:
        yield Fault("spec.ingressName", "IngressName required, but not set", "Required")
    if spec["blueGreen"].get("enable"):
        yield from _blue_green_faults(spec["blueGreen"])
    canary = spec["canary"]
    if canary.get("enable"):
        at = "spec.canary.deployment"
        if not canary["deployment"].get("version"):
            yield Fault(f"{at}.version", "Canary version required, but not set", "Required")
        if not canary["deployment"].get("image"):
            yield Fault(f"{at}.image", "Canary deployment image required, but not set", "Required")


def _blue_green_faults(section: Mapping[str, Any]) -> Iterator[Fault]:
    production = section.get("productionDeployment", "").lower()
    if production not in {"blue", "green"}:
        yield Fault(
            "spec.blueGreen.productionDeployment",
            f"{production} is not a valid ProductionDeployment value, must be 'blue' or 'green'",
        )
    for key in ("version", "image"):
        missing = [colour for colour in ("blue", "green") if not section[colour].get(key)]
        if missing:
            yield Fault(
                f"spec.blueGreen.{missing[0]}.{key}",
                f"Both Blue and Green deployment {key}s required, but not set",
                "Required",
            )


def _database(section: Mapping[str, Any]) -> dict[str, Any]:
    made = fill(section, type=DATABASE_TYPE, storageSize=STORAGE_SIZE)
    return fill(made, version=DATABASE_VERSION) if made["type"] == DATABASE_TYPE else made


def _blue_green(section: Mapping[str, Any], name: str, host: str) -> Mapping[str, Any]:
    if not section.get("enable"):
        return section
    colours = {
        colour: fill(section[colour], name=f"{name}-{colour}", ingressName=f"{colour}.{host}")
        for colour in ("blue", "green")
    }
    production = section["productionDeployment"].lower()
    return {**section, **colours, "productionDeployment": production}


def _canary(section: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not section.get("enable"):
        return section
    return {**section, "deployment": fill(section["deployment"], name=f"{name}-canary")}


def _sized(spec: dict[str, Any]) -> dict[str, Any]:
    """Replicas and resources by size: a known size overrides, any other only fills."""
    word = spec.pop("size", "")
    override = word in SIZES
    size = SIZES.get(word, DEFAULT_SIZE)
    keeps_none = bool(spec["database"].get("initBucketURL")) and not override
    for section, component, skip in (
        ("minio", size.file_store, False),
        ("database", size.database, keeps_none),
    ):
        made = sized(spec[section], component, override=override)
        if override or not (made.get("replicas") or skip):
            made["replicas"] = component.replicas
        spec[section] = made
    if override or not spec.get("replicas"):
        spec["replicas"] = size.app.replicas
    return sized(spec, size.app, override=override)
