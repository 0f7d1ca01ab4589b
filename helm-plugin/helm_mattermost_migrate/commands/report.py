"""``report``: what became of the migrations, as a page to keep, as Markdown, or as JSON."""

from __future__ import annotations

import asyncio
import math
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from helm_mattermost_migrate.connection import Target
from helm_mattermost_migrate.documented import Documented, program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.fleets import left
from helm_mattermost_migrate.inventory import Inventory, check_found, read_fleet, read_inventory
from helm_mattermost_migrate.options import (
    check_fleet_alone,
    output_option,
    parse_selection,
    selecting,
)
from helm_mattermost_migrate.report.record import Record, entries
from helm_mattermost_migrate.report.waves import wave_records
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.server_side import find_leader
from helm_mattermost_migrate.tables import as_json
from helm_mattermost_migrate.terminal import interactive, now, say
from mattermost_migrate.domain.errors import ForbiddenError, MigrateError
from mattermost_migrate.domain.objects import key_of

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["command"]

_PAGE: Final = "migration-report.html"


@click.command(
    "report",
    cls=Documented,
    examples=(
        ("--all", f"every migration there was, into {_PAGE}"),
        ("--fleet fleet-x7k2p --file friday.html", "one run, into a file of that name"),
        ("-A -l tier=gold -o markdown", "some, for a ticket"),
        ("--all -o json", "for machines"),
    ),
)
@selecting
@click.option("--fleet", metavar="NAME", help="A FleetMigration and its installations.")
@output_option("html", "markdown", "json")
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"Where to write it. Without: standard output; a page on a terminal goes to {_PAGE}.",
)
def command(**arguments: Any) -> int:
    """Tell what became of the migrations: figures, timeline, runs, failures, every change.

    The page is one file that needs no network and can be mailed or archived. Exit code 0 also
    when migrations failed: the report is made. 3 when there is nothing to report.
    """
    record, elsewhere = asyncio.run(_look(arguments))
    if not record.entries:
        told, where = elsewhere[0] if elsewhere else ("", "")
        raise CommandError(
            f"nothing to report: no migration in {record.scope}{told and f': {told}'}",
            hint=f"{program_name()} {f'report {where}' if where else 'status -A'}",
        )
    for told, where in elsewhere:
        say(f"{record.scope}: {told}\n  Next: {program_name()} report {where}", err=True)
    text = _formatted(record, arguments["output"])
    path = arguments["path"]
    if path is None and arguments["output"] == "html" and interactive():
        path = Path(_PAGE)
    if path is None:
        say(text.rstrip("\n"))
        return Exit.DONE
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", code=Exit.USAGE) from error
    say(
        f"{path}: {len(record.entries)} migrations, {math.ceil(len(text.encode()) / 1e3)} kB",
        err=True,
    )
    return Exit.DONE


def _formatted(record: Record, output: str) -> str:
    match output:
        case "json":
            from helm_mattermost_migrate.report.told import structured  # noqa: PLC0415 - start-up

            return as_json(structured(record))
        case "markdown":
            from helm_mattermost_migrate.report.markdown import markdown  # noqa: PLC0415 - the same

            return markdown(record)
        case _:
            from helm_mattermost_migrate.report.html import html  # noqa: PLC0415 - the same

            return html(record)


async def _look(arguments: dict[str, Any]) -> tuple[Record, tuple[tuple[str, str], ...]]:
    """The record, and of a fleet where those are that are not in it any more."""
    fleet = arguments["fleet"]
    if fleet:
        check_fleet_alone(arguments)
    async with Target.of(arguments).client() as client:
        selection = parse_selection(arguments, namespace=client.connection.namespace)
        inventory, environment = await asyncio.gather(
            read_fleet(client, fleet) if fleet else read_inventory(client, selection),
            _environment(client),
        )
        if not fleet:
            check_found(inventory, selection)
        scope = f"FleetMigration {fleet}" if fleet else selection.described()
        elsewhere = [
            told
            for each in (inventory.known_fleets if fleet else ())
            for told in left(each, inventory.moved, len(inventory.migrations))
        ]
        record = _record(inventory, Selection() if fleet else selection, scope, environment)
        return record, tuple(elsewhere)


def _record(
    inventory: Inventory, selection: Selection, scope: str, environment: dict[str, str]
) -> Record:
    migrated = {key_of(obj) for obj in inventory.migrations}
    untouched = sum(member.key not in migrated for member in inventory.members)
    fleets = sorted(inventory.shown_fleets(selection), key=lambda fleet: fleet.created)
    return Record(
        scope,
        now(),
        entries(inventory.installations, inventory.migrations),
        untouched=untouched,
        fleets=tuple(fleets),
        waves=wave_records(inventory.fleets or (), inventory.migrations),
        environment=environment,
    )


async def _environment(client: Client) -> dict[str, str]:
    """Where it ran, as far as we may see it."""
    told = {
        "Plugin": f"{version('mattermost-migrate')} on Python {platform.python_version()}",
        "API server": client.connection.server,
    }
    try:
        answer = await client.raw("GET", "/version")
        told["Kubernetes"] = f"{answer.get('gitVersion', '')} {answer.get('platform', '')}".strip()
        leader = await find_leader(client, now())
    except ForbiddenError:
        return {**told, "Controller": "not known: we may not list Leases"}
    except MigrateError as error:
        return {**told, "Controller": f"not known: {error}"}
    if leader is None or not leader.alive:
        return {**told, "Controller": "none is at work now"}
    return {**told, "Controller": str(leader)}
