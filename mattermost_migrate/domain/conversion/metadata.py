"""Labels and annotations: the user's go along, those of whoever manages the object do not.

``kubectl apply``, Helm, Argo CD, Flux and their like mark what is theirs. Copied to another object
the marks are wrong, and some are dangerous: an automated prune deletes what bears the mark and is
not in git. All of them return with the original.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mattermost_migrate.domain.conversion.source import Source, plain
from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.inventory import job_server
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INGRESS_CLASS,
    MATTERMOST,
    OWN_GROUP,
    V1BETA1,
)
from mattermost_migrate.domain.objects import JsonObject, labels_of

__all__ = ["backward", "faults", "forward", "is_marker", "original", "warnings"]

_MARKER_PREFIXES: Final = (
    f"{OWN_GROUP}/",
    "kubectl.kubernetes.io/",
    "applyset.kubernetes.io/",
    "meta.helm.sh/",
    "helm.sh/",
    "argocd.argoproj.io/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "config.k8s.io/",
    "config.kubernetes.io/",
    "internal.config.kubernetes.io/",
    "objectset.rio.cattle.io/",
    "kapp.k14s.io/",
)
_MARKERS: Final = {
    "app.kubernetes.io/managed-by": "Helm and others tell by it what is theirs",
    "app.kubernetes.io/instance": "Argo CD tells by it what is its own, and prunes the rest",
}
_KEPT: Final = ("finalizers", "generateName", "labels", "annotations", "ownerReferences")


def is_marker(key: str) -> bool:
    """Whether a label or annotation says who manages the object, not what the object is."""
    return key in _MARKERS or key.startswith(_MARKER_PREFIXES)


def _users(pairs: Mapping[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (pairs or {}).items() if not is_marker(key)}


def forward(source: Source) -> dict[str, Any]:
    """Name, namespace, and what the user wrote."""
    return _portable(source.metadata)


def backward(metadata: JsonObject) -> dict[str, Any]:
    """The same on the way back."""
    return _portable(metadata)


def _portable(metadata: JsonObject) -> dict[str, Any]:
    return plain(
        name=metadata.get("name"),
        namespace=metadata.get("namespace"),
        labels=_users(metadata.get("labels")) or None,
        annotations=_users(metadata.get("annotations")) or None,
    )


def original(metadata: JsonObject) -> dict[str, Any]:
    """All that is not the API server's own: what a restored object will have."""
    return plain(
        name=metadata.get("name"),
        namespace=metadata.get("namespace"),
        **{key: metadata.get(key) or None for key in _KEPT},
    )


def faults(source: Source) -> Iterator[Fault]:
    """An object without a name, on its way out, or with a name that harms others."""
    if not source.name:
        yield Fault("metadata.name", "is missing", "Required")
    if source.metadata.get("deletionTimestamp"):
        yield Fault(
            "metadata.deletionTimestamp",
            "it is being deleted; there is nothing to carry over",
        )
    yield from _endangered(source)


def _endangered(source: Source) -> Iterator[Fault]:
    """What the v1beta1 operator deletes for its name alone, whoever owns it (operator facts 7)."""
    threatened = job_server(source.name)
    for resource in (CLUSTER_INSTALLATION, MATTERMOST, DEPLOYMENT):
        if source.existing.get(resource, threatened):
            yield Fault(
                "metadata.name",
                f"{resource} {threatened!r} would lose its Deployment: the operator of a "
                f"Mattermost {source.name!r} takes it for a job server that is switched off",
                "NameEndangersOthers",
            )
            break
    ingress_class = source.existing.get(INGRESS_CLASS, source.name)
    balanced = source.spec.get("useServiceLoadBalancer")
    if ingress_class and not balanced and V1BETA1.resource not in labels_of(ingress_class):
        yield Fault(
            "metadata.name",
            f"IngressClass {source.name!r} would be deleted: the operator of a Mattermost of that "
            "name takes it for its own",
            "NameEndangersOthers",
        )


def warnings(source: Source) -> Iterator[Fault]:
    """Whoever else has a hand in this object, and loses it."""
    for owner in source.metadata.get("ownerReferences") or ():
        yield Fault(
            "metadata.ownerReferences",
            f"not carried: deleting {owner.get('kind')} {owner.get('name')!r} "
            "will not delete the Mattermost",
            "NotCarried",
        )
    for group in ("labels", "annotations"):
        for key in source.metadata.get(group) or {}:
            if is_marker(key):
                yield Fault(f"metadata.{group}[{key}]", "kept for the way back only", "NotCarried")
