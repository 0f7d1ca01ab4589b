"""What may be asked of migrations that have succeeded: ``finalize`` and ``unpin``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helm_mattermost_migrate.amend import migrations_of, watch_amended
from helm_mattermost_migrate.connection import Target
from helm_mattermost_migrate.documented import program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.inventory import CRDS_HINT, Inventory, check_found, read_inventory
from helm_mattermost_migrate.launch import agree
from helm_mattermost_migrate.members import Member, Standing
from helm_mattermost_migrate.options import check_following, parse_selection
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.server_side import require_leader
from helm_mattermost_migrate.terminal import now, say
from mattermost_migrate.domain.names import INSTALLATION_MIGRATION, MATTERMOST
from mattermost_migrate.domain.objects import JsonObject, key_of, uid_of

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["Request", "ask_for", "ready"]


@dataclass(frozen=True, slots=True)
class Request:
    """A field of InstallationMigrations that have succeeded.

    Attributes:
        field: of the spec.
        value: to give it.
        summary: what will happen to so many, for the question; ``{number}`` is filled in.
        done: in one word, what has been asked for each.
    """

    field: str
    value: Any
    summary: str
    done: str


def ask_for(arguments: Mapping[str, Any], request: Request) -> int:
    """Show what will be done, ask, set the field, follow it.

    Returns:
        The exit code.
    """
    check_following(arguments)
    chosen = asyncio.run(_choose(arguments, request))
    say(request.summary.format(number=len(chosen)))
    agree(yes=arguments["yes"])
    return asyncio.run(_set(arguments, request, chosen))


async def _choose(arguments: Mapping[str, Any], request: Request) -> tuple[JsonObject, ...]:
    async with Target.of(arguments).client() as client:
        selection = parse_selection(arguments, namespace=client.connection.namespace)
        inventory = await read_inventory(client, selection)
        check_found(inventory, selection)
        chosen = ready(inventory, selection, request)
        await require_leader(client, now())
        return chosen


def ready(inventory: Inventory, selection: Selection, request: Request) -> tuple[JsonObject, ...]:
    """Those that have become Mattermosts and were not asked yet.

    Raises:
        CommandError: there is none, or one that was named is not.
    """
    well = [member for member in inventory.members if _succeeded(member)]
    if selection.names and len(well) < len(selection.names):
        raise CommandError(
            _unready([member for member in inventory.members if not _succeeded(member)]),
            hint=f"{program_name()} status",
        )
    found = migrations_of(inventory, well)
    fresh = tuple(obj for obj in found if obj["spec"].get(request.field) != request.value)
    if not fresh:
        raise CommandError(
            f"nothing to do in {selection.described('any')}: "
            + ("all are so already" if found else "no migration to Mattermost has succeeded there"),
            hint=f"{program_name()} status",
        )
    return fresh


def _succeeded(member: Member) -> bool:
    return member.standing is Standing.SUCCEEDED and member.desired == MATTERMOST.kind


def _unready(members: Sequence[Member]) -> str:
    """Why nothing can be asked of these; what has succeeded at the way back is told as that."""
    reverted = [member.standing is Standing.SUCCEEDED for member in members]
    if all(reverted):
        paths = ", ".join(member.path for member in members)
        return f"installation {paths}: it was reverted, and is a {members[0].desired} now"
    told = ", ".join(
        f"{member.path} ({'reverted' if back else member.standing})"
        for member, back in zip(members, reverted, strict=True)
    )
    return f"installation {told}: no migration to Mattermost has succeeded"


async def _set(arguments: Mapping[str, Any], request: Request, chosen: Sequence[JsonObject]) -> int:
    async with Target.of(arguments).client() as client:
        await asyncio.gather(*(_patch(client, each, request) for each in chosen))
        keys = sorted(map(key_of, chosen))
        for key in keys:
            say(f"{'/'.join(key)}: {request.done}")
        if arguments["no_wait"]:
            return Exit.DONE
        return await watch_amended(client, keys, arguments["timeout"])


async def _patch(client: Client, migration: JsonObject, request: Request) -> None:
    """Set the field; a server that does not know it drops it in silence, so look at its answer."""
    body = {"metadata": {"uid": uid_of(migration)}, "spec": {request.field: request.value}}
    answer = await client.patch(INSTALLATION_MIGRATION, *key_of(migration), body)
    if answer["spec"].get(request.field) != request.value:
        raise CommandError(
            f"InstallationMigration {'/'.join(key_of(migration))}: the cluster does not know "
            f"spec.{request.field}: its CustomResourceDefinitions are of an older version",
            hint=CRDS_HINT,
        )
