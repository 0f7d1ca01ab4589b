"""What a pod would see differently: two templates compared by effect, not by spelling.

The order of env entries, volumes and mounts is of no effect, but the order of init containers is,
and so is what ``$(NAME)`` in an env value stands for. What the API server fills in is filled in on
both sides first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mattermost_migrate.domain.objects import MAPPING, JsonObject
from mattermost_migrate.domain.pod_template import defaulted

__all__ = ["Difference", "difference", "effective_env"]

#: Lists in which the key tells entries apart and the order says nothing.
_KEYED: Final = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "ports": ("containerPort", "protocol"),
    "imagePullSecrets": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
#: Two spellings of one field; the API server keeps them equal.
_ALIASES: Final = {"serviceAccount"}
_REFERENCE: Final = re.compile(r"\$\$|\$\((?P<name>[^)]*)\)")


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two pods differ.

    Attributes:
        field: path in the template, with names in brackets for entries of lists.
        before: the value, None when there was none.
        after: the value, None when there is none any more.
    """

    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.field}: added {_shown(self.after)}"
        if self.after is None:
            return f"{self.field}: removed {_shown(self.before)}"
        return f"{self.field}: {_shown(self.before)} → {_shown(self.after)}"


def difference(before_template: JsonObject, after_template: JsonObject) -> tuple[Difference, ...]:
    """What a pod of the second template sees differently from a pod of the first.

    Args:
        before_template: ``spec.template`` of a Deployment or ReplicaSet, live or generated.
        after_template: the other one.

    Returns:
        The differences, sorted by field; none when the pods are the same to everybody in them.
    """
    before, after = (
        dict(_flat(_effective(defaulted(template)), ""))
        for template in (before_template, after_template)
    )
    return tuple(
        Difference(field, before.get(field), after.get(field))
        for field in sorted({*before, *after})
        if before.get(field) != after.get(field)
    )


def effective_env(env: list[JsonObject]) -> dict[str, Any]:
    """What each variable holds: a text, or the ``valueFrom`` it comes from.

    The kubelet goes through the list once, replaces ``$(NAME)`` by what it has seen so far, leaves
    it as it stands where it has not, and lets a later entry of the same name win.
    """
    seen: dict[str, Any] = {}
    for entry in env:
        source = entry.get("valueFrom")
        seen[entry["name"]] = source or _expanded(entry.get("value", ""), seen)
    return seen


def _expanded(text: str, seen: Mapping[str, Any]) -> str:
    def replacement(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "$"
        if name not in seen:
            return match[0]
        value = seen[name]
        return value if isinstance(value, str) else f"$({_shown(value)})"

    return _REFERENCE.sub(replacement, text)


def _effective(template: JsonObject) -> dict[str, Any]:
    spec = template["spec"]
    for group in ("containers", "initContainers"):
        if group in spec:
            spec = {**spec, group: [_effective_container(item) for item in spec[group]]}
    if order := [container.get("name") for container in spec.get("initContainers", [])]:
        spec = {**spec, "initContainerOrder": order}
    spec = {key: value for key, value in spec.items() if key not in _ALIASES}
    return {**template, "spec": spec}


def _effective_container(container: JsonObject) -> JsonObject:
    if "env" not in container:
        return container
    return {**container, "env": {"of": effective_env(container["env"])}}


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every leaf with its path. An empty map says nothing, but for the volume it may be."""
    if not isinstance(value, MAPPING) or (not value and path.endswith(".emptyDir")):
        yield path, value
        return
    for key, item in value.items():
        here = f"{path}.{key}" if path else key
        if key in ("labels", "annotations", "nodeSelector") and isinstance(item, Mapping):
            yield from ((f"{here}[{name}]", text) for name, text in item.items())
        elif key == "env" and isinstance(item, Mapping):
            yield from ((f"{here}[{name}]", text) for name, text in item["of"].items())
        elif key in _KEYED and isinstance(item, list):
            yield from _flat_list(item, here, _KEYED[key])
        else:
            yield from _flat(item, here)


def _flat_list(items: list[Any], path: str, keys: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for item in items:
        name = "/".join(str(item.get(key, "")) for key in keys)
        yield from _flat(item, f"{path}[{name}]")


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
