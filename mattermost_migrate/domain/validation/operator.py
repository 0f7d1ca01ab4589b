"""The operator's own refusals, as it would write them into a status much later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final, TypeAlias

from mattermost_migrate.domain.defaults import cluster_installation_faults, mattermost_faults
from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Resource
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.validation.field import Finding

__all__ = ["refusals"]

_Faults: TypeAlias = Callable[[JsonObject], tuple[Fault, ...]]

#: The operator's own checks, and the fields they read. Only those are shown to it, so that
#: a malformed quantity elsewhere, which ends its reading, does not hide what it would say here.
_CHECKS: Final[Mapping[Resource, tuple[_Faults, tuple[str, ...]]]] = {
    CLUSTER_INSTALLATION: (cluster_installation_faults, ("ingressName", "blueGreen", "canary")),
    MATTERMOST: (
        mattermost_faults,
        ("ingressName", "ingress", "awsLoadBalancerController", "volumes"),
    ),
}


def refusals(resource: Resource, obj: JsonObject) -> Iterator[Finding]:
    """The faults that the operator's defaulting finds (operator facts 1.1, 1.3, 1.5).

    Where one of those fields is not of its type, the API server's schema says so.
    """
    faults, fields = _CHECKS[resource]
    spec = obj.get("spec") or {}
    shown = {key: spec[key] for key in fields if key in spec}
    with suppress(ValueError):
        yield from faults({"spec": shown})
