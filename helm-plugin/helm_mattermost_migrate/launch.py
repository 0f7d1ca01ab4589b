"""Starting a fleet and following it: what ``run`` and ``revert`` have in common.

Asking happens outside any event loop, because a question that waits in one cannot be interrupted.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from helm_mattermost_migrate.appraisal import Appraisal, Verdict
from helm_mattermost_migrate.connection import Target
from helm_mattermost_migrate.documented import program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.expectation import expected
from helm_mattermost_migrate.fleet_request import Wishes, fleet_request
from helm_mattermost_migrate.follow import follow_fleet
from helm_mattermost_migrate.options import asking, check_following
from helm_mattermost_migrate.plan_file import Plan, changed
from helm_mattermost_migrate.readiness import require_accepted, require_ready
from helm_mattermost_migrate.run_view import asked, ended
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.server_side import cluster_identity
from helm_mattermost_migrate.survey import appraise_all
from helm_mattermost_migrate.terminal import now, say
from mattermost_migrate.domain.names import FLEET_MIGRATION, Reason
from mattermost_migrate.domain.objects import name_of

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["Order", "agree", "follow_run", "launch", "launching", "left_running"]

F = TypeVar("F", bound=Callable[..., Any])
#: Things that changed since a plan was made, of which more are only counted.
_MOST_TOLD: Final = 10


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for.

    Attributes:
        wishes: how it shall go.
        select: which installations, given the namespace to look in.
        plan: the plan that was saved, if it is one that is carried out.
    """

    wishes: Wishes
    select: Callable[[str], Selection]
    plan: Plan | None = None


def launching(command: F) -> F:
    """The options of a command that starts a fleet."""
    unguarded = click.option(
        "--unguarded",
        is_flag=True,
        help="Begin although the webhook or the edit lock is not there.",
    )
    return asking(unguarded(command))


def launch(arguments: Mapping[str, Any], order: Order) -> int:
    """Show what will be done, ask, start it, follow it.

    Args:
        arguments: of a ``launching`` command.
        order: what is asked for.

    Returns:
        The exit code.
    """
    check_following(arguments)
    selection, appraisals, expectation = asyncio.run(_appraise(arguments, order))
    for line in asked(appraisals, order.wishes):
        say(line)
    _check_any(appraisals, selection)
    say(expectation)
    agree(yes=arguments["yes"])
    return asyncio.run(_start(arguments, selection, appraisals, order.wishes))


async def _appraise(
    arguments: Mapping[str, Any], order: Order
) -> tuple[Selection, tuple[Appraisal, ...], str]:
    async with Target.of(arguments).client() as client:
        selection = order.select(client.connection.namespace)
        if source := arguments.get("fleet_file"):
            await require_accepted(client, source, selection, order.wishes)
        planned = order.plan is not None
        appraisals, inventory = await appraise_all(
            client, selection, order.wishes, rehearse=planned
        )
        if order.plan is not None:
            identity = await cluster_identity(client)
            _check_unchanged(order.plan, appraisals, identity, arguments["plan_path"])
        keys = [each.key for each in appraisals if each.verdict is Verdict.MIGRATE]
        if keys:
            request = fleet_request(selection, keys, order.wishes)
            await require_ready(client, request, now(), guarded=not arguments["unguarded"])
        expectation = expected(
            len(keys), order.wishes.spec(), inventory.known_fleets, inventory.members
        )
        return selection, appraisals, expectation


def _check_unchanged(
    plan: Plan, appraisals: tuple[Appraisal, ...], cluster: str, path: Path
) -> None:
    """Refuse what rests on a world that is no more.

    Raises:
        CommandError: names what changed.
    """
    moved = list(changed(plan, appraisals, cluster=cluster))
    if not moved:
        return
    told = moved[:_MOST_TOLD]
    if len(moved) > _MOST_TOLD:
        told.append(f"and {len(moved) - _MOST_TOLD} more")
    again = f"{program_name()} plan {plan.selection.typed()} --save {path}"
    how = " (with the flags it was made with)" if plan.wishes != Wishes() else ""
    raise CommandError(
        f"the plan of {plan.made} does not fit any more:\n  " + "\n  ".join(told),
        hint=f"look at it again, and make it anew{how}: {again}",
    )


