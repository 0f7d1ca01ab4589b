"""What is left for a fleet to bring back when those under way have been turned round."""

from __future__ import annotations

from typing import Any

import pytest

from helm_mattermost_migrate.commands import revert
from helm_mattermost_migrate.inventory import Inventory
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Resource

TURNING = ("ns", "turning")


def installation(resource: Resource, name: str) -> dict[str, Any]:
    metadata = {"namespace": "ns", "name": name}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}


def migration(name: str, desired: Resource, status: str) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "ns", "name": name, "generation": 1},
        "spec": {"desiredKind": desired.kind},
        "status": {
            "conditions": [{"type": "Succeeded", "status": status, "observedGeneration": 1}]
        },
    }


@pytest.mark.parametrize(
    ("kinds", "of_the_other", "more"),
    [
        pytest.param(
            (CLUSTER_INSTALLATION, MATTERMOST),
            migration("other", CLUSTER_INSTALLATION, "Unknown"),
            False,
            id="on its way back already",
        ),
        pytest.param(
            (MATTERMOST,), migration("other", MATTERMOST, "True"), True, id="a Mattermost"
        ),
        pytest.param((MATTERMOST,), None, True, id="a Mattermost that was none before"),
        pytest.param(
            (CLUSTER_INSTALLATION,),
            migration("other", CLUSTER_INSTALLATION, "True"),
            False,
            id="back",
        ),
    ],
)
def test_a_fleet_is_asked_for_where_it_has_anything_to_do(
    kinds: tuple[Resource, ...], of_the_other: dict[str, Any] | None, *, more: bool
) -> None:
    inventory = Inventory(
        installations=(
            *(installation(kind, "turning") for kind in (CLUSTER_INSTALLATION, MATTERMOST)),
            *(installation(kind, "other") for kind in kinds),
        ),
        migrations=(
            migration("turning", MATTERMOST, "Unknown"),
            *((of_the_other,) if of_the_other else ()),
        ),
    )

    assert revert._other_mattermosts(inventory, [TURNING]) is more
