"""The operator's own refusals, as it would write them into a status much later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from mattermost_migrate.domain.defaults import default_cluster_installation, default_mattermost
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Resource
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.validation.field import Finding

__all__ = ["refusals"]

_Default: TypeAlias = Callable[[JsonObject], dict[str, Any]]

#: The operator's defaulting, and the fields its checks read. Only those are shown to it, so that
#: a malformed quantity elsewhere, which ends its reading, does not hide what it would say here.
_CHECKS: Final[Mapping[Resource, tuple[_Default, tuple[str, ...]]]] = {
    CLUSTER_INSTALLATION: (default_cluster_installation, ("ingressName", "blueGreen", "canary")),
    MATTERMOST: (
        default_mattermost,
        ("ingressName", "ingress", "awsLoadBalancerController", "volumes"),
    ),
}


def refusals(resource: Resource, obj: JsonObject) -> Iterator[Finding]:
    """The faults that the operator's defaulting finds (operator facts 1.1, 1.3, 1.5).

    Where one of those fields is not of its type, the API server's schema says so.
    """
    default, fields = _CHECKS[resource]
    spec = obj.get("spec") or {}
    shown = {key: spec[key] for key in fields if key in spec}
    try:
        default({"metadata": obj.get("metadata"), "spec": shown})
    except RefusedError as error:
        yield from error.faults
    except ValueError:
        return
