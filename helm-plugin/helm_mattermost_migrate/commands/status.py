"""``status``: where installations and their migrations stand, once or until all have ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from helm_mattermost_migrate.connection import Target
from helm_mattermost_migrate.documented import Documented, program_name
from helm_mattermost_migrate.errors import Exit
from helm_mattermost_migrate.fleets import fleet_of, left
from helm_mattermost_migrate.inventory import Inventory, check_found, read_fleet, read_inventory
from helm_mattermost_migrate.members import as_of_its_run
from helm_mattermost_migrate.options import (
    Duration,
    check_fleet_alone,
    output_option,
    parse_selection,
    selecting,
)
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.status_view import (
    exit_code,
    fleet_table,
    member_table,
    structured,
    troubles,
    waiting_for_nobody,
)
from helm_mattermost_migrate.tables import as_json, as_yaml
from helm_mattermost_migrate.terminal import now, say

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["command"]


@click.command(
    "status",
    cls=Documented,
    examples=(
        ("", "the installations of the namespace"),
        ("chat", "one installation"),
        ("-A -l tier=gold", "by label, in every namespace"),
        ("--all -o json", "everything, for machines"),
        ("--all --watch", "follow until every migration has ended"),
        ("--fleet fleet-x7k2p --watch", "come back to a run"),
    ),
)
@selecting
@click.option("--fleet", metavar="NAME", help="A FleetMigration and its installations.")
@output_option("table", "wide", "json", "yaml", "name")
@click.option("-w", "--watch", is_flag=True, help="Stay until every migration has ended.")
@click.option("--timeout", type=Duration(), help="With --watch: stop waiting after this time.")
def command(**arguments: Any) -> int:
    """Show where installations and their migrations stand.

    Exit code 0 when nothing is under way and nothing went wrong, 1 when a migration failed or was
    rolled back, 2 while one is under way, 3 when one was refused, or nothing was found.
    """
    if arguments["timeout"] is not None and not arguments["watch"]:
        raise click.UsageError("--timeout goes with --watch")
    if arguments["watch"] and arguments["output"] != "table":
        raise click.UsageError("--watch draws a view of its own: leave -o out")
    work = _fleet_status if arguments["fleet"] else _status
    return asyncio.run(work(arguments))


async def _status(arguments: dict[str, Any]) -> int:
    async with Target.of(arguments).client(plain=not arguments["watch"]) as client:
        selection = parse_selection(arguments, namespace=client.connection.namespace)
        inventory = await read_inventory(client, selection)
        check_found(inventory, selection)
        if arguments["watch"]:
            for line in waiting_for_nobody(inventory.members, inventory.abandoned):
                say(line, err=True)
            return await _watch(client, selection, arguments)
        _print(inventory, selection, arguments["output"])
        return exit_code(inventory.members)


def _print(
    inventory: Inventory, selection: Selection, output: str, *, of_run: bool = False
) -> None:
    members, fleets = inventory.members, inventory.shown_fleets(selection)
    if of_run:
        members = tuple(map(as_of_its_run, members))
    match output:
        case "json":
            say(as_json(structured(members, fleets)))
        case "yaml":
            say(as_yaml(structured(members, fleets)))
        case "name":
            say("\n".join(member.path for member in members))
        case _:
            blocks = [member_table(members, now(), wide=output == "wide")]
            if fleets:
                blocks.append(fleet_table(fleets, now()))
            if lines := (*troubles(members), *waiting_for_nobody(members, inventory.abandoned)):
                blocks.append("\n".join(lines))
            say("\n\n".join(blocks))


async def _fleet_status(arguments: dict[str, Any]) -> int:
    name = arguments["fleet"]
    check_fleet_alone(arguments)
    async with Target.of(arguments).client(plain=not arguments["watch"]) as client:
        inventory = await read_fleet(client, name)
        fleet = fleet_of((inventory.fleets or ())[0])
        code: int = fleet.exit
        if arguments["watch"]:
            code = await _watch_fleet(client, name, arguments["timeout"])
        else:
            _print(inventory, Selection(), arguments["output"], of_run=True)
        for told, where in left(fleet, inventory.moved, len(inventory.migrations)):
            say(f"FleetMigration {name}: {told}", err=True)
            say(f"  Next: {program_name()} status {where}", err=True)
        return code


async def _watch_fleet(client: Client, name: str, within: float | None) -> int:
    from helm_mattermost_migrate.follow import follow_fleet  # noqa: PLC0415 - start-up time
    from helm_mattermost_migrate.run_view import ended  # noqa: PLC0415 - the same

    try:
        progress = await follow_fleet(client, name, title=name, within=within)
    except asyncio.CancelledError:
        return _stopped(f"--fleet {name}")
    for line in ended(progress, now()):
        say(line)
    return progress.fleet.exit if progress.fleet else Exit.UNFINISHED


async def _watch(client: Client, selection: Selection, arguments: dict[str, Any]) -> int:
    from helm_mattermost_migrate.follow import follow_selection  # noqa: PLC0415 - start-up time

    try:
        ended = await follow_selection(client, selection, within=arguments["timeout"])
    except asyncio.CancelledError:
        return _stopped(selection.typed())
    say(member_table(ended.members, now()))
    return exit_code(ended.members)


def _stopped(what: str) -> Exit:
    again = f"{program_name()} status {what} --watch"
    say(f"\nStopped looking; the migrations go on in the cluster\nNext: {again}", err=True)
    return Exit.UNFINISHED
