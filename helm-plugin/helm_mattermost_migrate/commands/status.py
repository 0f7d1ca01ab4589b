"""``status``: where installations and their migrations stand, once or until all have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from helm_mattermost_migrate.connection import run_async
from helm_mattermost_migrate.documented import Documented, program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.inventory import Inventory, read_inventory
from helm_mattermost_migrate.options import (
    Duration,
    output_option,
    parse_selection,
    selecting,
    target_of,
)
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.status_view import (
    exit_code,
    fleet_table,
    member_table,
    structured,
    troubles,
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
    ),
)
@selecting
@output_option("table", "wide", "json", "yaml", "name")
@click.option("-w", "--watch", is_flag=True, help="Stay until every migration has ended.")
@click.option("--timeout", type=Duration(), help="With --watch: stop waiting after this time.")
def command(**arguments: Any) -> int:
    """Show where installations and their migrations stand.

    Exit code 0 when nothing is under way and nothing went wrong, 1 when a migration failed or was
    rolled back, 2 while one is under way, 3 when nothing was found.
    """
    if arguments["timeout"] is not None and not arguments["watch"]:
        raise click.UsageError("--timeout goes with --watch")
    return run_async(_status(arguments))


async def _status(arguments: dict[str, Any]) -> int:
    async with target_of(arguments).client() as client:
        selection = parse_selection(arguments, namespace=client.connection.namespace)
        inventory = await read_inventory(client, selection)
        _check_found(inventory, selection)
        if arguments["watch"]:
            return await _watch(client, selection, arguments)
        _print(inventory, selection, arguments["output"])
        return exit_code(inventory.members)


def _check_found(inventory: Inventory, selection: Selection) -> None:
    found = [member.key for member in inventory.members]
    if missing := selection.missing(found):
        names = ", ".join("/".join(key) for key in missing)
        raise CommandError(
            f"installation {names}: there is no ClusterInstallation and no Mattermost of that name",
            hint=f"{program_name()} status -A",
        )
    if not found:
        raise CommandError(
            f"no installations found in {selection.described()}",
            hint=f"{program_name()} status -A" if selection.namespaces else "",
        )


def _print(inventory: Inventory, selection: Selection, output: str) -> None:
    members, fleets = inventory.members, inventory.shown_fleets(selection)
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
            if lines := troubles(members):
                blocks.append("\n".join(lines))
            say("\n\n".join(blocks))


async def _watch(client: Client, selection: Selection, arguments: dict[str, Any]) -> int:
    from helm_mattermost_migrate.follow import follow_selection  # noqa: PLC0415 - start-up time

    ended = await follow_selection(client, selection, within=arguments["timeout"])
    return Exit.UNFINISHED if not ended.through else exit_code(ended.members)
