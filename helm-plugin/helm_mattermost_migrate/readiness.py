"""What must be there before a run is asked for: each thing that lacks is named, all at once.

The kinds, a controller that leads, versions that fit, the webhook and the edit lock, and the rights
of whoever asks. What may not be looked at is let through; following says so if nothing happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from helm_mattermost_migrate.errors import CommandError
from helm_mattermost_migrate.inventory import INSTALL_HINT
from helm_mattermost_migrate.server_side import find_leader, leader_trouble
from mattermost_migrate.domain.errors import ForbiddenError, NotFoundError, RejectedError
from mattermost_migrate.domain.names import FLEET_MIGRATION, INSTALLATION_MIGRATION, Resource

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = [
    "POLICY_BINDING",
    "WEBHOOK_CONFIGURATION",
    "missing_rights",
    "require_ready",
    "versions_fit",
]

_ADMISSION: Final = "admissionregistration.k8s.io"
WEBHOOK_CONFIGURATION: Final = Resource(
    _ADMISSION,
    "v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
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
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_RIGHTS: Final = (
    ("create", FLEET_MIGRATION),
    ("list", FLEET_MIGRATION),
    ("watch", FLEET_MIGRATION),
    ("list", INSTALLATION_MIGRATION),
    ("watch", INSTALLATION_MIGRATION),
)


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
    answers = await asyncio.gather(
        _controller(client, now),
        _admission(client) if guarded else _nothing(),
        _rights(client),
    )
    lacking = [trouble for answer in answers for trouble in answer]
    if not lacking:
        lacking = [*await _accepted(client, request)]
    if not lacking:
        return
    first, hint = lacking[0]
    told = first if len(lacking) == 1 else "\n  ".join(("not ready:", *(t for t, _ in lacking)))
    raise CommandError(told, hint=hint)


async def _controller(client: Client, now: datetime) -> list[Trouble]:
    try:
        leader = await find_leader(client, now)
    except ForbiddenError:
        return []
    if trouble := leader_trouble(leader):
        return [trouble]
    ours, theirs = version("mattermost-migrate"), leader.version if leader else ""
    if theirs and not versions_fit(ours, theirs):
        return [
            (
                f"versions do not fit: the controller is {theirs}, and this command is {ours}",
                "bring both to one version, by helm plugin update or helm upgrade of the chart",
            )
        ]
    return []


def versions_fit(ours: str, theirs: str) -> bool:
    """Whether two versions speak of the same fields: the same minor, or major from 1 on."""
    one, other = (text.split(".") for text in (ours, theirs))
    return one[:2] == other[:2] if one[0] == "0" else one[0] == other[0]


async def _admission(client: Client) -> list[Trouble]:
    """The webhook, without which nothing is checked, and the lock, without which edits pass."""
    troubles: list[Trouble] = []
    for resource, what in (
        (WEBHOOK_CONFIGURATION, "the webhook is not registered"),
        (POLICY_BINDING, "the edit lock is not there"),
    ):
        try:
            found = await client.list(resource)
        except (ForbiddenError, NotFoundError):
            continue
        names = [str(obj["metadata"]["name"]) for obj in found.items]
        if not any(name.startswith(_NAME) for name in names):
            told = f"{what}: the cluster has no {resource.kind} {_NAME}"
            troubles.append((told, f"{INSTALL_HINT}; or begin without it, with --unguarded"))
    return troubles


async def _nothing() -> list[Trouble]:
    return []


async def _rights(client: Client) -> list[Trouble]:
    return [
        (
            f"you may not {verb} {resource.plural}.{resource.group}",
            f"kubectl auth can-i {verb} {resource.plural}.{resource.group}",
        )
        for verb, resource in await missing_rights(client, *_RIGHTS)
    ]


async def missing_rights(
    client: Client, *wanted: tuple[str, Resource]
) -> list[tuple[str, Resource]]:
    """Those of the rights that we have not, cluster-wide; asked of the API server about us."""
    allowed = await asyncio.gather(*(_allowed(client, *each) for each in wanted))
    return [each for each, well in zip(wanted, allowed, strict=True) if not well]


async def _allowed(client: Client, verb: str, resource: Resource) -> bool:
    attributes = {"verb": verb, "group": resource.group, "resource": resource.plural}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = await client.raw("POST", _REVIEWS, body=review)
    return bool((answer.get("status") or {}).get("allowed"))


async def _accepted(client: Client, request: Mapping[str, Any]) -> list[Trouble]:
    """What the API server says to the very request, without storing it."""
    try:
        await client.create(FLEET_MIGRATION, request, dry_run=True)
    except RejectedError as error:
        return [
            (
                f"the API server would refuse the FleetMigration: {error}",
                f"kubectl explain {FLEET_MIGRATION.plural}.spec",
            )
        ]
    return []