def _check_any(appraisals: tuple[Appraisal, ...], selection: Selection) -> None:
    verdicts = {appraisal.verdict for appraisal in appraisals}
    if Verdict.MIGRATE in verdicts:
        return
    hint = f"{program_name()} status -A"
    refusals = [refusal for each in appraisals for refusal in each.refusals]
    # What was finalized stays as it is: there is nothing to change and repeat.
    if any(each.reason != Reason.FINALIZED for each in refusals):
        hint = "change what is refused above, then repeat the command"
    elif Verdict.UNDER_WAY in verdicts:
        hint = f"{program_name()} status --all --watch"
    raise CommandError(f"nothing to do in {selection.described('any')}", hint=hint)


def agree(*, yes: bool) -> None:
    """Ask, unless told not to; without a terminal there is nobody to ask.

    Raises:
        CommandError: nobody said yes.
        click.Abort: Ctrl-C; it says that nothing was begun.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(
            "nobody is there to confirm: standard input is no terminal",
            hint="read the summary, then repeat the command with --yes",
        )
    if not _confirmed():
        raise CommandError(
            "not confirmed: nothing was written", hint="repeat the command, and answer y"
        )


def _confirmed() -> bool:
    """The answer; the end of the input (Ctrl-D) is none, and so no yes."""
    try:
        return click.confirm("Begin?", default=False)
    except click.Abort as error:
        click.echo(err=True)  # the cursor stands behind the question
        # click tells Ctrl-C and Ctrl-D apart in nothing but what it hides.
        if isinstance(error.__context__, EOFError):
            return False
        raise click.Abort("nothing was begun") from error


async def _start(
    arguments: Mapping[str, Any],
    selection: Selection,
    appraisals: tuple[Appraisal, ...],
    wishes: Wishes,
) -> int:
    keys = [each.key for each in appraisals if each.verdict is Verdict.MIGRATE]
    async with Target.of(arguments).client() as client:
        wanted = fleet_request(selection, keys, wishes)
        creating = asyncio.ensure_future(client.create(FLEET_MIGRATION, wanted, strict=True))
        try:
            name = name_of(await asyncio.shield(creating))
            if arguments["no_wait"]:
                say(f"Started FleetMigration {name}\n{_come_back(name)}")
                return Exit.DONE
            code = await follow_run(client, name, wishes.desired, arguments["timeout"])
        except asyncio.CancelledError:
            # A person stops looking. What was asked for goes on, also if he was that quick.
            name = name_of(await creating)
            return left_running(name)
    refused = any(each.verdict is Verdict.REFUSED for each in appraisals)
    return Exit.REFUSED if code == Exit.DONE and refused else code


async def follow_run(client: Client, name: str, desired: str, within: float | None) -> Exit:
    """Follow a FleetMigration to its end, and tell what came of it; the exit code says how."""
    progress = await follow_fleet(client, name, title=f"{name} → {desired}", within=within)
    for line in ended(progress, now()):
        say(line)
    if progress.fleet is None or not progress.through:
        say(f"Not finished in time; {name} goes on in the cluster\n{_come_back(name)}", err=True)
    return progress.fleet.exit if progress.fleet else Exit.UNFINISHED


def left_running(name: str) -> Exit:
    """What to say, and end with, when a person stops looking at a run."""
    say(f"\nStopped following; {name} goes on in the cluster\n{_come_back(name)}", err=True)
    return Exit.UNFINISHED


def _come_back(name: str) -> str:
    return f"Next: {program_name()} status --fleet {name} --watch"
