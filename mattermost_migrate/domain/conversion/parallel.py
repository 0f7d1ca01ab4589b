"""Blue/green and canary: what a Mattermost cannot do (operator facts 1.5, 5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mattermost_migrate.domain.conversion.source import Source
from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.names import Reason

__all__ = ["backward", "faults"]


def backward() -> dict[str, Any]:
    """The two structs as the operator stores them while they are off."""
    return {"blueGreen": {"blue": {}, "green": {}}, "canary": {"deployment": {}}}


def faults(source: Source) -> Iterator[Fault]:
    """While either is on, several Deployments serve the installation."""
    if source.spec.get("blueGreen", {}).get("enable"):
        yield Fault(
            "spec.blueGreen.enable",
            "a Mattermost has no blue and green Deployments; "
            "put the production colour's image and version into spec, then set this to false",
            Reason.BLUE_GREEN_ENABLED,
        )
    if source.spec.get("canary", {}).get("enable"):
        yield Fault(
            "spec.canary.enable",
            "a Mattermost has no canary; set this to false "
            "and delete the canary's Deployment, Service and Ingress",
            Reason.CANARY_ENABLED,
        )
