"""Changing InstallationMigrations that are there, then following them: retry, turn round."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from helm_mattermost_migrate.documented import program_name
from helm_mattermost_migrate.errors import Exit
from helm_mattermost_migrate.follow import follow_selection
from helm_mattermost_migrate.inventory import Inventory
from helm_mattermost_migrate.members import Member
from helm_mattermost_migrate.progress import Progress
from helm_mattermost_migrate.run_view import ended
from helm_mattermost_migrate.selection import Key, Selection
from helm_mattermost_migrate.status_view import exit_code
from helm_mattermost_migrate.terminal import now, say
from mattermost_migrate.domain.names import INSTALLATION_MIGRATION
from mattermost_migrate.domain.objects import JsonObject, key_of, uid_of

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["amend", "migrations_of", "watch_amended"]


def migrations_of(inventory: Inventory, members: Iterable[Member]) -> tuple[JsonObject, ...]:
    """The InstallationMigrations of these installations."""
    wanted = {member.key for member in members}
    return tuple(obj for obj in inventory.migrations if key_of(obj) in wanted)


async def amend(
    client: Client,
    migrations: Sequence[JsonObject],
    spec: Callable[[JsonObject], Mapping[str, Any]],
) -> None:
    """Change a part of the spec of each, and of no other object of that name.

    Args:
        client: an open client.
        migrations: the InstallationMigrations.
        spec: gives the fields to change.
    """
    await asyncio.gather(
        *(
            client.patch(
                INSTALLATION_MIGRATION,
                *key_of(each),
                {"metadata": {"uid": uid_of(each)}, "spec": spec(each)},
            )
            for each in migrations
        )
    )


async def watch_amended(client: Client, keys: Sequence[Key], within: float | None) -> int:
    """Follow these installations until they have ended; the exit code says how."""
    try:
        progress: Progress = await follow_selection(
            client, Selection(names=tuple(keys)), within=within
        )
    except asyncio.CancelledError:
        again = " ".join("/".join(key) for key in keys)
        say(
            "\nStopped following; it goes on in the cluster. "
            f"Come back with: {program_name()} status {again} --watch",
            err=True,
        )
        return Exit.UNFINISHED
    for line in ended(progress, now()):
        say(line)
    return exit_code(progress.members)
