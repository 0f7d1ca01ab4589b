"""Service and Ingress: the host, its TLS, and the annotations of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mattermost_migrate.domain.children.ingress import BODY_SIZE_KEY, sanitized
from mattermost_migrate.domain.conversion.source import Source, plain
from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["backward", "backward_faults", "faults", "forward", "warnings"]


def forward(source: Source) -> dict[str, Any]:
    """The Mattermost's deprecated Ingress fields, as the operator's conversion uses them.

    Service annotations go along only where they are in force: a ClusterInstallation applies them
    to a LoadBalancer alone, a Mattermost to every Service (operator facts 5.3).
    """
    spec = source.spec
    balanced = spec.get("useServiceLoadBalancer", False)
    return {
        "ingressName": spec.get("ingressName", ""),
        **plain(
            ingressAnnotations=spec.get("ingressAnnotations") or None,
            useIngressTLS=spec.get("useIngressTLS"),
            useServiceLoadBalancer=balanced,
            serviceAnnotations=(spec.get("serviceAnnotations") or None) if balanced else None,
        ),
    }


def backward(spec: JsonObject) -> dict[str, Any]:
    """The ClusterInstallation's fields; ``spec.ingress`` overrules the deprecated ones.

    Where its host was taken away, and that is to be dropped, the one from before is still there.
    """
    given = spec
    if (ingress := spec.get("ingress")) is not None:
        given = {
            "ingressName": ingress.get("host") or spec.get("ingressName", ""),
            "ingressAnnotations": ingress.get("annotations"),
            "useIngressTLS": bool(ingress.get("tlsSecret")),
        }
    return {
        "ingressName": given.get("ingressName", ""),
        **plain(
            ingressAnnotations=given.get("ingressAnnotations") or None,
            useIngressTLS=given.get("useIngressTLS"),
            useServiceLoadBalancer=spec.get("useServiceLoadBalancer"),
            serviceAnnotations=spec.get("serviceAnnotations") or None,
        ),
    }


def backward_faults(spec: JsonObject) -> Iterator[Fault]:
    """No host at all: its operator stops, even behind a LoadBalancer (operator facts 1.1)."""
    if not backward(spec)["ingressName"]:
        yield Fault(
            "spec.ingressName" if spec.get("ingress") is None else "spec.ingress.host",
            "a ClusterInstallation needs the host under which users reach it, "
            "even behind a load balancer; name it",
        )


def faults(source: Source) -> Iterator[Fault]:
    """What the v1beta1 operator would refuse or take away (operator facts 1.3, 3.4)."""
    spec = source.spec
    if not spec.get("ingressName"):
        yield Fault("spec.ingressName", "both kinds need the host under which users reach it")
    if spec.get("useServiceLoadBalancer"):
        return  # there is no Ingress, and nobody reads its annotations
    for key, value in spec.get("ingressAnnotations", {}).items():
        yield from _annotation_faults(key, value)


def _annotation_faults(key: str, value: str) -> Iterator[Fault]:
    field = f"spec.ingressAnnotations[{key}]"
    if not sanitized({key: value}):
        what = "'snippet' in its key" if "snippet" in key.lower() else "a line break in its value"
        yield Fault(
            field,
            f"a Mattermost's Ingress never gets an annotation with {what}; move what it does "
            "elsewhere (an Ingress of your own, or the controller's ConfigMap) and remove it",
        )
    elif key == BODY_SIZE_KEY and not value:
        yield Fault(field, "is empty, on which the operator panics; give a size such as 1000M")


def warnings(source: Source) -> Iterator[Fault]:
    """What is kept for the way back and not in force meanwhile."""
    spec = source.spec
    if spec.get("serviceAnnotations") and not spec.get("useServiceLoadBalancer"):
        yield Fault(
            "spec.serviceAnnotations",
            "not in force without useServiceLoadBalancer, and so not carried: "
            "a Mattermost would apply them",
            "NotInForce",
        )
