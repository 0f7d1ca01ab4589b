"""What an object looks like once it has been through the operator's Go types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mattermost_migrate.domain.canonical import durations, integers, quantities, types

__all__ = [
    "cluster_installation_spec",
    "durations",
    "integers",
    "mattermost_spec",
    "quantities",
    "types",
]


def cluster_installation_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec of a ClusterInstallation as the operator stores it (operator facts 0.5, A.1).

    Raises:
        ValueError: a value has not the type its field asks for, or is no quantity.
    """
    return types.written("ClusterInstallationSpec")(spec)


def mattermost_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec of a Mattermost as the operator stores it (operator facts 0.5, A.3).

    Raises:
        ValueError: a value has not the type its field asks for, or is no quantity.
    """
    return types.written("MattermostSpec")(spec)
