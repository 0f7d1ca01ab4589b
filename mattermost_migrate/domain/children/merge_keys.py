"""Lists that Kubernetes merges by a key, and the operator's error when an entry has none.

The operator compares a Deployment it just created by a strategic merge patch (operator facts 0.4),
after it dropped empty texts; an entry such as ``imagePullSecrets: [{}]`` then has no key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mattermost_migrate.domain.children.result import ChildError
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["require"]

_POD_LISTS: Final = {
    "containers": "name",
    "initContainers": "name",
    "imagePullSecrets": "name",
    "volumes": "name",
    "hostAliases": "ip",
    "resourceClaims": "name",
    "schedulingGates": "name",
    "topologySpreadConstraints": "topologyKey",
}
_CONTAINER_LISTS: Final = {
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
}


def require(deployment: JsonObject) -> None:
    """Make sure that every entry of a merged list has its key.

    Raises:
        ChildError: one has not; in the operator's words.
    """
    for entry, key in _entries(deployment["spec"]["template"]["spec"]):
        if entry.get(key) in (None, ""):
            raise ChildError(
                "failed to determine if resources differ: Failed to generate strategic merge "
                f"patch: map: {_go(entry)} does not contain declared merge key: {key}"
            )


def _entries(pod: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    for name, key in sorted(_POD_LISTS.items()):
        for entry in pod.get(name) or ():
            yield entry, key
    for name in ("containers", "initContainers"):
        for container in pod.get(name) or ():
            for inner, key in sorted(_CONTAINER_LISTS.items()):
                for entry in container.get(inner) or ():
                    yield entry, key


def _go(value: Any) -> str:
    """A value as Go prints it."""
    match value:
        case Mapping():
            pairs = (f"{key}:{_go(item)}" for key, item in sorted(value.items()) if item != "")
            return f"map[{' '.join(pairs)}]"
        case list() | tuple():
            return f"[{' '.join(map(_go, value))}]"
        case bool():
            return str(value).lower()
        case _:
            return str(value)
