"""What may be finalized or unpinned, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from helm_mattermost_migrate.aftercare import Request, ready
from helm_mattermost_migrate.errors import CommandError
from helm_mattermost_migrate.inventory import Inventory
from helm_mattermost_migrate.selection import Selection

REQUEST = Request("finalize", value=True, summary="", done="")
KEY = ("ns", "chat")


def migration(desired: str, status: str = "True") -> dict[str, Any]:
    return {
        "metadata": {"namespace": "ns", "name": "chat", "generation": 1},
        "spec": {"desiredKind": desired},
        "status": {
            "conditions": [{"type": "Succeeded", "status": status, "observedGeneration": 1}]
        },
    }


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (
            migration("ClusterInstallation"),
            "ns/chat: it was reverted, and is a ClusterInstallation now",
        ),
        (
            migration("Mattermost", "Unknown"),
            "ns/chat (running): no migration to Mattermost has succeeded",
        ),
    ],
)
def test_what_is_no_mattermost_is_told_by_what_it_is(seen: dict[str, Any], said: str) -> None:
    with pytest.raises(CommandError) as raised:
        ready(Inventory(migrations=(seen,)), Selection(names=(KEY,)), REQUEST)

    assert raised.value.message == f"installation {said}"


def test_what_has_become_a_mattermost_may_be() -> None:
    seen = migration("Mattermost")

    assert ready(Inventory(migrations=(seen,)), Selection(names=(KEY,)), REQUEST) == (seen,)
