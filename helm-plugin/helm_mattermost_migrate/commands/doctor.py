"""``doctor``: is everything there that a migration needs, and are the installations whole?"""

from __future__ import annotations

import asyncio
from collections.abc import Container
from typing import TYPE_CHECKING, Any, Final

import click

from helm_mattermost_migrate.connection import Target
from helm_mattermost_migrate.diagnosis import (
    Answer,
    Finding,
    checked_rights,
    exit_code,
    judged,
    placed,
    uninspected,
)
from helm_mattermost_migrate.diagnosis_view import show
from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.examination import examine
from helm_mattermost_migrate.inventory import kind_hint
from helm_mattermost_migrate.options import output_option, parse_selection, selecting
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
from mattermost_migrate.inspection import KINDS, Verdict

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["command"]

_NEEDED: Final = (CLUSTER_INSTALLATION, MATTERMOST, INSTALLATION_MIGRATION, FLEET_MIGRATION)


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
    findings, verdicts = asyncio.run(_diagnosis(arguments))
    show(findings, verdicts, arguments["output"])
    return exit_code(findings, verdicts)


async def _diagnosis(
    arguments: dict[str, Any],
) -> tuple[tuple[Finding, ...], tuple[Verdict, ...]]:
    async with Target.of(arguments).client() as client:
        selection = parse_selection(arguments, namespace=client.connection.namespace)
        known, controller, guards = await asyncio.gather(
            _served(client), _controller(client), admission(client)
        )
        rights = await _rights(client, selection, known)
        user = "" if all(well for _, well in rights) else await whoami(client)
        kinds = (_kind(kind, known) for kind in _NEEDED)
        findings = (*kinds, *controller, *guards, *judged(rights, user=user))
        if unseen := uninspected(rights):
            return (*findings, unseen), ()
        try:
            return findings, await examine(client, selection, [k for k in KINDS if k in known])
        except ForbiddenError as error:
            lacking = Finding(
                "installations",
                well=False,
                told=f"not inspected: {error}",
                hint=f"kubectl auth can-i --list -n {client.connection.namespace}",
            )
            return (*findings, lacking), ()


async def _served(client: Client) -> frozenset[Resource]:
    """Of all kinds we look at, those the API server has; asked of itself, which needs no right."""
    asked = {*_NEEDED, *(right.resource for right in checked_rights())}
    versions = sorted({kind.api_version for kind in asked})
    answers = await asyncio.gather(*(_plurals(client, each) for each in versions))
    known = dict(zip(versions, answers, strict=True))
    return frozenset(kind for kind in asked if kind.plural in known[kind.api_version])


async def _plurals(client: Client, version: str) -> frozenset[str]:
    try:
        served = await client.raw("GET", f"/{'apis' if '/' in version else 'api'}/{version}")
    except NotFoundError:
        return frozenset()
    return frozenset(str(each.get("name")) for each in served.get("resources") or ())


def _kind(kind: Resource, served: Container[Resource]) -> Finding:
    """Whether the API server has a kind."""
    name, well = f"{kind.plural}.{kind.group}", kind in served
    told = f"{CRD.kind} is served" if well else "the cluster does not have it"
    return Finding(name, well=well, told=told, hint="" if well else kind_hint(kind))


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


async def _rights(
    client: Client, selection: Selection, served: Container[Resource]
) -> tuple[Answer, ...]:
    """What we may, wherever the selection looks; nobody is given a right to what is not there."""
    rights = (each for each in checked_rights() if each.resource in served)
    asked = placed(rights, selection.searched)
    allowed = await asyncio.gather(
        *(may(client, each.verb, each.resource, place) for each, place in asked)
    )
    return tuple(zip(asked, allowed, strict=True))
