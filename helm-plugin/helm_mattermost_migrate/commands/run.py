"""``run``: migrate installations, and follow them until they are through."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from helm_mattermost_migrate.appraisal import Appraisal, Verdict
from helm_mattermost_migrate.commands.plan import appraise_all
from helm_mattermost_migrate.connection import run_async
from helm_mattermost_migrate.documented import Documented, program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.fleet_request import Wishes, fleet_request, parse_concurrency
from helm_mattermost_migrate.follow import follow_fleet
from helm_mattermost_migrate.options import Duration, parse_selection, selecting, target_of
from helm_mattermost_migrate.run_view import asked, ended
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.server_side import require_leader
from helm_mattermost_migrate.terminal import now, say
from mattermost_migrate.domain.names import FLEET_MIGRATION
from mattermost_migrate.domain.objects import name_of

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["command"]


class Concurrency(click.ParamType[int | str]):
    """A number, or a percentage."""

    name = "number|percent"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Read it, or fail as a usage error."""
        try:
            return parse_concurrency(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(
    "run",
    cls=Documented,
    examples=(
        ("chat", "one installation"),
        ("-A -l tier=gold", "by label, in every namespace"),
        ("--all --max-concurrent 20", "all there are, twenty at a time"),
        ("--all --yes --timeout 1h", "in a script: no question, exit code 2 when not done in time"),
        ("--all --yes --no-wait", "start it and come back later"),
    ),
)
@selecting
@click.option(
    "--max-concurrent",
    type=Concurrency(),
    metavar="N|N%",
    help="How many may be under way at the same time.",
)
@click.option(
    "--pin/--no-pin",
    default=True,
    show_default=True,
    help="Keep the pod template as it is, so that no rollout follows.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--timeout", type=Duration(), help="Stop following after this time.")
@click.option("--no-wait", is_flag=True, help="Start it, and do not follow.")
def command(**arguments: Any) -> int:
    """Migrate installations from ClusterInstallation to Mattermost, with the same pods.

    Shows what it will do and asks. The work is done by the controller in the cluster: when this
    command is stopped, it goes on. Exit code 0 when all succeeded, 1 when some failed or were
    rolled back, 2 when it was not finished in time, 3 when some were refused, or none selected.
    """
    if arguments["no_wait"] and arguments["timeout"] is not None:
        raise click.UsageError("--timeout goes with following, which --no-wait leaves out")
    return run_async(_run(arguments))


async def _run(arguments: dict[str, Any]) -> int:
    wishes = Wishes(max_concurrent=arguments["max_concurrent"], pin=arguments["pin"])
    async with target_of(arguments).client() as client:
        selection = parse_selection(arguments, namespace=client.connection.namespace)
        appraisals = await appraise_all(client, selection, pin=wishes.pin, rehearse=False)
        for line in asked(appraisals, wishes):
            say(line)
        _check_any(appraisals, selection)
        await require_leader(client, now())
        await _agree(yes=arguments["yes"])
        name = await _create(client, selection, appraisals, wishes)
        if arguments["no_wait"]:
            say(f"Started FleetMigration {name}. {_come_back(name)}")
            return Exit.DONE
        return await _follow(client, name, appraisals, arguments["timeout"])


def _check_any(appraisals: tuple[Appraisal, ...], selection: Selection) -> None:
    verdicts = {appraisal.verdict for appraisal in appraisals}
    if Verdict.MIGRATE in verdicts:
        return
    hint = ""
    if Verdict.REFUSED in verdicts:
        hint = f"{program_name()} plan says what to change"
    elif Verdict.UNDER_WAY in verdicts:
        hint = f"{program_name()} status --watch follows what is under way"
    raise CommandError(f"nothing to migrate in {selection.described()}", hint=hint)


async def _agree(*, yes: bool) -> None:
    """Ask, unless told not to; without a terminal there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(
            "nobody is there to confirm: standard input is no terminal",
            hint="read the summary, then repeat the command with --yes",
        )
    if not await asyncio.to_thread(click.confirm, "Begin?", default=False):
        raise CommandError("not confirmed: nothing was written")


async def _create(
    client: Client, selection: Selection, appraisals: tuple[Appraisal, ...], wishes: Wishes
) -> str:
    keys = [each.key for each in appraisals if each.verdict is Verdict.MIGRATE]
    created = await client.create(FLEET_MIGRATION, fleet_request(selection, keys, wishes))
    return name_of(created)


async def _follow(
    client: Client, name: str, appraisals: tuple[Appraisal, ...], within: float | None
) -> int:
    """Follow it; when a person stops looking, it goes on, and he is told how to come back."""
    try:
        progress = await follow_fleet(client, name, title=f"{name} → Mattermost", within=within)
    except asyncio.CancelledError:
        say(f"\nStopped following; {name} goes on in the cluster. {_come_back(name)}", err=True)
        return Exit.UNFINISHED
    for line in ended(progress, now()):
        say(line)
    if progress.fleet is None or not progress.through:
        say(f"Not finished in time; {name} goes on in the cluster. {_come_back(name)}", err=True)
        return Exit.UNFINISHED
    refused = any(each.verdict is Verdict.REFUSED for each in appraisals)
    return progress.fleet.exit or (Exit.REFUSED if refused else Exit.DONE)


def _come_back(name: str) -> str:
    return f"Come back with: {program_name()} status --fleet {name} --watch"
