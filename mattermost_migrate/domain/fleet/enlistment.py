"""What makes an InstallationMigration the member of a fleet, and what starts it.

A member carries what its fleet has to know again after any restart, in one annotation: which fleet
by UID (a name is reused), its place in the order, and the run it was last started for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, Final, TypeAlias

from mattermost_migrate.domain.membership import Enlistment, retry_of
from mattermost_migrate.domain.names import FLEET_LABEL, INSTALLATION_MIGRATION
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of, uid_of

__all__ = ["Key", "enlisted", "new_member", "places", "start"]

#: Namespace and name.
Key: TypeAlias = tuple[str, str]
#: What a member takes from its fleet's spec.
_INHERITED: Final = (
    "desiredKind",
    "strategy",
    "maxSurge",
    "drainSeconds",
    "pinPodTemplate",
    "progressDeadlineSeconds",
    "onFailure",
    "discardEdits",
)


def enlisted(fleet: JsonObject, place: int) -> Enlistment:
    """The enlistment of a new member, not yet started."""
    return Enlistment(uid_of(fleet), place, fleet["spec"]["desiredKind"], retry_of(fleet))


def places(ordered: Iterable[Key], taken: Mapping[Key, int]) -> dict[Key, int]:
    """A place for each that is to join, in order; who has one already keeps it.

    Args:
        ordered: all that join, in the order of their starts.
        taken: the places that members have already, from an attempt that was cut off.
    """
    used = set(taken.values())
    free = (number for number in count() if number not in used)
    return {key: taken[key] if key in taken else next(free) for key in ordered}


def new_member(fleet: JsonObject, installation: JsonObject, place: int) -> dict[str, Any]:
    """The InstallationMigration of a selected installation; it waits until its fleet starts it."""
    return {
        "apiVersion": INSTALLATION_MIGRATION.api_version,
        "kind": INSTALLATION_MIGRATION.kind,
        "metadata": {
            "name": name_of(installation),
            "namespace": namespace_of(installation),
            "labels": {FLEET_LABEL: name_of(fleet)},
            "annotations": enlisted(fleet, place).written(),
        },
        "spec": {**_inherited(fleet), "paused": True},
    }


def start(fleet: JsonObject, migration: JsonObject, *, again: bool) -> dict[str, Any]:
    """The patch that starts a member, for the first time or again.

    It takes over what the fleet's spec says now, and fails when the member moved meanwhile.

    Args:
        fleet: the FleetMigration.
        migration: a member of it that waits.
        again: it has been started before and came to an end.

    Raises:
        ValueError: it is no member.
    """
    known = Enlistment.read(migration)
    if known is None:
        raise ValueError(f"{namespace_of(migration)}/{name_of(migration)} is no member of a fleet")
    fresh = enlisted(fleet, known.place)
    same = (known.retry, known.desired_kind) == (fresh.retry, fresh.desired_kind)
    attempt = known.attempt + again if same else 0
    spec: dict[str, Any] = {**_inherited(fleet), "paused": False}
    if again:
        spec["retryGeneration"] = retry_of(migration) + 1
    return {
        "metadata": {
            "uid": uid_of(migration),
            "resourceVersion": migration["metadata"].get("resourceVersion"),
            "annotations": dataclasses.replace(fresh, attempt=attempt).written(),
        },
        "spec": spec,
    }


def _inherited(fleet: JsonObject) -> dict[str, Any]:
    spec = fleet["spec"]
    return {key: spec[key] for key in _INHERITED if key in spec}
