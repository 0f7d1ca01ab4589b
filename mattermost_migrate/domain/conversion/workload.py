"""The application itself: image, size, replicas, licence, search, probes and where it may run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mattermost_migrate.domain.conversion import credentials
from mattermost_migrate.domain.conversion.source import Source, plain
from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.names import V1ALPHA1, V1BETA1
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["LICENSE", "backward", "faults", "forward", "warnings"]

#: The key of the license in its Secret.
LICENSE: Final = "license"
_SAME_NAME = ("image", "version", "size", "imagePullPolicy")


def forward(source: Source) -> dict[str, Any]:
    """The Mattermost's fields (operator facts 5.3).

    A ClusterInstallation says "none" with a negative number of replicas and "unset" with 0; a
    Mattermost with 0 and nothing.
    """
    spec = source.spec
    result = {name: spec[name] for name in _SAME_NAME if name in spec}
    if replicas := spec.get("replicas", 0):
        result["replicas"] = max(replicas, 0)
    if secret := spec.get("mattermostLicenseSecret"):
        result["licenseSecret"] = secret
    return {
        **result,
        "elasticSearch": spec.get("elasticSearch", {}),
        "podExtensions": {},
        "probes": {
            "livenessProbe": spec.get("livenessProbe", {}),
            "readinessProbe": spec.get("readinessProbe", {}),
        },
        "scheduling": {
            "resources": spec.get("resources", {}),
            **plain(nodeSelector=spec.get("nodeSelector") or None, affinity=spec.get("affinity")),
        },
    }


def backward(spec: JsonObject) -> dict[str, Any]:
    """The ClusterInstallation's fields."""
    result = {name: spec[name] for name in _SAME_NAME if name in spec}
    if (replicas := spec.get("replicas")) is not None:
        result["replicas"] = replicas or -1
    if secret := spec.get("licenseSecret"):
        result["mattermostLicenseSecret"] = secret
    probes, scheduling = spec.get("probes", {}), spec.get("scheduling", {})
    return {
        **result,
        "elasticSearch": spec.get("elasticSearch", {}),
        "livenessProbe": probes.get("livenessProbe", {}),
        "readinessProbe": probes.get("readinessProbe", {}),
        "resources": scheduling.get("resources", {}),
        **plain(
            nodeSelector=scheduling.get("nodeSelector") or None,
            affinity=scheduling.get("affinity"),
        ),
    }


def faults(source: Source) -> Iterator[Fault]:
    """The licence Secret must be there: both operators stop without it (operator facts 0.5)."""
    name = source.spec.get("mattermostLicenseSecret")
    if name:
        field = "spec.mattermostLicenseSecret"
        yield from credentials.lacking(source, name, keys=(LICENSE,), field=field)


def warnings(source: Source) -> Iterator[Fault]:
    """An affinity for labels that the pods bear only as long as they are pinned."""
    old = {V1ALPHA1.installation, V1ALPHA1.resource}
    if old & set(_texts(source.spec.get("affinity"))):
        yield Fault(
            "spec.affinity",
            "selects pods by labels of a ClusterInstallation; a Mattermost's have them while they "
            f"are pinned, and afterwards {' and '.join(sorted(V1BETA1.of(source.name)))}",
            "SelectsOldLabels",
        )


def _texts(value: Any) -> Iterator[str]:
    """Every key and every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
