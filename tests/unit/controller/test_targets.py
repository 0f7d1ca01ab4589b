from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.targets import Targets
from mattermost_migrate.domain.errors import ForbiddenError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
)
from mattermost_migrate.testing import clock
from mattermost_migrate.testing.builders import cluster_installation

FLEET = {
    "metadata": {"name": "wave", "uid": "u-1"},
    "spec": {"desiredKind": "Mattermost", "selector": {"all": True}},
}
NAMES = ("first", "second", "third")


class Cluster:
    """Three installations without a migration; each is enlisted a second after the other."""

    def __init__(self) -> None:
        self.enlisted: list[str] = []

    def items(self) -> list[dict[str, Any]]:
        return [cluster_installation(name) for name in NAMES]

    def get(self, *_: object) -> None:
        return None

    def note(self, obj: dict[str, Any]) -> None:
        self.enlisted.append(obj["metadata"]["name"])

    async def create(self, _: object, obj: dict[str, Any]) -> dict[str, Any]:
        place = NAMES.index(obj["metadata"]["name"])
        await asyncio.sleep(place)
        if place == 0:
            raise ForbiddenError("no right")
        return obj


def test_a_failure_is_told_when_nobody_is_being_enlisted_any_more() -> None:
    async def main() -> list[str]:
        cluster = Cluster()
        kinds = (INSTALLATION_MIGRATION, FLEET_MIGRATION, CLUSTER_INSTALLATION, MATTERMOST)
        targets = Targets(cluster, dict.fromkeys(kinds, cluster))  # type: ignore[arg-type]
        with pytest.raises(ForbiddenError):
            await targets.select(FLEET)
        return list(cluster.enlisted)

    assert clock.run(main()) == ["second", "third"]
