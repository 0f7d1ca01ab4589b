"""The part that runs in the cluster: is it there, and does it lead?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from helm_mattermost_migrate.durations import parse_time
from helm_mattermost_migrate.errors import CommandError
from helm_mattermost_migrate.inventory import INSTALL_HINT
from mattermost_migrate.domain.errors import ForbiddenError, NotFoundError
from mattermost_migrate.domain.leases import held_by
from mattermost_migrate.domain.names import LEADER_LEASE, LEASE, NAMESPACE, VERSION_LABEL
from mattermost_migrate.domain.objects import JsonObject, labels_of, namespace_of, uid_of

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = [
    "Leader",
    "cluster_identity",
    "find_leader",
    "leader_of",
    "leader_trouble",
    "require_leader",
]


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads.

    Attributes:
        namespace: where the Lease is.
        holder: the replica's name; empty when it was given back.
        renewed: when it was last renewed.
        alive: whether it is held by somebody who still renews it.
        version: of the controller that holds it; empty when it does not say so.
    """

    namespace: str
    holder: str
    renewed: datetime | None
    alive: bool
    version: str = ""

    def __str__(self) -> str:
        """Who, where, and of which version."""
        told = f"{self.holder} in namespace {self.namespace}"
        return f"{self.version}, {told}" if self.version else told


def leader_of(lease: JsonObject, now: datetime) -> Leader:
    """Read a Lease; it is dead when nobody holds it or nobody has renewed it in time."""
    spec: Mapping[str, Any] = lease.get("spec") or {}
    renewed = parse_time(spec.get("renewTime"))
    holder = str(spec.get("holderIdentity") or "")
    alive = bool(held_by(lease, now))
    version = labels_of(lease).get(VERSION_LABEL, "")
    return Leader(namespace_of(lease), holder, renewed, alive, version)


async def find_leader(client: Client, now: datetime) -> Leader | None:
    """The controller that leads, or the one that did; None when there never was one.

    Raises:
        ForbiddenError: we may not see Leases of every namespace.
    """
    found = await client.list(LEASE, field_selector=f"metadata.name={LEADER_LEASE}")
    leaders = [leader_of(lease, now) for lease in found.items]
    return max(leaders, key=lambda each: (each.alive, str(each.renewed)), default=None)


async def cluster_identity(client: Client) -> str:
    """What tells this cluster apart: the UID of kube-system, or its address where we may not."""
    try:
        return uid_of(await client.get(NAMESPACE, None, "kube-system"))
    except (ForbiddenError, NotFoundError):
        return client.connection.server


def leader_trouble(leader: Leader | None) -> tuple[str, str] | None:
    """Why nobody would take up what is asked for, and what to run; None when somebody would."""
    if leader is None:
        return (
            f"no controller runs in this cluster: no namespace has a Lease {LEADER_LEASE}",
            INSTALL_HINT,
        )
    if leader.alive:
        return None
    renewed = leader.renewed.isoformat() if leader.renewed else "never"
    lease = f"Lease {leader.namespace}/{LEADER_LEASE}"
    held = f"is held by {leader.holder or 'nobody'}, last renewed {renewed}"
    return (
        f"no controller is at work: {lease} {held}",
        f"kubectl -n {leader.namespace} get pods",
    )


async def require_leader(client: Client, now: datetime) -> None:
    """Refuse to begin what nobody would take up.

    Who may not see Leases is let through: following says so when nothing happens.

    Raises:
        CommandError: no controller runs.
    """
    try:
        leader = await find_leader(client, now)
    except ForbiddenError:
        return
    if trouble := leader_trouble(leader):
        message, hint = trouble
        raise CommandError(message, hint=hint)
