"""One writer: who keeps the certificates holds the controller's Lease.

Where a controller leads, it does the work; a command that would do it here must get that very Lease
first, and gives it back in the end.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from mattermost_migrate.domain.errors import MigrateError
from mattermost_migrate.domain.leases import held_by
from mattermost_migrate.domain.names import LEADER_LEASE, LEASE
from mattermost_migrate.kube import Client, Election

__all__ = ["HeldError", "alone", "leader_of"]

#: A Lease that is free is got at once; one that has just run out, after its own duration.
_PATIENCE: Final = 20.0


class HeldError(MigrateError):
    """It is not for this process to write; the message says whose it is, or what to add."""


async def leader_of(client: Client, namespace: str) -> str | None:
    """Who holds the Lease, or None when its holder has not renewed it in time."""
    lease = await client.find(LEASE, namespace, LEADER_LEASE)
    return held_by(lease or {}, datetime.now(UTC)) or None


@asynccontextmanager
async def alone(client: Client, namespace: str) -> AsyncIterator[Client]:
    """Hold the Lease; gives a client that writes only while it is held.

    Raises:
        HeldError: a controller leads.
    """
    if leader := await leader_of(client, namespace):
        raise HeldError(
            f"{leader} leads and keeps the certificates itself; to ask it for new ones, run "
            "mattermost-migrate-certs rotate"
        )
    identity = f"mattermost-migrate-certs_{socket.gethostname()}_{os.getpid()}"
    election = Election(client, namespace, LEADER_LEASE, identity=identity)
    leading, over = asyncio.Event(), asyncio.Event()

    async def body() -> None:
        leading.set()
        await over.wait()

    task = asyncio.create_task(election.lead(body))
    try:
        try:
            await asyncio.wait_for(leading.wait(), _PATIENCE)
        except TimeoutError as error:
            raise HeldError(
                "the controller's Lease was not to be had: somebody else leads"
            ) from error
        yield client.fenced(lambda: election.held)
    finally:
        if leading.is_set():
            over.set()
        else:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
