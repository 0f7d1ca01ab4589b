"""``doctor``: is everything there that a migration needs, and are the installations whole?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from helm_mattermost_migrate.connection import run_async
from helm_mattermost_migrate.diagnosis import (
    Finding,
    checked_rights,
    exit_code,
    judged,
    placed,
)
from helm_mattermost_migrate.diagnosis_view import show
from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.examination import examine
from helm_mattermost_migrate.inventory import kind_hint
from helm_mattermost_migrate.options import (
    output_option,
    parse_selection,
    selecting,
    target_of,
)
from helm_mattermost_migrate.readiness import admission, may, versions, whoami
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.server_side import find_leader, leader_trouble
from helm_mattermost_migrate.terminal import now
from mattermost_migrate.domain.errors import ForbiddenError, NotFoundError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    CRD,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    Resource,
)
from mattermost_migrate.inspection import Verdict

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["command"]


@click.command(
    "doctor",
    cls=Documented,
    examples=(
        ("", "the cluster, your rights, and the installations of the namespace"),
        ("chat", "the same, and one installation"),
        ("--all -o json", "every installation, for machines"),
    ),
)
@selecting
@output_option("table", "json", "yaml")
def command(**arguments: Any) -> int:
    """Check what a migration needs, and whether installations are whole.

    Looks at the kinds, the controller and its version, the webhook, the edit lock and your rights,
    and at every object of the installations selected, by rules of its own and whatever their
    migrations report. Says what to do about each.
    Exit code 0 when all is well, 3 when a migration would lack something, 1 when an installation
    is broken.
    """
    findings, verdicts = run_async(_diagnosis(arguments))
    show(findings, verdicts, arguments["output"])
    return exit_code(findings, verdicts)


async def _diagnosis(
    arguments: dict[str, Any],
) -> tuple[tuple[Finding, ...], tuple[Verdict, ...]]:
    async with target_of(arguments).client() as client:
        selection = parse_selection(arguments, namespace=client.connection.namespace)
        kinds = (CLUSTER_INSTALLATION, MATTERMOST, INSTALLATION_MIGRATION, FLEET_MIGRATION)
        served, controller, guards, rights = await asyncio.gather(
            asyncio.gather(*(_kind(client, kind) for kind in kinds)),
            _controller(client),
            admission(client),
            _rights(client, selection),
        )
        findings = (*served, *controller, *guards, *rights)
        try:
            return findings, await examine(client, selection)
        except ForbiddenError as error:
            lacking = Finding(
                "installations",
                well=False,
                told=f"not inspected: {error}",
                hint=f"kubectl auth can-i --list -n {client.connection.namespace}",
            )
            return (*findings, lacking), ()


async def _kind(client: Client, kind: Resource) -> Finding:
    """Whether the API server serves a kind; asked of itself, which needs no right."""
    name = f"{kind.plural}.{kind.group}"
    try:
        served = await client.raw("GET", f"/apis/{kind.api_version}")
    except NotFoundError:
        return Finding(name, well=False, told="the cluster does not have it", hint=kind_hint(kind))
    found = any(each.get("name") == kind.plural for each in served.get("resources") or ())
    told = f"{CRD.kind} is served" if found else f"{kind.api_version} is served without it"
    return Finding(name, well=found, told=told, hint="" if found else kind_hint(kind))


async def _controller(client: Client) -> tuple[Finding, ...]:
    """Whether one leads, and whether it is of a version that we fit."""
    try:
        leader = await find_leader(client, now())
    except ForbiddenError:
        return (Finding("controller", well=True, told="not known: you may not list Leases"),)
    trouble = leader_trouble(leader)
    if trouble or leader is None:
        told, hint = trouble or ("", "")
        return (Finding("controller", well=False, told=told, hint=hint),)
    told = f"{leader.holder} leads in {leader.namespace}"
    return Finding("controller", well=True, told=told), versions(leader)


async def _rights(client: Client, selection: Selection) -> tuple[Finding, ...]:
    """What we may, wherever the selection looks; one command gives all that lack of one verb."""
    asked = placed(checked_rights(), selection.searched)
    allowed = await asyncio.gather(
        *(may(client, each.verb, each.resource, place) for each, place in asked)
    )
    user = "" if all(allowed) else await whoami(client)
    return tuple(judged(zip(asked, allowed, strict=True), user=user))
