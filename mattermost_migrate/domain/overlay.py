"""Small changes to JSON objects: what changed between two, carried to a third, or as a patch.

What a webhook writes into somebody's object should be the change it is about and nothing else: no
other spelling of a quantity, no field less that a newer CRD may know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.pod_patch import pointer

__all__ = ["carried", "patch_between"]


def carried(given: JsonObject, before: JsonObject, after: JsonObject) -> dict[str, Any]:
    """``given`` with what differs between ``before`` and ``after``, and nothing else of either."""
    result = dict(given)
    for key in {*before, *after}:
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if key not in after:
            result.pop(key, None)
        elif isinstance(new, Mapping) and isinstance(old or {}, Mapping):
            inside = result.get(key)
            result[key] = carried(inside if isinstance(inside, Mapping) else {}, old or {}, new)
        else:
            result[key] = new
    return result


def patch_between(before: JsonObject, after: JsonObject) -> tuple[dict[str, Any], ...]:
    """The JSON Patch (RFC 6902) that turns one object into the other; lists are replaced whole."""
    return tuple(_operations(before, after, ""))


def _operations(before: JsonObject, after: JsonObject, at: str) -> Iterator[dict[str, Any]]:
    for key in sorted({*before, *after}):
        path = at + pointer(key)
        if key not in after:
            yield {"op": "remove", "path": path}
        elif key not in before:
            yield {"op": "add", "path": path, "value": after[key]}
        elif before[key] != after[key] or type(before[key]) is not type(after[key]):
            if isinstance(before[key], Mapping) and isinstance(after[key], Mapping):
                yield from _operations(before[key], after[key], path)
            else:
                yield {"op": "replace", "path": path, "value": after[key]}
