"""``spec.resourceLabels``: the user's labels on everything that is generated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mattermost_migrate.domain.conversion.source import Source, plain
from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.names import V1ALPHA1, V1BETA1
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["backward", "faults", "forward"]


def forward(source: Source) -> dict[str, Any]:
    """The user's labels and no others: the operator's conversion mixes its own into them.

    Those would stay in the spec for good, and come back with a revert (operator facts 5.4).
    """
    return plain(resourceLabels=source.spec.get("resourceLabels") or None)


def backward(spec: JsonObject, name: str) -> dict[str, Any]:
    """The same labels, without those that a Mattermost's objects bear anyway."""
    implied = V1BETA1.selector(name).items()
    given = spec.get("resourceLabels", {}).items()
    return plain(resourceLabels=dict(pair for pair in given if pair not in implied) or None)


def faults(source: Source) -> Iterator[Fault]:
    """A user's label that contradicts an operator's.

    The user's wins in a ClusterInstallation, the operator's in a Mattermost (operator facts 0.3),
    so what selects by it would lose its pods.
    """
    theirs = {**V1ALPHA1.selector(source.name), **V1BETA1.selector(source.name)}
    for key, value in source.spec.get("resourceLabels", {}).items():
        if key in theirs and value != theirs[key]:
            yield Fault(
                f"spec.resourceLabels[{key}]",
                f"is {value!r}, and on a Mattermost's objects it is always {theirs[key]!r}; "
                "remove it, or choose another key",
            )
