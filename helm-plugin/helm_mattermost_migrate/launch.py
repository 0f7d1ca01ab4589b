"""Starting a fleet and following it: what ``run`` and ``revert`` have in common.

Asking happens outside any event loop, because a question that waits in one cannot be interrupted.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from helm_mattermost_migrate.appraisal import Appraisal, Verdict
from helm_mattermost_migrate.commands.plan import appraise_all
from helm_mattermost_migrate.connection import run_async
from helm_mattermost_migrate.documented import program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.fleet_request import Wishes, fleet_request, parse_amount
from helm_mattermost_migrate.follow import follow_fleet
from helm_mattermost_migrate.options import Duration, parse_selection, target_of
from helm_mattermost_migrate.run_view import asked, ended
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.server_side import require_leader
from helm_mattermost_migrate.terminal import now, say
from mattermost_migrate.domain.names import FLEET_MIGRATION
from mattermost_migrate.domain.objects import name_of

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["Amount", "agree", "launch", "launching"]

F = TypeVar("F", bound=Callable[..., Any])


class Amount(click.ParamType[int | str]):
    """A number, or a percentage.

    Args:
        what: is counted, for the message.
    """

    name = "number|percent"

    def __init__(self, what: str) -> None:
        self._what = what

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Read it, or fail as a usage error."""
        try:
            return parse_amount(str(value), self._what)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def launching(command: F) -> F:
    """The options of a command that starts a fleet."""
    for decorate in reversed(
        (
            click.option(
                "--max-concurrent",
                type=Amount("installations"),
                metavar="N|N%",
                help="How many may be under way at the same time.",
            ),
            click.option("-y", "--yes", is_flag=True, help="Do not ask."),
            click.option("--timeout", type=Duration(), help="Stop following after this time."),
            click.option("--no-wait", is_flag=True, help="Start it, and do not follow."),
        )
    ):
        command = decorate(command)
    return command


def launch(arguments: Mapping[str, Any], wishes: Wishes) -> int:
    """Show what will be done, ask, start it, follow it.

    Args:
        arguments: of a ``launching`` and ``selecting`` command.
        wishes: what is asked for.

    Returns:
        The exit code.
    """
    if arguments["no_wait"] and arguments["timeout"] is not None:
        raise click.UsageError("--timeout goes with following, which --no-wait leaves out")
    selection, appraisals = run_async(_appraise(arguments, wishes))
    for line in asked(appraisals, wishes):
        say(line)
    _check_any(appraisals, selection)
    agree(yes=arguments["yes"])
    return run_async(_start(arguments, selection, appraisals, wishes))


async def _appraise(
    arguments: Mapping[str, Any], wishes: Wishes
) -> tuple[Selection, tuple[Appraisal, ...]]:
    async with target_of(arguments).client() as client:
        selection = parse_selection(arguments, namespace=client.connection.namespace)
        appraisals = await appraise_all(client, selection, wishes, rehearse=False)
        if any(each.verdict is Verdict.MIGRATE for each in appraisals):
            await require_leader(client, now())
        return selection, appraisals


def _check_any(appraisals: tuple[Appraisal, ...], selection: Selection) -> None:
    verdicts = {appraisal.verdict for appraisal in appraisals}
    if Verdict.MIGRATE in verdicts:
        return
    hint = ""
    if Verdict.REFUSED in verdicts:
        hint = "change what is refused above, then repeat the command"
    elif Verdict.UNDER_WAY in verdicts:
        hint = f"{program_name()} status --all --watch"
    raise CommandError(f"nothing to do in {selection.described()}", hint=hint)


def agree(*, yes: bool) -> None:
    """Ask, unless told not to; without a terminal there is nobody to ask.

    Raises:
        CommandError: nobody said yes.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(
            "nobody is there to confirm: standard input is no terminal",
            hint="read the summary, then repeat the command with --yes",
        )
    if not click.confirm("Begin?", default=False):
        raise CommandError("not confirmed: nothing was written")


async def _start(
    arguments: Mapping[str, Any],
    selection: Selection,
    appraisals: tuple[Appraisal, ...],
    wishes: Wishes,
) -> int:
    keys = [each.key for each in appraisals if each.verdict is Verdict.MIGRATE]
    async with target_of(arguments).client() as client:
        wanted = fleet_request(selection, keys, wishes)
        creating = asyncio.ensure_future(client.create(FLEET_MIGRATION, wanted))
        try:
            name = name_of(await asyncio.shield(creating))
            if arguments["no_wait"]:
                say(f"Started FleetMigration {name}. {_come_back(name)}")
                return Exit.DONE
            code = await _follow(client, name, wishes, arguments["timeout"])
        except asyncio.CancelledError:
            # A person stops looking. What was asked for goes on, also if he was that quick.
            name = name_of(await creating)
            say(f"\nStopped following; {name} goes on in the cluster. {_come_back(name)}", err=True)
            return Exit.UNFINISHED
    refused = any(each.verdict is Verdict.REFUSED for each in appraisals)
    return Exit.REFUSED if code == Exit.DONE and refused else code


async def _follow(client: Client, name: str, wishes: Wishes, within: float | None) -> Exit:
    title = f"{name} → {wishes.desired}"
    progress = await follow_fleet(client, name, title=title, within=within)
    for line in ended(progress, now()):
        say(line)
    if progress.fleet is None or not progress.through:
        say(f"Not finished in time; {name} goes on in the cluster. {_come_back(name)}", err=True)
        return Exit.UNFINISHED
    return progress.fleet.exit


def _come_back(name: str) -> str:
    return f"Come back with: {program_name()} status --fleet {name} --watch"
