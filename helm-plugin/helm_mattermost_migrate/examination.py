"""Reading what an inspection asks for: the cluster's objects, for the installations selected."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from helm_mattermost_migrate.selection import Key, Selection
from mattermost_migrate.domain.errors import NotFoundError
from mattermost_migrate.domain.names import SECRET, Resource
from mattermost_migrate.domain.objects import JsonObject, typed
from mattermost_migrate.inspection import (
    Scene,
    State,
    Verdict,
    inspect,
    installations,
    needed_secrets,
)

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["examine"]

#: What is seen once may be the middle of a change: lists are not read in the same instant.
_LOOKS: Final = 3
_PAUSE_SECONDS: Final = 1.0


async def examine(
    client: Client, selection: Selection, kinds: Iterable[Resource]
) -> tuple[Verdict, ...]:
    """Inspect the installations selected; what seems broken is looked at again.

    A look is torn anywhere while a fleet is on its way: broken is what every look finds broken.

    Args:
        client: an open client.
        selection: the installations.
        kinds: of those to look at, the ones that the cluster has.

    Raises:
        ForbiddenError: we may not list a kind that an inspection needs.
    """
    kinds = tuple(kinds)
    found = await _look(client, selection, kinds)
    for _ in range(_LOOKS - 1):
        sound = {key: each for key, each in found.items() if each.state is not State.BROKEN}
        if len(sound) == len(found):
            break
        await asyncio.sleep(_PAUSE_SECONDS)
        now = await _look(client, selection, kinds) | sound
        found = {key: now[key] for key in found if key in now}  # one may be deleted meanwhile
    return tuple(found.values())


async def _look(
    client: Client, selection: Selection, kinds: Iterable[Resource]
) -> dict[Key, Verdict]:
    places = tuple(selection.searched) or (None,)
    listed = await asyncio.gather(
        *(_list(client, kind, place) for kind in kinds for place in places)
    )
    objects = tuple(obj for group in listed for obj in group)
    keys = _chosen(objects, selection)
    secrets = await asyncio.gather(*(_secrets(client, key) for key in keys))
    scene = Scene((*objects, *(obj for group in secrets for obj in group)))
    return {key: inspect(scene, *key) for key in keys}


def _chosen(objects: Iterable[JsonObject], selection: Selection) -> list[Key]:
    """Those that were named, whether they exist or not; else those that are selected."""
    if selection.names:
        return list(selection.names)
    return installations(Scene(objects), only=selection.admits)


async def _list(client: Client, kind: Resource, namespace: str | None) -> tuple[JsonObject, ...]:
    """All of a kind; none where the cluster does not have the kind."""
    try:
        return (await client.list(kind, namespace)).items
    except NotFoundError:
        return ()


async def _secrets(client: Client, key: Key) -> tuple[JsonObject, ...]:
    namespace, installation = key
    found = await asyncio.gather(
        *(client.find(SECRET, namespace, name) for name in needed_secrets(installation))
    )
    return tuple(typed(SECRET, each) for each in found if each is not None)
