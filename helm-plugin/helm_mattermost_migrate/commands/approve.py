"""``approve``: let the next wave of a fleet begin."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import click

from helm_mattermost_migrate.connection import Target, connection_options
from helm_mattermost_migrate.documented import Documented, program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.inventory import meant_fleets
from helm_mattermost_migrate.terminal import say
from mattermost_migrate.domain.names import FLEET_MIGRATION
from mattermost_migrate.domain.objects import JsonObject, name_of, uid_of

__all__ = ["command", "idle", "wave_to_approve"]


@click.command(
    "approve",
    cls=Documented,
    examples=(
        ("", "the wave that every fleet under way waits with"),
        ("fleet-x7k2p", "of this one"),
        ("fleet-x7k2p --wave 3", "in advance, up to the third"),
    ),
)
@click.argument("fleets", nargs=-1, metavar="[FLEET…]")
@click.option(
    "--wave",
    type=click.IntRange(min=1),
    metavar="N",
    help="Approve the outcome of the waves up to this one.",
)
@connection_options
def command(**arguments: Any) -> int:
    """Approve the outcome of a wave, so that the next one begins.

    Exit code 3 when no wave waits for it, or the fleet has no such wave.
    """
    return asyncio.run(_approve(arguments))


async def _approve(arguments: dict[str, Any]) -> int:
    names, wave = arguments["fleets"], arguments["wave"]
    if wave is not None and len(names) != 1:
        raise click.UsageError("--wave goes with the name of one fleet")
    async with Target.of(arguments).client() as client:
        fleets = await meant_fleets(client, names)
        due = [(fleet, wave_to_approve(fleet, wave)) for fleet in fleets]
        chosen = [(fleet, number) for fleet, number in due if number]
        if not chosen or (names and len(chosen) < len(names)):
            raise idle([fleet for fleet, number in due if not number])
        for fleet, number in chosen:
            body = {"metadata": {"uid": uid_of(fleet)}, "spec": {"approvedWave": number}}
            await client.patch(FLEET_MIGRATION, None, name_of(fleet), body)
            say(f"FleetMigration {name_of(fleet)}: wave {number} approved")
    return Exit.DONE


def wave_to_approve(fleet: JsonObject, wave: int | None) -> int:
    """The wave that was named, else the one whose outcome is to be approved; 0 when none is.

    Raises:
        CommandError: the fleet has fewer waves than that.
    """
    if wave is None:
        return int((fleet.get("status") or {}).get("awaitingApproval") or 0)
    name, waves = name_of(fleet), fleet["spec"].get("waves") or ()
    # What the waves leave over is one more; the status, once it is there, knows whether there is.
    number = int((fleet.get("status") or {}).get("wavesTotal") or len(waves) + 1)
    if wave > number:
        raise CommandError(
            f"FleetMigration {name}: it has {number} wave{'s' if number > 1 else ''}, "
            f"no wave {wave}",
            hint=f"{program_name()} status --fleet {name}",
        )
    return wave


def idle(fleets: Sequence[JsonObject]) -> CommandError:
    """What to say of fleets of which no wave waits."""
    names = ", ".join(map(name_of, fleets))
    first = name_of(fleets[0])
    if all(fleet["spec"].get("paused") for fleet in fleets):
        return CommandError(
            f"FleetMigration {names}: it is paused, and no wave of it waits to be approved",
            hint=f"{program_name()} resume {first}",
        )
    return CommandError(
        f"FleetMigration {names}: no wave of it waits to be approved",
        hint=f"{program_name()} status --fleet {first}",
    )
