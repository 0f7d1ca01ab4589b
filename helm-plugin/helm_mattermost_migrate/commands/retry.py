"""``retry``: try again what failed, was rolled back, or was refused."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from helm_mattermost_migrate.amend import amend, migrations_of, watch_amended
from helm_mattermost_migrate.connection import Target
from helm_mattermost_migrate.documented import Documented, program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.inventory import check_found, read_inventory
from helm_mattermost_migrate.options import Duration, check_following, parse_selection, selecting
from helm_mattermost_migrate.server_side import require_leader
from helm_mattermost_migrate.terminal import now, say
from mattermost_migrate.domain.objects import JsonObject, key_of

__all__ = ["command"]


@click.command(
    "retry",
    cls=Documented,
    examples=(("chat", "one installation"), ("--all", "everything that did not succeed")),
)
@selecting
@click.option("--timeout", type=Duration(), help="Stop following after this time.")
@click.option("--no-wait", is_flag=True, help="Do not follow.")
def command(**arguments: Any) -> int:
    """Try again what failed, was rolled back, or was refused.

    What stood in the way must be out of it: status says what it was. Exit code 0 when all succeed,
    1 when one fails again, 2 when it is not finished in time, 3 when one is refused again, or there
    is nothing to retry.
    """
    check_following(arguments)
    return asyncio.run(_retry(arguments))


async def _retry(arguments: dict[str, Any]) -> int:
    async with Target.of(arguments).client() as client:
        selection = parse_selection(arguments, namespace=client.connection.namespace)
        inventory = await read_inventory(client, selection)
        check_found(inventory, selection)
        chosen = migrations_of(inventory, (each for each in inventory.members if each.standing.bad))
        if not chosen:
            raise CommandError(
                f"nothing to retry in {selection.described('any')}: no migration failed there",
                hint=f"{program_name()} status",
            )
        await require_leader(client, now())
        await amend(client, chosen, _again)
        keys = sorted(map(key_of, chosen))
        for key in keys:
            say(f"{'/'.join(key)}: tried again")
        if arguments["no_wait"]:
            return Exit.DONE
        return await watch_amended(client, keys, arguments["timeout"])


def _again(migration: JsonObject) -> dict[str, Any]:
    """The next generation, started: whoever retries does not wait for a fleet that is over."""
    return {
        "retryGeneration": int(migration["spec"].get("retryGeneration") or 0) + 1,
        "paused": False,
    }
