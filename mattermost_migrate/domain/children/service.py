"""The Service in its three forms (operator facts 2.4, 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mattermost_migrate.domain.children.installation import (
    Installation,
    annotated,
    without_annotation,
)
from mattermost_migrate.domain.names import SERVICE
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["HEADLESS", "LOAD_BALANCER", "NODE_PORT", "carried", "service"]


def _port(name: str, number: int, target: str, protocol: str) -> dict[str, Any]:
    return {"name": name, "port": number, "targetPort": target, "appProtocol": protocol}


_POD_PORTS: Final = (_port("app", 8065, "app", "http"), _port("metrics", 8067, "metrics", "http"))
HEADLESS: Final = {"type": "ClusterIP", "clusterIP": "None", "ports": [*_POD_PORTS]}
NODE_PORT: Final = {"type": "NodePort", "ports": [*_POD_PORTS]}
LOAD_BALANCER: Final = {
    "type": "LoadBalancer",
    "ports": [_port("http", 80, "app", "http"), _port("https", 443, "app", "https")],
}


def service(
    installation: Installation,
    name: str,
    *,
    selects: str,
    form: Mapping[str, Any],
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
) -> dict[str, Any]:
    """A Service that selects the pods of the Deployment ``selects``."""
    return installation.child(
        SERVICE,
        installation.metadata(name, labels=labels, annotations=annotations),
        spec={
            **form,
            "publishNotReadyAddresses": True,
            "selector": installation.keys.selector(selects),
        },
    )


def carried(child: JsonObject, live: JsonObject | None) -> JsonObject:
    """The Service with the addresses that the live one was given (operator facts 0.4)."""
    if live is None:
        return child
    spec, actual = child["spec"], live.get("spec") or {}
    keys = ["clusterIP", "clusterIPs"]
    if spec["type"] == actual.get("type") == "LoadBalancer":
        keys.append("loadBalancerIP")
    missing = {key: actual[key] for key in keys if actual.get(key) and not spec.get(key)}
    if not missing:
        return child
    return annotated({**without_annotation(child), "spec": {**spec, **missing}})
