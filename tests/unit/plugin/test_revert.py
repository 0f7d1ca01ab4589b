"""What is turned round where it is, and what is left for a fleet to bring back."""

from __future__ import annotations

from typing import Any

import pytest

from helm_mattermost_migrate.commands import revert
from helm_mattermost_migrate.inventory import Inventory
from helm_mattermost_migrate.members import Member
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_LABEL,
    LOCK_LABEL,
    MATTERMOST,
    Lock,
    Resource,
)

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


def stalled(
    name: str,
    desired: Resource,
    reason: str = "Rejected",
    *,
    locked: bool = True,
    began: bool = True,
    fleet: str = "",
) -> dict[str, Any]:
    """It can go no further by itself; with the lock, in the middle."""
    told = migration(name, desired, "False")
    locks = {LOCK_LABEL: str(Lock.FROZEN)} if locked else {}
    told["metadata"]["labels"] = {**locks, **({FLEET_LABEL: fleet} if fleet else {})}
    told["status"] |= {"startTime": "2026-12-01T12:00:00Z"} if began else {}
    told["status"]["nextCommand"] = "kubectl get it"
    (summary,) = told["status"]["conditions"]
    summary |= {"reason": reason, "message": "a policy says no"}
    told["status"]["conditions"].append({**summary, "type": "Stalled", "status": "True"})
    return told


def refused(name: str, desired: Resource, fleet: str = "") -> dict[str, Any]:
    return stalled(name, desired, locked=False, began=False, fleet=fleet)


def only(seen: dict[str, Any]) -> Member:
    (member,) = Inventory(
        installations=tuple(
            installation(kind, seen["metadata"]["name"])
            for kind in (CLUSTER_INSTALLATION, MATTERMOST)
        ),
        migrations=(seen,),
    ).members
    return member


@pytest.mark.parametrize(
    ("seen", "turns"),
    [
        pytest.param(migration("chat", MATTERMOST, "Unknown"), True, id="on its way"),
        pytest.param(stalled("chat", MATTERMOST), True, id="held in the middle"),
        pytest.param(
            stalled("chat", MATTERMOST, "RollbackFailed"), True, id="held on its way back"
        ),
        pytest.param(stalled("chat", MATTERMOST, locked=False), False, id="rolled back"),
        pytest.param(refused("chat", MATTERMOST), True, id="refused, by itself"),
        pytest.param(refused("chat", MATTERMOST, fleet="all"), False, id="refused, of a fleet"),
        pytest.param(refused("chat", CLUSTER_INSTALLATION), False, id="refused on the way back"),
        pytest.param(migration("chat", MATTERMOST, "True"), False, id="through"),
        pytest.param(stalled("chat", CLUSTER_INSTALLATION), False, id="turned round before"),
    ],
)
def test_what_moves_or_would_set_out_by_itself_turns_round(
    seen: dict[str, Any], *, turns: bool
) -> None:
    assert revert._turns(only(seen)) is turns


def test_a_migration_of_nothing_is_let_alone() -> None:
    (member,) = Inventory(migrations=(refused("ghost", MATTERMOST),)).members

    assert not revert._turns(member)


def test_what_was_turned_round_before_and_has_stalled_is_told_with_what_holds_it() -> None:
    held = only(stalled("chat", CLUSTER_INSTALLATION, "RollbackFailed"))
    others = (
        only(stalled("talk", MATTERMOST)),
        only(migration("moving", CLUSTER_INSTALLATION, "Unknown")),
        only(migration("back", CLUSTER_INSTALLATION, "True")),
    )

    assert list(revert._held_up((held, *others))) == [
        (
            "ns/chat: asked to be a ClusterInstallation already, and held up: RollbackFailed: "
            "a policy says no"
        ),
        "  Next: kubectl get it",
    ]


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
            (CLUSTER_INSTALLATION, MATTERMOST),
            stalled("other", CLUSTER_INSTALLATION),
            False,
            id="held on its way back",
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
