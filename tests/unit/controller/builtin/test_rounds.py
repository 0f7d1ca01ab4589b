"""What is said of a new installation, and when."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from controller.builtin.rounds import Round
from controller.builtin.settled import Resync
from mattermost_migrate.domain.health import Health
from mattermost_migrate.domain.names import MATTERMOST, V1BETA1


@pytest.mark.parametrize(
    ("health", "said"),
    [
        pytest.param(
            Health({"state": "reconciling"}, "rollout not yet started"), False, id="not seen yet"
        ),
        pytest.param(
            Health({"state": "reconciling", "replicas": 1}, "found 0 updated"), True, id="starting"
        ),
        pytest.param(Health({"state": "stable"}), True, id="of no replicas, and stable"),
    ],
)
def test_of_a_new_installation_all_is_told_but_that_nothing_is_seen(
    *, health: Health, said: bool
) -> None:
    stored: list[Any] = []

    async def write(_: object, obj: object, request: object) -> object:
        stored.append(obj)
        return obj

    shop: Any = SimpleNamespace(
        client=SimpleNamespace(replace=lambda *_, **__: None),
        known=SimpleNamespace(write=write, informers={MATTERMOST: ()}),
        resync=Resync(),
    )
    made = {"name": "acme", "creationTimestamp": datetime.now(UTC).isoformat()}

    asyncio.run(Round(shop, MATTERMOST, V1BETA1, {"metadata": made}).report(health))

    assert [obj["status"] for obj in stored] == [health.status] * said
