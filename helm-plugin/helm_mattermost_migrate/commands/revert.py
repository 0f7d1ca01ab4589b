"""``revert``: make Mattermosts the ClusterInstallations again that they were."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Container, Iterable, Iterator
from typing import Any

import click

from helm_mattermost_migrate.amend import amend, migrations_of, watch_amended
from helm_mattermost_migrate.appraisal import settled
from helm_mattermost_migrate.connection import Target
from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.errors import Exit
from helm_mattermost_migrate.fleet_request import Wishes
from helm_mattermost_migrate.inventory import Inventory, check_found, read_inventory
from helm_mattermost_migrate.launch import Order, agree, launch, launching
from helm_mattermost_migrate.members import Member, Standing
from helm_mattermost_migrate.options import check_following, parse_selection, selecting
from helm_mattermost_migrate.selection import Key, Selection
from helm_mattermost_migrate.server_side import require_leader
from helm_mattermost_migrate.terminal import now, say
from helm_mattermost_migrate.wishing import at_once
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST
from mattermost_migrate.domain.objects import key_of

__all__ = ["command"]


@click.command(
    "revert",
    cls=Documented,
    examples=(
        ("chat", "one installation"),
        ("-A -l tier=gold", "by label, in every namespace"),
        ("--all --yes", "everything, without a question"),
        ("chat --discard", "although the Mattermost has edits that cannot go back"),
    ),
)
@selecting
@at_once
@click.option(
    "--discard",
    is_flag=True,
    help="Drop edits of the Mattermost that a ClusterInstallation has no place for.",
)
@launching
def command(**arguments: Any) -> int:
    """Go back from Mattermost to ClusterInstallation, with the same pods.

    The same way in the other direction: what is under way, has stalled there, or was refused and
    is tried again by itself, turns round where it is; what is through goes back whole. An
    installation that is no longer pinned does one rolling update afterwards; the summary says
    which. Exit codes as those of run.
    """
    check_following(arguments)
    if turning := asyncio.run(_under_way(arguments)):
        named = ", ".join(map("/".join, turning))
        say(f"{len(turning)} under way, or that begin once they may, will turn round: {named}")
        agree(yes=arguments["yes"])
        code, more = asyncio.run(_turn_round(arguments, turning))
        if code != Exit.DONE or not more:
            return code
    wishes = Wishes(
        desired=CLUSTER_INSTALLATION.kind,
        max_concurrent=arguments["max_concurrent"],
        more={"discardEdits": True} if arguments["discard"] else {},
    )
    select = functools.partial(_selection, arguments)
    return launch(arguments, Order(wishes, select))


def _selection(arguments: dict[str, Any], namespace: str) -> Selection:
    return parse_selection(arguments, namespace=namespace)


def _turns(member: Member) -> bool:
    """Whether it is on its way to a Mattermost, or sets out once it may.

    One that has stalled on its way still holds the lock. One that was refused and is no fleet's is
    looked at again and again by itself; where there is no installation, nothing can come of it.
    """
    on_its_way = member.locked or member.standing is Standing.RUNNING
    sets_out = member.standing is Standing.REFUSED and member.kinds and not member.fleet
    return bool(on_its_way or sets_out) and member.desired == MATTERMOST.kind


def _held_up(members: Iterable[Member]) -> Iterator[str]:
    """What to say of those that were turned round already, and have stalled: what holds them."""
    for member in members:
        if member.locked and member.standing.bad and member.desired == CLUSTER_INSTALLATION.kind:
            told = f"asked to be a {member.desired} already, and held up"
            yield f"{member.path}: {told}: {member.reason}: {member.message}"
            if member.next_command:
                yield f"  Next: {member.next_command}"


def _other_mattermosts(inventory: Inventory, turning: Container[Key]) -> bool:
    """Whether there are others for a fleet to bring back; what is under way it leaves alone."""
    return any(
        MATTERMOST.kind in each.kinds
        and (each.key in inventory.abandoned or not settled(each, CLUSTER_INSTALLATION.kind))
        for each in inventory.members
        if each.key not in turning
    )


async def _under_way(arguments: dict[str, Any]) -> list[Key]:
    """Those on their way to a Mattermost, or about to set out."""
    async with Target.of(arguments).client() as client:
        selection = parse_selection(arguments, namespace=client.connection.namespace)
        inventory = await read_inventory(client, selection)
        check_found(inventory, selection)
        for line in _held_up(inventory.members):
            say(line)
        turning = [member.key for member in inventory.members if _turns(member)]
        if turning:
            await require_leader(client, now())
        return turning


async def _turn_round(arguments: dict[str, Any], keys: list[Key]) -> tuple[int, bool]:
    """Turn round whoever still is under way: how that went, and whether a fleet is to do the rest.

    While a person was asked, some may have come through: they are brought back whole, as others.
    """
    async with Target.of(arguments).client() as client:
        selection = parse_selection(arguments, namespace=client.connection.namespace)
        inventory = await read_inventory(client, selection)
        members = (each for each in inventory.members if each.key in keys and _turns(each))
        chosen = migrations_of(inventory, members)
        turned = sorted(map(key_of, chosen))
        if through := sorted(set(keys) - set(turned)):
            say(f"{len(through)} came to an end meanwhile: {', '.join(map('/'.join, through))}")
        more = _other_mattermosts(inventory, turned)
        if not turned:
            return Exit.DONE, more
        wanted: dict[str, Any] = {"desiredKind": CLUSTER_INSTALLATION.kind}
        if arguments["discard"]:
            wanted["discardEdits"] = True
        await amend(client, chosen, lambda _: wanted)
        if arguments["no_wait"]:
            return Exit.DONE, more
        return await watch_amended(client, turned, arguments["timeout"]), more
