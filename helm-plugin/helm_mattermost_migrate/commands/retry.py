"""``retry``: try again what failed, was rolled back, or was refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from helm_mattermost_migrate.again import check_alone, check_number, fleet_that_has
from helm_mattermost_migrate.amend import amend, migrations_of, watch_amended
from helm_mattermost_migrate.connection import Target
from helm_mattermost_migrate.documented import Documented, program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.fleet_request import MAX_CONCURRENT
from helm_mattermost_migrate.inventory import (
    Inventory,
    check_found,
    list_fleets,
    read_fleet,
    read_inventory,
)
from helm_mattermost_migrate.launch import follow_run, left_running
from helm_mattermost_migrate.options import (
    Duration,
    check_fleet_alone,
    check_following,
    parse_selection,
    selecting,
)
from helm_mattermost_migrate.server_side import require_leader
from helm_mattermost_migrate.terminal import now, say
from mattermost_migrate.domain.membership import retry_of
from mattermost_migrate.domain.names import FLEET_LABEL, FLEET_MIGRATION
from mattermost_migrate.domain.objects import JsonObject, key_of, labels_of, uid_of

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["command"]


@click.command(
    "retry",
    cls=Documented,
    examples=(
        ("chat", "one installation"),
        ("--fleet fleet-x7k2p", "all that failed in this run, by its waves and limits"),
        ("--all", "everything that did not succeed"),
    ),
)
@selecting
@click.option(
    "--fleet",
    metavar="NAME",
    help="All that failed in this FleetMigration, which goes on within its limits.",
)
@click.option(
    "--all-at-once",
    is_flag=True,
    help=f"Start them at the same time, also when they are more than {MAX_CONCURRENT}.",
)
@click.option("--timeout", type=Duration(), help="Stop following after this time.")
@click.option("--no-wait", is_flag=True, help="Do not follow.")
def command(**arguments: Any) -> int:
    """Try again what failed, was rolled back, or was refused.

    What stood in the way must be out of it: status says what it was. Those named or selected are
    started at once, and no fleet counts them; with --fleet, the FleetMigration starts those that
    failed in it, and goes on with those that wait. Exit code 0 when all succeed, 1 when one fails
    again, 2 when it is not finished in time, 3 when one is refused again, or there is nothing to
    retry.
    """
    check_following(arguments)
    if not arguments["fleet"]:
        return asyncio.run(_retry(arguments))
    check_fleet_alone(arguments)
    if arguments["all_at_once"]:
        raise click.UsageError("--fleet starts them by the limits of that fleet, not all at once")
    return asyncio.run(_retry_fleet(arguments))


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
        await _check(client, chosen, inventory, many=arguments["all_at_once"])
        await require_leader(client, now())
        await amend(client, chosen, _again)
        keys = sorted(map(key_of, chosen))
        for key in keys:
            say(f"{'/'.join(key)}: tried again")
        if arguments["no_wait"]:
            return Exit.DONE
        return await watch_amended(client, keys, arguments["timeout"])


async def _check(
    client: Client, chosen: Sequence[JsonObject], inventory: Inventory, *, many: bool
) -> None:
    """Refuse what a fleet is to start, or what would be too many.

    Raises:
        CommandError: says how it may be done.
        ForbiddenError: some are members of a fleet, and we may not see whether it is over.
    """
    fleets = inventory.fleets
    if fleets is None:
        enlisted = any(FLEET_LABEL in labels_of(each) for each in chosen)
        fleets = await list_fleets(client) if enlisted else ()
    check_alone(chosen, fleets)
    if not many:
        check_number(chosen, fleets)


async def _retry_fleet(arguments: dict[str, Any]) -> int:
    name = arguments["fleet"]
    async with Target.of(arguments).client() as client:
        inventory = await read_fleet(client, name)
        (fleet,) = inventory.fleets or ()
        bad = migrations_of(inventory, (each for each in inventory.members if each.standing.bad))
        number = sum(fleet_that_has(each, (fleet,)) is not None for each in bad)
        if not number:
            raise CommandError(
                f"nothing to retry in FleetMigration {name}: no migration failed there",
                hint=f"{program_name()} status --fleet {name}",
            )
        await require_leader(client, now())
        spec = {"retryGeneration": retry_of(fleet) + 1}
        await client.patch(
            FLEET_MIGRATION, None, name, {"metadata": {"uid": uid_of(fleet)}, "spec": spec}
        )
        say(f"FleetMigration {name}: {number} to be tried again, within its limits")
        if arguments["no_wait"]:
            return Exit.DONE
        try:
            desired = str(fleet["spec"]["desiredKind"])
            return await follow_run(client, name, desired, arguments["timeout"])
        except asyncio.CancelledError:
            return left_running(name)


def _again(migration: JsonObject) -> dict[str, Any]:
    """The next generation, started: whoever retries does not wait for a fleet that is over."""
    return {"retryGeneration": retry_of(migration) + 1, "paused": False}
