"""The only place where a decision becomes requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from mattermost_migrate.domain.errors import (
    AlreadyExistsError,
    InvariantError,
    NotFoundError,
)
from mattermost_migrate.domain.names import SECRET
from mattermost_migrate.domain.objects import JsonObject, namespace_of
from mattermost_migrate.domain.steps import Act
from mattermost_migrate.domain.writes import Outcome, Verb, Write
from mattermost_migrate.kube import Client, Propagation

__all__ = ["Note", "execute", "send"]

#: Told of each object that a write of ours left behind, as the server answered it.
Note: TypeAlias = Callable[[Write, JsonObject], None]


async def execute(client: Client, namespace: str, act: Act, note: Note) -> int:
    """Rehearse, then send the writes of one action, all at the same time.

    Args:
        client: to write by; fenced by the lease.
        namespace: of the installation.
        act: what to do.
        note: told of each answer.

    Returns:
        How many writes were sent.

    Raises:
        StaleError: the world moved under one of them; the others are done.
        RejectedError: the API server refuses an object, in the rehearsal or for real.
    """
    await asyncio.gather(*(_rehearse(client, namespace, write) for write in act.rehearse))
    answers = await asyncio.gather(
        *(send(client, namespace, write) for write in act.writes), return_exceptions=True
    )
    failures = []
    for write, answer in zip(act.writes, answers, strict=True):
        if isinstance(answer, BaseException):
            failures.append(answer)
        elif answer is not None:
            note(write, answer)
    if failures:
        raise failures[0]
    return len(act.writes)


async def _rehearse(client: Client, namespace: str, write: Write) -> None:
    """A dry-run create that answers AlreadyExists has passed validation and admission."""
    try:
        await send(client, namespace, write, dry_run=True)
    except AlreadyExistsError:
        return


async def send(
    client: Client, namespace: str, write: Write, *, dry_run: bool = False
) -> JsonObject | None:
    """Send one write.

    Returns:
        The object as the server answers it; None where an outcome is tolerated, or where a
        deletion left nothing.
    """
    try:
        return await _send(client, namespace, write, dry_run=dry_run)
    except NotFoundError:
        if Outcome.NOT_FOUND in write.tolerate:
            return None
        raise


async def _send(
    client: Client, namespace: str, write: Write, *, dry_run: bool
) -> JsonObject | None:
    resource, name, subresource = write.resource, write.name, write.subresource or None
    if write.verb is Verb.DELETE:
        answer = await client.delete(
            resource,
            namespace,
            name,
            uid=write.uid,
            resource_version=write.resource_version,
            # A Secret owns nothing: it goes at once, and not after the garbage collector came by.
            propagation=None if resource is SECRET else Propagation.ORPHAN,
            dry_run=dry_run,
        )
        return None if answer.get("kind") == "Status" else answer
    if write.verb is Verb.PATCH:
        if write.body is None or write.patch_type is None:
            raise InvariantError(f"{write}: a patch without a body or a type")
        return await client.patch(
            resource,
            namespace,
            name,
            write.body,
            kind=write.patch_type,
            subresource=subresource,
            dry_run=dry_run,
        )
    if not isinstance(write.body, dict):
        raise InvariantError(f"{write}: no manifest")
    manifest = _placed(write.body, namespace)
    if write.verb is Verb.CREATE:
        return await client.create(resource, manifest, dry_run=dry_run)
    return await client.replace(resource, manifest, dry_run=dry_run)


def _placed(manifest: JsonObject, namespace: str) -> JsonObject:
    """The manifest in its installation's namespace, if it does not say so itself."""
    if namespace_of(manifest):
        return manifest
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
