"""``pause`` and ``resume``: let a fleet start no further migrations, or go on."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from helm_mattermost_migrate.connection import Target, connection_options
from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.errors import Exit
from helm_mattermost_migrate.inventory import meant_fleets
from helm_mattermost_migrate.terminal import say
from mattermost_migrate.domain.names import FLEET_MIGRATION
from mattermost_migrate.domain.objects import name_of, uid_of

__all__ = ["pause", "resume"]


@click.command(
    "pause",
    cls=Documented,
    examples=(("", "every fleet under way"), ("fleet-x7k2p", "this one")),
)
@click.argument("fleets", nargs=-1, metavar="[FLEET…]")
@connection_options
def pause(**arguments: Any) -> int:
    """Start no further migrations. Those under way go on to their end: half-way is no place."""
    return asyncio.run(_set(arguments, paused=True))


@click.command(
    "resume",
    cls=Documented,
    examples=(("", "every fleet under way"), ("fleet-x7k2p", "this one")),
)
@click.argument("fleets", nargs=-1, metavar="[FLEET…]")
@connection_options
def resume(**arguments: Any) -> int:
    """Go on with a paused fleet."""
    return asyncio.run(_set(arguments, paused=False))


async def _set(arguments: dict[str, Any], *, paused: bool) -> int:
    async with Target.of(arguments).client() as client:
        fleets = await meant_fleets(client, arguments["fleets"])
        for fleet in fleets:
            body = {"metadata": {"uid": uid_of(fleet)}, "spec": {"paused": paused}}
            await client.patch(FLEET_MIGRATION, None, name_of(fleet), body)
            say(f"FleetMigration {name_of(fleet)}: {'paused' if paused else 'resumed'}")
    return Exit.DONE
