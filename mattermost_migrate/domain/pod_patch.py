"""The smallest JSON Patch that makes one pod template equal to another (RFC 6902).

Small in fields, not in bytes: a list is replaced whole. Operations on single entries would count
positions in a list that the next version of the operator may order otherwise, and then change the
wrong ones; whole, the result is the same whatever was generated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.pod_template import defaulted

__all__ = ["TEMPLATE", "operations", "pointer"]

#: Where the template stands in a Deployment.
TEMPLATE: Final = "/spec/template"


def pointer(*keys: str) -> str:
    """The keys as the end of a JSON Pointer."""
    return "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in keys)


def operations(generated: JsonObject, target: JsonObject) -> tuple[dict[str, Any], ...]:
    """What turns a generated template into the target, both as the API server will store them.

    Args:
        generated: as it is sent, without the API server's defaults.
        target: live or generated.

    Returns:
        Operations on a Deployment; none when the templates are equal already.
    """
    return tuple(_of_map(defaulted(generated), defaulted(target), generated, TEMPLATE))


def _of_map(
    generated: JsonObject, target: JsonObject, sent: JsonObject, path: str
) -> Iterator[dict[str, Any]]:
    """Walk all three at once: what will be there, what shall be, and what can be addressed."""
    for key in sorted({*generated, *target}):
        here = path + pointer(key)
        if key not in target:
            yield {"op": "remove", "path": here}
        elif generated.get(key) == target[key]:
            continue
        elif key not in generated or sent.get(key) is None:
            yield {"op": "add", "path": here, "value": target[key]}
        else:
            yield from _of_value(generated[key], target[key], sent[key], here)


def _of_value(generated: Any, target: Any, sent: Any, path: str) -> Iterator[dict[str, Any]]:
    if isinstance(generated, Mapping) and isinstance(target, Mapping):
        yield from _of_map(generated, target, sent, path)
    elif path == f"{TEMPLATE}/spec/containers":
        yield from _of_containers(generated, target, sent, path)
    else:
        yield {"op": "replace", "path": path, "value": target}


def _of_containers(
    generated: list[Any], target: list[Any], sent: list[Any], path: str
) -> Iterator[dict[str, Any]]:
    """Containers are too large to replace for a word; those of the same name change in place."""
    common = list(zip(generated, target, strict=False))
    if len(generated) > len(target) or any(old["name"] != new["name"] for old, new in common):
        yield {"op": "replace", "path": path, "value": target}
        return
    for index, (old, new) in enumerate(common):
        yield from _of_map(old, new, sent[index], f"{path}/{index}")
    for new in target[len(generated) :]:
        yield {"op": "add", "path": f"{path}/-", "value": new}
