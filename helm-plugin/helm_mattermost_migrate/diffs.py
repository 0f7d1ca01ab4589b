"""Unified diffs of what a migration changes, line by line; pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from mattermost_migrate.domain.names import KUBECTL_APPLIED, LAST_APPLIED
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.yaml_writer import dump

__all__ = ["Change", "Kind", "diff"]

#: A text of one object before and after; None where there is, or will be, none.
Change = tuple[JsonObject | None, JsonObject | None]
#: What the server keeps for itself, or what says the same once more.
_UNTOLD: Final = (
    "managedFields",
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "generation",
    "selfLink",
    "ownerReferences",
)
_RECORDS: Final = (LAST_APPLIED, KUBECTL_APPLIED)


class Kind(StrEnum):
    """What a line of a diff is."""

    HEADING = "heading"
    PLACE = "place"
    ADDED = "added"
    REMOVED = "removed"
    SAME = "same"


def diff(change: Change) -> Iterator[tuple[Kind, str]]:
    """The lines of one change, without line ends; none where nothing changes."""
    before, after = change
    lines = difflib.unified_diff(
        _text(before), _text(after), _titled(before), _titled(after), lineterm="", n=2
    )
    for line in lines:
        yield _kind(line), line


def _kind(line: str) -> Kind:
    if line.startswith(("---", "+++")):
        return Kind.HEADING
    match line[:1]:
        case "@":
            return Kind.PLACE
        case "+":
            return Kind.ADDED
        case "-":
            return Kind.REMOVED
        case _:
            return Kind.SAME


def _titled(obj: JsonObject | None) -> str:
    if obj is None:
        return "(none)"
    return f"{obj['kind']} {obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"


def _text(obj: JsonObject | None) -> list[str]:
    return dump(_told(obj)).splitlines() if obj is not None else []


def _told(obj: JsonObject) -> Mapping[str, Any]:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _UNTOLD}
    annotations = metadata.pop("annotations", None) or {}
    if kept := {key: value for key, value in annotations.items() if key not in _RECORDS}:
        metadata["annotations"] = dict(sorted(kept.items()))
    if labels := metadata.pop("labels", None):
        metadata["labels"] = dict(sorted(labels.items()))
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": metadata,
        "spec": _sorted(obj.get("spec") or {}),
    }


def _sorted(value: Any) -> Any:
    """Keys in order, so that only what differs is shown."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(each) for each in value]
    return value
