"""What may be asked of migrations that have succeeded: ``finalize`` and ``unpin``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from helm_mattermost_migrate.amend import migrations_of, watch_amended
from helm_mattermost_migrate.connection import Target
from helm_mattermost_migrate.documented import program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.inventory import (
    CRDS_HINT,
    Inventory,
    check_found,
    list_selected,
    read_inventory,
)
from helm_mattermost_migrate.launch import agree
from helm_mattermost_migrate.members import Member, Standing
from helm_mattermost_migrate.options import check_following, parse_selection
from helm_mattermost_migrate.selection import Key, Selection
from helm_mattermost_migrate.server_side import require_leader
from helm_mattermost_migrate.terminal import now, say
from mattermost_migrate.domain.names import INSTALLATION_MIGRATION, MATTERMOST, Condition
from mattermost_migrate.domain.objects import JsonObject, key_of, uid_of
from mattermost_migrate.domain.reported import condition_status, finished

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["Request", "ask_for", "not_done", "ready"]

#: The controller looks again whenever the Mattermost changes, and every minute where something
#: else is in the way.
_MEND: Final = "correct what is named there; it is then done by itself"


@dataclass(frozen=True, slots=True)
class Request:
    """A field of InstallationMigrations that have succeeded.

    Attributes:
        field: of the spec.
        value: to give it.
        condition: reports whether it was done.
        summary: what will happen to so many, for the question; ``{number}`` is filled in.
        done: in one word, what each is then.
    """

    field: str
    value: Any
    condition: Condition
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
        CommandError: there is none, one that was named is not, or what was asked could not be done.
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
        if refused := [line for each in found if (line := not_done(each, request))]:
            raise CommandError(
                "asked already: " + "\n  ".join(refused), hint=_MEND, code=Exit.FAILED
            )
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
            say(f"{'/'.join(key)}: asked to be {request.done}")
        if arguments["no_wait"]:
            return Exit.DONE
        code = await watch_amended(client, keys, arguments["timeout"])
        if refused := await _refused(client, keys, request):
            for line in (*refused, f"  Next: {_MEND}"):
                say(line)
            return Exit.FAILED
        return code


async def _refused(client: Client, keys: Sequence[Key], request: Request) -> tuple[str, ...]:
    migrations = await list_selected(client, INSTALLATION_MIGRATION, Selection(names=tuple(keys)))
    return tuple(line for each in migrations if (line := not_done(each, request)))


def not_done(migration: JsonObject, request: Request) -> str:
    """What to say where it could not be done; empty where it was, or is still to be.

    The migration itself has succeeded all the same, so nothing but this condition tells of it.
    """
    told = condition_status(migration, request.condition)
    if told is None or told["status"] != "False" or not finished(migration):
        return ""
    path = "/".join(key_of(migration))
    return f"{path}: not {request.done}: {told['reason']}: {told['message']}"


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
