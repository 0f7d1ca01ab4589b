"""Owners that a custom resource had, which it gets back only where they are still there.

The API server asks of no owner reference whether its object exists, nor does a dry run. The garbage
collector does: of what has owners, and none of them left, it deletes everything. So a reference is
written only to an owner that was just read, and was that very one, by its UID.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.objects import JsonObject, owners_of

__all__ = ["Owner", "left_out", "named_by", "unseen", "without_gone"]

_FIELD: Final = "ownerReferences"


@dataclass(frozen=True, slots=True)
class Owner:
    """What an owner reference names.

    Attributes:
        api_version, kind, name: where it is found.
        uid: which one it is: another may have its name by now.
    """

    api_version: str
    kind: str
    name: str
    uid: str


def named_by(obj: JsonObject) -> tuple[Owner, ...]:
    """The owners that an object names."""
    return tuple(map(_owner, owners_of(obj)))


def unseen(obj: JsonObject, alive: frozenset[str] | None) -> bool:
    """Whether an object names owners, and nobody has looked which of them are there."""
    return alive is None and bool(owners_of(obj))


def without_gone(obj: JsonObject, alive: frozenset[str]) -> JsonObject:
    """The object without its references to owners that were not found.

    Args:
        obj: a manifest to create.
        alive: the UIDs of those that were found.
    """
    kept = [each for each in owners_of(obj) if _owner(each).uid in alive]
    if len(kept) == len(owners_of(obj)):
        return obj
    metadata = {key: value for key, value in obj["metadata"].items() if key != _FIELD}
    return {**obj, "metadata": {**metadata, _FIELD: kept} if kept else metadata}


def left_out(obj: JsonObject, alive: frozenset[str]) -> Iterator[Fault]:
    """What a person should know of the references that ``without_gone`` leaves out."""
    for owner in named_by(obj):
        if owner.uid not in alive:
            yield Fault(
                f"metadata.{_FIELD}",
                f"not put back: {owner.kind} {owner.name!r} (uid {owner.uid}) is gone, or may not "
                "be read, and with an owner that is gone the garbage collector would delete the "
                f"{obj['kind']}; if it is there, grant the controller get on {owner.kind} before, "
                "or put the reference back by hand",
                "NotCarried",
            )


def _owner(reference: Any) -> Owner:
    """What a reference names; nobody where it is none, which a record edited by hand may hold."""
    told: Mapping[str, Any] = reference if isinstance(reference, Mapping) else {}
    api_version, kind, name, uid = (
        str(told.get(key) or "") for key in ("apiVersion", "kind", "name", "uid")
    )
    return Owner(api_version, kind, name, uid)
