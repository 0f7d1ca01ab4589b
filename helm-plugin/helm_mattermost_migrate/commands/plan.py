"""``plan``: what a migration would do, from the cluster as it is; writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from helm_mattermost_migrate.appraisal import Appraisal, Verdict
from helm_mattermost_migrate.connection import Target
from helm_mattermost_migrate.diffs import Kind, diff
from helm_mattermost_migrate.documented import Documented, program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.expectation import expected
from helm_mattermost_migrate.options import output_option, selecting
from helm_mattermost_migrate.plan_file import plan_of, written
from helm_mattermost_migrate.plan_view import details, exit_code, plan_table, structured, totals
from helm_mattermost_migrate.readiness import require_accepted
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.server_side import cluster_identity
from helm_mattermost_migrate.survey import appraise_all
from helm_mattermost_migrate.tables import as_json, as_yaml
from helm_mattermost_migrate.terminal import coloured, now, say
from helm_mattermost_migrate.wishing import selection_of, wishes_of, wishing

__all__ = ["command"]

#: SGR codes of the lines of a diff.
_COLOURS: Final = {
    Kind.HEADING: "1",
    Kind.PLACE: "36",
    Kind.ADDED: "32",
    Kind.REMOVED: "31",
}
#: Installations whose refusals are told under a table of many.
_MOST_TOLD: Final = 10


@click.command(
    "plan",
    cls=Documented,
    examples=(
        ("chat", "one installation, with every detail"),
        ("chat --diff", "and what changes, line by line"),
        ("-A -l tier=gold", "by label, in every namespace"),
        ("--all", "everything there is"),
        ("--all --save friday.plan", "keep it, for: run --plan friday.plan"),
        ("--all -o wide", "everything, with every detail"),
        ("--all -o name", "only the names of those that can be migrated"),
    ),
)
@selecting
@wishing
@output_option("table", "wide", "json", "yaml", "name")
@click.option("--diff", is_flag=True, help="Show what changes, line by line.")
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a plan file, for run --plan.",
)
def command(**arguments: Any) -> int:
    """Show what a migration would do; writes nothing.

    Every check of a real run is asked, and the API server is asked to judge each write without
    storing it. Exit code 0 when everything selected can be migrated, 3 when something is refused
    or nothing is left to migrate.
    """
    if arguments["diff"] and arguments["output"] not in {"table", "wide"}:
        raise click.UsageError("--diff is for people: leave -o out, or use -o wide")
    return asyncio.run(_plan(arguments))


async def _plan(arguments: dict[str, Any]) -> int:
    wishes = wishes_of(arguments)
    async with Target.of(arguments).client() as client:
        selection = selection_of(arguments, namespace=client.connection.namespace)
        if source := arguments["fleet_file"]:
            await require_accepted(client, source, selection, wishes)
        appraisals, inventory = await appraise_all(client, selection, wishes)
        if path := arguments["save"]:
            plan = plan_of(
                appraisals,
                selection,
                wishes,
                cluster=await cluster_identity(client),
                made=now().isoformat(timespec="seconds"),
            )
            save(path, written(plan))
    _print(appraisals, selection, arguments)
    if arguments["output"] in {"table", "wide"}:
        going = sum(each.verdict is Verdict.MIGRATE for each in appraisals)
        if going:
            say(expected(going, wishes.spec(), inventory.known_fleets, inventory.members))
    if path:
        say(f"Saved. Run it with: {program_name()} run --plan {path}", err=True)
    return exit_code(appraisals)


def save(path: Path, text: str) -> None:
    """Write a file as a whole, or leave what was there.

    Raises:
        CommandError: it cannot be written.
    """
    made = path.with_name(f".{path.name}.new")
    try:
        made.write_text(text, encoding="utf-8")
        made.replace(path)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", code=Exit.USAGE) from error


def _print(
    appraisals: tuple[Appraisal, ...], selection: Selection, arguments: Mapping[str, Any]
) -> None:
    match output := arguments["output"]:
        case "json":
            say(as_json(structured(appraisals)))
        case "yaml":
            say(as_yaml(structured(appraisals)))
        case "name":
            ready = [each.path for each in appraisals if each.verdict is Verdict.MIGRATE]
            if ready:
                say("\n".join(ready))
        case _:
            if arguments["diff"]:
                _print_diffs(appraisals)
            _print_table(appraisals, selection, wide=output == "wide")


def _print_diffs(appraisals: tuple[Appraisal, ...]) -> None:
    for appraisal in appraisals:
        for change in appraisal.changes:
            for kind, line in diff(change):
                say(coloured(line, _COLOURS.get(kind, "")))
            say("")


def _print_table(appraisals: tuple[Appraisal, ...], selection: Selection, *, wide: bool) -> None:
    shown = [each for each in appraisals if each.verdict is not Verdict.MIGRATED or selection.names]
    if shown:
        say(plan_table(shown) + "\n")
    full = wide or bool(selection.names)
    told = [each for each in shown if full or each.refusals or each.managers]
    for appraisal in told if full else told[:_MOST_TOLD]:
        say(details(appraisal) + "\n")
    if not full and len(told) > _MOST_TOLD:
        say(f"… and {len(told) - _MOST_TOLD} more with something to say\n")
    say(totals(appraisals))
    if not full and shown:
        say(f"Details of each: {program_name()} plan NAME, or -o wide")
