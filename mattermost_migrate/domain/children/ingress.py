"""Ingress and IngressClass (operator facts 2.4, 3.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mattermost_migrate.domain.children.installation import Installation
from mattermost_migrate.domain.names import INGRESS, INGRESS_CLASS

__all__ = [
    "BODY_SIZE",
    "BODY_SIZE_KEY",
    "CLASS_ANNOTATION",
    "default_tls_secret",
    "ingress",
    "ingress_class",
    "sanitized",
]

CLASS_ANNOTATION: Final = {"kubernetes.io/ingress.class": "nginx"}
BODY_SIZE_KEY: Final = "nginx.ingress.kubernetes.io/proxy-body-size"
BODY_SIZE: Final = {BODY_SIZE_KEY: "1000M"}


def default_tls_secret(host: str) -> str:
    """The secret taken when TLS is wanted and none is named."""
    return host.replace(".", "-") + "-tls-cert"


def sanitized(annotations: Mapping[str, str]) -> dict[str, str]:
    """Annotations without those that could inject configuration into the ingress controller."""
    return {
        key: value
        for key, value in annotations.items()
        if "snippet" not in key.lower() and not {"\r", "\n"} & set(value)
    }


def ingress(
    installation: Installation,
    name: str,
    *,
    hosts: Sequence[str],
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    tls_secret: str = "",
    class_name: str | None = None,
) -> dict[str, Any]:
    """An Ingress with one rule a host; every one of them leads to the Service N."""
    spec: dict[str, Any] = {"rules": _rules(hosts, installation.name)}
    if tls_secret:
        spec["tls"] = [{"hosts": list(hosts), "secretName": tls_secret}]
    if class_name is not None:
        spec["ingressClassName"] = class_name
    metadata = installation.metadata(name, labels=labels, annotations=annotations)
    return installation.child(INGRESS, metadata, spec=spec)


def _rules(hosts: Iterable[str], service: str) -> list[dict[str, Any]]:
    backend = {"service": {"name": service, "port": {"number": 8065}}}
    path = {"path": "/", "pathType": "ImplementationSpecific", "backend": backend}
    return [{"host": host, "http": {"paths": [path]}} for host in hosts]


def ingress_class(installation: Installation, labels: Mapping[str, str]) -> dict[str, Any]:
    """The AWS load balancer's class; sent with a namespace, though it has none on a server."""
    metadata = installation.metadata(installation.name, labels=labels)
    return installation.child(INGRESS_CLASS, metadata, spec={"controller": "ingress.k8s.aws/alb"})
