"""``doctor``: is everything there that a migration needs, and are the installations whole?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from helm_mattermost_migrate.connection import run_async
from helm_mattermost_migrate.diagnosis import Finding, Right, checked_rights, exit_code
from helm_mattermost_migrate.diagnosis_view import show
from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.examination import examine
from helm_mattermost_migrate.inventory import INSTALL_HINT
from helm_mattermost_migrate.options import (
    output_option,
    parse_selection,
    selecting,
    target_of,
)
from helm_mattermost_migrate.server_side import LEASE_NAME, find_leader
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

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


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

    Looks at the kinds, the controller and your rights, and at every object of the installations
    selected, by rules of its own and whatever their migrations report. Says what to do about each.
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
        findings = await asyncio.gather(
            *(_kind(client, kind) for kind in kinds),
            _controller(client),
            *(_right(client, right) for right in checked_rights()),
        )
        try:
            return tuple(findings), await examine(client, selection)
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
        return Finding(name, well=False, told="the cluster does not have it", hint=INSTALL_HINT)
    found = any(each.get("name") == kind.plural for each in served.get("resources") or ())
    told = f"{CRD.kind} is served" if found else f"{kind.api_version} is served without it"
    return Finding(name, well=found, told=told, hint="" if found else INSTALL_HINT)


async def _controller(client: Client) -> Finding:
    try:
        leader = await find_leader(client, now())
    except ForbiddenError:
        return Finding("controller", well=True, told="not known: you may not list Leases")
    if leader is None:
        return Finding(
            "controller", well=False, told=f"there is no Lease {LEASE_NAME}", hint=INSTALL_HINT
        )
    if not leader.alive:
        return Finding(
            "controller",
            well=False,
            told=f"Lease {leader.namespace}/{LEASE_NAME} is not renewed",
            hint=f"kubectl -n {leader.namespace} get pods",
        )
    return Finding("controller", well=True, told=f"{leader.holder} leads in {leader.namespace}")


async def _right(client: Client, right: Right) -> Finding:
    """Ask the API server about ourselves; everybody may."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {
                "verb": right.verb,
                "group": right.resource.group,
                "resource": right.resource.plural,
                "namespace": client.connection.namespace if right.resource.namespaced else "",
            }
        },
    }
    answer = await client.raw("POST", _REVIEWS, body=review)
    allowed = bool((answer.get("status") or {}).get("allowed"))
    return Finding(
        f"{right.verb} {right.resource.plural}",
        well=allowed or right.optional,
        told="allowed" if allowed else f"not allowed; {right.without}",
        hint="" if allowed else f"kubectl auth can-i {right.verb} {right.resource.plural}",
    )
