"""``pause`` and ``resume``: let a fleet start no further migrations, or go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from helm_mattermost_migrate.connection import connection_options, run_async
from helm_mattermost_migrate.documented import Documented, program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.inventory import list_fleets, not_served
from helm_mattermost_migrate.options import target_of
from helm_mattermost_migrate.terminal import say
from mattermost_migrate.domain.errors import NotFoundError, NotServedError
from mattermost_migrate.domain.names import FLEET_MIGRATION
from mattermost_migrate.domain.objects import JsonObject, name_of, uid_of
from mattermost_migrate.domain.reported import fleet_over

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["meant_fleets", "pause", "resume"]


@click.command(
    "pause",
    cls=Documented,
    examples=(("", "every fleet under way"), ("fleet-x7k2p", "this one")),
)
@click.argument("fleets", nargs=-1, metavar="[FLEET…]")
@connection_options
def pause(**arguments: Any) -> int:
    """Start no further migrations. Those under way go on to their end: half-way is no place."""
    return run_async(_set(arguments, paused=True))


@click.command(
    "resume",
    cls=Documented,
    examples=(("", "every fleet under way"), ("fleet-x7k2p", "this one")),
)
@click.argument("fleets", nargs=-1, metavar="[FLEET…]")
@connection_options
def resume(**arguments: Any) -> int:
    """Go on with a paused fleet."""
    return run_async(_set(arguments, paused=False))


async def _set(arguments: dict[str, Any], *, paused: bool) -> int:
    async with target_of(arguments).client() as client:
        fleets = await meant_fleets(client, arguments["fleets"])
        for fleet in fleets:
            body = {"metadata": {"uid": uid_of(fleet)}, "spec": {"paused": paused}}
            await client.patch(FLEET_MIGRATION, None, name_of(fleet), body)
            say(f"FleetMigration {name_of(fleet)}: {'paused' if paused else 'resumed'}")
    return Exit.DONE


async def meant_fleets(client: Client, names: tuple[str, ...]) -> tuple[JsonObject, ...]:
    """The fleets of these names; without any, all that are not over."""
    hint = f"{program_name()} status --all"
    if not names:
        found = await list_fleets(client)
        if not (open_ones := tuple(fleet for fleet in found if not fleet_over(fleet))):
            raise CommandError("no FleetMigration is under way", hint=hint)
        return open_ones
    fleets = []
    for name in names:
        try:
            fleet = await client.get(FLEET_MIGRATION, None, name)
        except NotServedError as error:
            raise not_served(FLEET_MIGRATION) from error
        except NotFoundError as error:
            raise CommandError(f"FleetMigration {name}: there is none", hint=hint) from error
        if fleet_over(fleet):
            raise CommandError(f"FleetMigration {name}: it is over already", hint=hint)
        fleets.append(fleet)
    return tuple(fleets)
