"""Others' objects that choose an installation's pods or Service by the labels of the old kind.

The migration adds the labels of a Mattermost. While the pods are pinned they keep the old ones too,
so such a selector goes on matching; it falls away with the pin, and that is worth knowing before.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mattermost_migrate.domain.names import (
    HORIZONTAL_POD_AUTOSCALER,
    NETWORK_POLICY,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    V1ALPHA1,
    V1BETA1,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, name_of, owners_of

__all__ = ["NEIGHBOURS", "Neighbour", "neighbours"]

SERVICE_MONITOR: Final = Resource(
    "monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors"
)
POD_MONITOR: Final = Resource("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors")
#: The kinds to look at.
NEIGHBOURS: Final = (
    NETWORK_POLICY,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    SERVICE_MONITOR,
    POD_MONITOR,
    HORIZONTAL_POD_AUTOSCALER,
)
_OLD: Final = (V1ALPHA1.installation, V1ALPHA1.resource)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An object of somebody else's that means this installation.

    Attributes:
        kind: its kind.
        name: its name.
        told: what will become of it, and what to do.
    """

    kind: str
    name: str
    told: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.told}"


def neighbours(installation: str, objects: Iterable[JsonObject]) -> tuple[Neighbour, ...]:
    """Those of the objects that mean the installation of this name.

    Args:
        installation: its name.
        objects: of its namespace, of any of the ``NEIGHBOURS`` kinds.
    """
    return tuple(_neighbours(installation, objects))


def _neighbours(installation: str, objects: Iterable[JsonObject]) -> Iterator[Neighbour]:
    for obj in objects:
        kind, name = str(obj["kind"]), name_of(obj)
        if owners_of(obj):
            continue  # an operator's own: it follows its owner
        if kind == HORIZONTAL_POD_AUTOSCALER.kind:
            if _scales(obj, installation):
                yield Neighbour(
                    kind,
                    name,
                    f"scales Deployment {installation}, which is exchanged under the same name; "
                    "the replicas it has set are kept",
                )
        elif any(_means(selector, installation) for selector in _selectors(obj)):
            yield Neighbour(
                kind,
                name,
                f"selects by {V1ALPHA1.installation}: matches as long as the pods are pinned; "
                f"change it to {V1BETA1.installation} before you unpin",
            )


def _scales(autoscaler: JsonObject, installation: str) -> bool:
    target = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    return target.get("kind") == "Deployment" and target.get("name") == installation


def _selectors(obj: JsonObject) -> Iterator[Mapping[str, Any]]:
    """Every label selector of an object, as ``matchLabels`` and ``matchExpressions``."""
    spec = obj.get("spec") or {}
    if obj["kind"] == SERVICE.kind:
        yield {"matchLabels": spec.get("selector") or {}}
        return
    yield spec.get("selector") or {}
    yield spec.get("podSelector") or {}
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        for peer in (*(rule.get("from") or ()), *(rule.get("to") or ())):
            yield peer.get("podSelector") or {}


def _means(selector: Mapping[str, Any], installation: str) -> bool:
    """Whether it asks for an old label in a way that this installation satisfies."""
    labels = selector.get("matchLabels") or {}
    if any(labels.get(key) == installation for key in _OLD):
        return True
    return any(
        term.get("key") in _OLD
        and (term.get("operator") == "Exists" or installation in (term.get("values") or ()))
        for term in selector.get("matchExpressions") or ()
    )
