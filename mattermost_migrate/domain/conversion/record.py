"""What a Mattermost has no place for, kept in one annotation for the way back.

The record is the difference between the ClusterInstallation that can be read off the Mattermost
alone and the original. So it holds nothing that the Mattermost itself still says (a password in
the spec stays where it is), and nothing can be forgotten: a field that no section knows how to
bring back is in the difference.

Each change names what was read off the Mattermost when it was made. If somebody edits that part of
the Mattermost afterwards, the edit wins over the record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mattermost_migrate.domain.errors import Fault, RefusedError
from mattermost_migrate.domain.names import OWN_GROUP
from mattermost_migrate.domain.objects import MAPPING, JsonObject

__all__ = ["ORIGINAL", "Change", "Record"]

#: The annotation of a converted Mattermost that holds its record.
ORIGINAL: Final = f"{OWN_GROUP}/original-clusterinstallation"
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One place where the original differs from what the Mattermost says.

    Attributes:
        path: the keys that lead there.
        derived: what the Mattermost says, absent as an empty tuple, else alone in one.
        original: what the ClusterInstallation said, in the same way.
    """

    path: tuple[str, ...]
    derived: tuple[Any, ...]
    original: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """All changes, and the env entries that the conversion added."""

    changes: tuple[Change, ...] = ()
    added_env: tuple[JsonObject, ...] = ()

    @classmethod
    def between(
        cls, derived: JsonObject, original: JsonObject, *, added_env: tuple[JsonObject, ...] = ()
    ) -> Record:
        """Note what turns ``derived`` into ``original``."""
        return cls(tuple(_changes(derived, original, ())), added_env)

    @classmethod
    def of(cls, annotations: Mapping[str, str]) -> Record:
        """Read the record of a converted Mattermost; empty when there is none.

        Raises:
            RefusedError: the annotation is there and was not written by ``text``.
        """
        text = annotations.get(ORIGINAL)
        return cls() if text is None else _decode(text)

    def text(self) -> str:
        """The annotation's value, empty when there is nothing to record."""
        document = self.document()
        if not document:
            return ""
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    def document(self) -> dict[str, Any]:
        """What the annotation says, as JSON; empty when there is nothing to record."""
        if not self.changes and not self.added_env:
            return {}
        document: dict[str, Any] = {"changes": [_encode(change) for change in self.changes]}
        if self.added_env:
            document["addedEnv"] = list(self.added_env)
        return document

    @classmethod
    def parsed(cls, document: Mapping[str, Any]) -> Record:
        """The record of such a document.

        Raises:
            TypeError, KeyError, AttributeError, ValueError: it was not made by ``document``.
        """
        changes = tuple(
            Change(
                tuple(map(str, change["path"])),
                (change["derived"],) if "derived" in change else (),
                (change["original"],) if "original" in change else (),
            )
            for change in document["changes"]
        )
        return cls(changes, tuple(dict(entry) for entry in document.get("addedEnv", ())))

    def apply(self, derived: JsonObject) -> dict[str, Any]:
        """Put the original's own back, wherever the Mattermost still says what it said then."""
        result = dict(derived)
        for change in self.changes:
            _apply(result, change)
        return result


def _changes(derived: JsonObject, original: JsonObject, path: tuple[str, ...]) -> Iterator[Change]:
    for key in sorted({*derived, *original}):
        before, after = derived.get(key, _ABSENT), original.get(key, _ABSENT)
        if before is after or (type(before) is type(after) and before == after):
            continue
        here = (*path, key)
        if isinstance(before, MAPPING) and isinstance(after, MAPPING):
            yield from _changes(before, after, here)
        else:
            yield Change(here, _boxed(before), _boxed(after))


def _boxed(value: object) -> tuple[Any, ...]:
    return () if value is _ABSENT else (value,)


def _encode(change: Change) -> dict[str, Any]:
    encoded: dict[str, Any] = {"path": list(change.path)}
    if change.derived:
        encoded["derived"] = change.derived[0]
    if change.original:
        encoded["original"] = change.original[0]
    return encoded


def _decode(text: str) -> Record:
    try:
        return Record.parsed(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        fault = Fault(
            f"metadata.annotations[{ORIGINAL}]",
            "not as the conversion wrote it, so the original cannot be told from it; "
            "remove it to go back without what it held",
        )
        raise RefusedError([fault]) from None


def _apply(result: dict[str, Any], change: Change) -> None:
    """Change ``result``, whose maps along the path are replaced by copies on the way down."""
    *parents, last = change.path
    current = result
    for key in parents:
        child = current.get(key, {})
        if not isinstance(child, Mapping):
            return
        current[key] = child = dict(child)
        current = child
    if _boxed(current.get(last, _ABSENT)) != change.derived:
        return
    if change.original:
        current[last] = change.original[0]
    else:
        current.pop(last, None)
