"""What must be there before a run is asked for: each thing that lacks is named, all at once.

The kinds, a controller that leads, versions that fit, the webhook and the edit lock, and the rights
of whoever asks. What may not be looked at is let through; following says so if nothing happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from helm_mattermost_migrate.diagnosis import RUN_RIGHTS, Finding
from helm_mattermost_migrate.errors import CommandError, Exit, granting_all
from helm_mattermost_migrate.fleet_request import Wishes, fleet_request
from helm_mattermost_migrate.inventory import INSTALL_HINT, not_served
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.server_side import Leader, find_leader, leader_trouble
from mattermost_migrate.domain.errors import (
    ForbiddenError,
    NotFoundError,
    NotServedError,
    RejectedError,
)
from mattermost_migrate.domain.names import (
    ENDPOINT_SLICE,
    FLEET_MIGRATION,
    SERVICE,
    SERVICE_NAME_LABEL,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, name_of

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = [
    "GUARDS",
    "MUTATING_CONFIGURATION",
    "POLICY_BINDING",
    "WEBHOOK_CONFIGURATION",
    "admission",
    "may",
    "require_accepted",
    "require_ready",
    "versions",
    "versions_fit",
    "whoami",
]

_ADMISSION: Final = "admissionregistration.k8s.io"
WEBHOOK_CONFIGURATION: Final = Resource(
    _ADMISSION,
    "v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    namespaced=False,
)
MUTATING_CONFIGURATION: Final = Resource(
    _ADMISSION,
    "v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    namespaced=False,
)
POLICY_BINDING: Final = Resource(
    _ADMISSION,
    "v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    namespaced=False,
)
_NAME: Final = "mattermost-migrate"
#: What the chart makes of each, by name.
GUARDS: Final[Mapping[Resource, tuple[str, ...]]] = {
    WEBHOOK_CONFIGURATION: (_NAME,),
    MUTATING_CONFIGURATION: (_NAME,),
    POLICY_BINDING: tuple(
        f"{_NAME}-{part}" for part in ("dependents", "installation", "kind", "lock")
    ),
}
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_WHOAMI: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"

#: What lacks, and what to run.
Trouble = tuple[str, str]


async def require_ready(
    client: Client, request: Mapping[str, Any], now: datetime, *, guarded: bool = True
) -> None:
    """Refuse to begin what nobody would take up, or what is not allowed.

    Args:
        client: an open client.
        request: the FleetMigration that would be created.
        now: to tell whether the controller is at work.
        guarded: the webhook and the edit lock must be there.

    Raises:
        CommandError: names everything that lacks.
    """
    controller, guards, rights = await asyncio.gather(
        _controller(client, now),
        _guarded(client) if guarded else _nothing(),
        _rights(client),
    )
    lacking = [*controller, *guards, *rights]
    if not lacking:
        lacking = [*await _accepted(client, request)]
    if not lacking:
        return
    first, hint = lacking[0]
    if rights and len(rights) < len(lacking):
        # Whoever installs the rest is an administrator, who can give these as well.
        hint = f"{hint}; then {rights[0][1]}"
    told = first if len(lacking) == 1 else "\n  ".join(("not ready:", *(t for t, _ in lacking)))
    raise CommandError(told, hint=hint)


async def _controller(client: Client, now: datetime) -> list[Trouble]:
    try:
        leader = await find_leader(client, now)
    except ForbiddenError:
        return []
    if trouble := leader_trouble(leader):
        return [trouble]
    found = versions(leader)
    return [] if found.well else [(found.told, found.hint)]


def versions(leader: Leader | None) -> Finding:
    """Whether the controller that leads speaks of the same fields as this command."""
    ours, theirs = version("mattermost-migrate"), leader.version if leader else ""
    if not theirs:
        return Finding(
            "versions", well=True, told=f"this command is {ours}; no controller says its own"
        )
    if not versions_fit(ours, theirs):
        return Finding(
            "versions",
            well=False,
            told=f"versions do not fit: the controller is {theirs}, and this command is {ours}",
            hint="bring both to one version, by helm plugin update or helm upgrade of the chart",
        )
    return Finding(
        "versions", well=True, told=f"the controller is {theirs}, this command is {ours}"
    )


def versions_fit(ours: str, theirs: str) -> bool:
    """Whether two versions speak of the same fields: the same minor, or major from 1 on."""
    one, other = (text.split(".") for text in (ours, theirs))
    return one[:2] == other[:2] if one[0] == "0" else one[0] == other[0]


async def admission(client: Client) -> tuple[Finding, ...]:
    """The webhook, without which nothing is checked, and the lock, without which edits pass."""
    webhooks = (WEBHOOK_CONFIGURATION, MUTATING_CONFIGURATION)
    webhook, lock = await asyncio.gather(
        _guard(client, "webhook", webhooks, "the webhook is not registered"),
        _guard(client, "edit lock", (POLICY_BINDING,), "the edit lock is not whole"),
    )
    return webhook, lock


async def _guard(client: Client, check: str, resources: Sequence[Resource], lacks: str) -> Finding:
    found: list[JsonObject] = []
    unseen: list[str] = []
    for resource in resources:
        try:
            there = {name_of(obj): obj for obj in (await client.list(resource)).items}
        except ForbiddenError:
            unseen.append(f"you may not list {resource.plural}")
            continue
        except NotFoundError:
            unseen.append(f"the cluster has no {resource.plural}")
            continue
        if missing := [name for name in GUARDS[resource] if name not in there]:
            told = f"{lacks}: the cluster has no {resource.kind} {', '.join(missing)}"
            return Finding(check, well=False, told=told, hint=INSTALL_HINT)
        found.extend(there[name] for name in GUARDS[resource])
    for namespace, name in sorted({place for obj in found for place in _services(obj)}):
        if not await _serves(client, namespace, name):
            told = f"the {check} answers nobody: Service {namespace}/{name} has no ready endpoint"
            return Finding(check, well=False, told=told, hint=f"kubectl -n {namespace} get pods")
    seen = ", ".join(f"{each.kind} {', '.join(GUARDS[each])}" for each in resources)
    told = f"not known: {'; '.join(unseen)}" if unseen else seen
    return Finding(check, well=True, told=told)


def _services(configuration: JsonObject) -> Iterator[tuple[str, str]]:
    for hook in configuration.get("webhooks") or ():
        if service := hook["clientConfig"].get("service"):
            yield service["namespace"], service["name"]


async def _serves(client: Client, namespace: str, service: str) -> bool:
    """Whether a Service has a ready endpoint; that it has, where we may not or cannot look."""
    try:
        found = await client.find(SERVICE, namespace, service)
        if found and found["spec"].get("type") == "ExternalName":
            return True
        slices = await client.list(
            ENDPOINT_SLICE, namespace, label_selector=f"{SERVICE_NAME_LABEL}={service}"
        )
    except ForbiddenError:
        return True
    endpoints = [each for obj in slices.items for each in obj.get("endpoints") or ()]
    return any((each.get("conditions") or {}).get("ready") is not False for each in endpoints)


async def _guarded(client: Client) -> list[Trouble]:
    without = "or begin without it, with --unguarded"
    return [
        (each.told, f"{each.hint}; {without}") for each in await admission(client) if not each.well
    ]


async def _nothing() -> list[Trouble]:
    return []


async def _rights(client: Client) -> list[Trouble]:
    """Each right that lacks, asked of the API server about us; one line gives all of them."""
    allowed = await asyncio.gather(*(may(client, each.verb, each.resource) for each in RUN_RIGHTS))
    lacking = [
        (each.verb, f"{each.resource.plural}.{each.resource.group}")
        for each, well in zip(RUN_RIGHTS, allowed, strict=True)
        if not well
    ]
    if not lacking:
        return []
    hint = granting_all(lacking, user=await whoami(client))
    return [(f"you may not {verb} {what}", hint) for verb, what in lacking]


async def may(client: Client, verb: str, resource: Resource, namespace: str = "") -> bool:
    """Ask the API server about ourselves; everybody may.

    Args:
        client: an open client.
        verb: in the API server's words.
        resource: on what.
        namespace: where; empty is everywhere.
    """
    attributes = {
        "verb": verb,
        "group": resource.group,
        "resource": resource.plural,
        "namespace": namespace,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = await client.raw("POST", _REVIEWS, body=review)
    return bool((answer.get("status") or {}).get("allowed"))


async def whoami(client: Client) -> str:
    """Our name, as the API server knows us; empty where it does not tell."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = await client.raw("POST", _WHOAMI, body=review)
    except (ForbiddenError, NotFoundError):
        return ""
    return str(answer["status"]["userInfo"].get("username") or "")


async def require_accepted(
    client: Client, source: Path, selection: Selection, wishes: Wishes
) -> None:
    """Have the API server judge what a file asks for, before we read anything into it.

    Args:
        client: an open client.
        source: the file.
        selection: what is selected; by other means than the file, it is not the file's to answer.
        wishes: how it shall go.

    Raises:
        CommandError: names the file and the field.
    """
    asked = selection if selection.selector is not None else Selection(everything=True)
    try:
        refused = await _accepted(client, fleet_request(asked, (), wishes))
    except NotServedError as error:
        raise not_served(FLEET_MIGRATION) from error
    for told, hint in refused:
        raise CommandError(f"{source}: {told}", hint=hint, code=Exit.USAGE)


async def _accepted(client: Client, request: Mapping[str, Any]) -> list[Trouble]:
    """What the API server says to the very request, without storing it."""
    try:
        await client.create(FLEET_MIGRATION, request, dry_run=True, strict=True)
    except RejectedError as error:
        return [
            (
                f"the API server would refuse the FleetMigration: {error}",
                f"kubectl explain {FLEET_MIGRATION.plural}.spec",
            )
        ]
    return []
