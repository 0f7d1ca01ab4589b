"""Which owners are alive: a reference names a kind, and only discovery says where it is served."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import astuple

from mattermost_migrate.domain.errors import ForbiddenError, NotFoundError, RejectedError
from mattermost_migrate.domain.names import Resource
from mattermost_migrate.domain.objects import leaving, uid_of
from mattermost_migrate.domain.owners import Owner
from mattermost_migrate.kube.client import Client

__all__ = ["living"]


async def living(client: Client, namespace: str, owners: Iterable[Owner]) -> frozenset[str]:
    """The UIDs of those owners that were just read, and are not being deleted.

    Nobody is taken for alive on a guess: one of another UID, of a kind that is not served, or that
    may not be read, is not among them.

    Args:
        client: to read by.
        namespace: of the object that names them; they are there too, or in no namespace.
        owners: whom it names.

    Raises:
        TransientError: the server could not answer just now.
    """
    wanted = tuple(owners)
    alive = await asyncio.gather(*(_lives(client, namespace, each) for each in wanted))
    return frozenset(each.uid for each, lives in zip(wanted, alive, strict=True) if lives)


async def _lives(client: Client, namespace: str, owner: Owner) -> bool:
    if not all(astuple(owner)):
        return False  # a record that was edited by hand; whom it means nobody can tell
    try:
        resource = await _resource(client, owner)
        found = await client.get(resource, namespace, owner.name)
    except (NotFoundError, ForbiddenError, RejectedError):
        return False
    return uid_of(found) == owner.uid and not leaving(found)


async def _resource(client: Client, owner: Owner) -> Resource:
    """The kind as it is served; NotFoundError where it is not."""
    group, _, version = owner.api_version.rpartition("/")
    root = "/apis" if group else "/api"
    served = await client.raw("GET", f"{root}/{owner.api_version}")
    for each in served["resources"]:
        if each["kind"] == owner.kind and "/" not in each["name"]:  # else it is a subresource
            return Resource(group, version, owner.kind, each["name"], bool(each["namespaced"]))
    raise NotFoundError(f"{owner.api_version} has no {owner.kind}")
