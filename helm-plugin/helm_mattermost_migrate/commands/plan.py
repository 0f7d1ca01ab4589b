"""``plan``: what a migration would do, from the cluster as it is; writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from helm_mattermost_migrate.appraisal import Appraisal, Verdict
from helm_mattermost_migrate.commands.status import check_found
from helm_mattermost_migrate.connection import run_async
from helm_mattermost_migrate.documented import Documented, program_name
from helm_mattermost_migrate.fleet_request import Wishes
from helm_mattermost_migrate.inventory import read_inventory
from helm_mattermost_migrate.options import output_option, parse_selection, selecting, target_of
from helm_mattermost_migrate.plan_view import details, exit_code, plan_table, structured, totals
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.survey import survey
from helm_mattermost_migrate.tables import as_json, as_yaml
from helm_mattermost_migrate.terminal import say

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["appraise_all", "command"]

#: Installations whose refusals are told under a table of many.
_MOST_TOLD: Final = 10


@click.command(
    "plan",
    cls=Documented,
    examples=(
        ("chat", "one installation, with every detail"),
        ("-A -l tier=gold", "by label, in every namespace"),
        ("--all", "everything there is"),
        ("--all -o wide", "everything, with every detail"),
        ("--all -o name", "only the names of those that can be migrated"),
    ),
)
@selecting
@output_option("table", "wide", "json", "yaml", "name")
@click.option(
    "--pin/--no-pin",
    default=True,
    show_default=True,
    help="Keep the pod template as it is, so that no rollout follows.",
)
def command(**arguments: Any) -> int:
    """Show what a migration would do; writes nothing.

    Every check of a real run is asked, and the API server is asked to judge each write without
    storing it. Exit code 0 when everything selected can be migrated, 3 when something is refused
    or nothing is left to migrate.
    """
    return run_async(_plan(arguments))


async def _plan(arguments: dict[str, Any]) -> int:
    async with target_of(arguments).client() as client:
        selection = parse_selection(arguments, namespace=client.connection.namespace)
        appraisals = await appraise_all(client, selection, Wishes(pin=arguments["pin"]))
    _print(appraisals, selection, arguments["output"])
    return exit_code(appraisals)


async def appraise_all(
    client: Client, selection: Selection, wishes: Wishes, *, rehearse: bool = True
) -> tuple[Appraisal, ...]:
    """Find and appraise everything that is selected, with a count on the terminal meanwhile.

    Raises:
        CommandError: nothing was found.
    """
    inventory = await read_inventory(client, selection)
    check_found(inventory, selection)
    with _counting() as tick:
        return await survey(
            client, selection, inventory, wishes=wishes, rehearse=rehearse, tick=tick
        )


@contextmanager
def _counting() -> Iterator[Callable[[int, int], None]]:
    """A count in one line of stderr, gone in the end; nothing where nobody looks."""
    if not sys.stderr.isatty():
        yield lambda _done, _all: None
        return

    def tick(done: int, of: int) -> None:
        sys.stderr.write(f"\rchecking {done}/{of} …")
        sys.stderr.flush()

    try:
        yield tick
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _print(appraisals: tuple[Appraisal, ...], selection: Selection, output: str) -> None:
    match output:
        case "json":
            say(as_json(structured(appraisals)))
        case "yaml":
            say(as_yaml(structured(appraisals)))
        case "name":
            ready = [each.path for each in appraisals if each.verdict is Verdict.MIGRATE]
            if ready:
                say("\n".join(ready))
        case _:
            _print_table(appraisals, selection, wide=output == "wide")


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
