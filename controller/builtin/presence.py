"""Is the Go operator at work here? Two operators for the same objects would fight for ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from mattermost_migrate.domain.errors import ConfigurationError
from mattermost_migrate.domain.leases import held_by
from mattermost_migrate.domain.names import DEPLOYMENT, LEASE, OPERATOR_LEASE
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of
from mattermost_migrate.kube import Client

__all__ = ["refuse_beside_operator", "signs_of_operator"]

_IMAGE: Final = "mattermost/mattermost-operator"
#: How much the clocks of the operator's node and of ours may differ.
_CLOCKS: Final = timedelta(seconds=10)


async def refuse_beside_operator(client: Client) -> None:
    """Make sure that nobody else keeps the installations.

    Raises:
        ConfigurationError: the Go operator runs; the message names what was seen.
    """
    leases = await client.list(LEASE, field_selector=f"metadata.name={OPERATOR_LEASE}")
    deployments = await client.list(DEPLOYMENT)
    found = list(signs_of_operator(leases.items, deployments.items, now=datetime.now(UTC)))
    if found:
        raise ConfigurationError(
            "--operator=builtin is refused, because the Mattermost operator runs here: "
            f"{'; '.join(found)}; stop it, or use --operator=external"
        )


def signs_of_operator(
    leases: tuple[JsonObject, ...], deployments: tuple[JsonObject, ...], *, now: datetime
) -> Iterator[str]:
    """What shows that the Go operator runs, each in words.

    Args:
        leases: the Leases of its name.
        deployments: all there are.
        now: the time.
    """
    for lease in leases:
        if holder := held_by(lease, now, clocks=_CLOCKS):
            yield f"Lease {namespace_of(lease)}/{name_of(lease)} is held by {holder}"
    for deployment in deployments:
        ready = (deployment.get("status") or {}).get("readyReplicas", 0)
        containers = deployment["spec"]["template"]["spec"].get("containers") or ()
        images = [container.get("image") or "" for container in containers]
        if ready and any(_IMAGE in image for image in images):
            yield f"Deployment {namespace_of(deployment)}/{name_of(deployment)} is ready"
