from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.targets import Targets
from mattermost_migrate.domain.errors import ForbiddenError, RejectedError
from mattermost_migrate.domain.fleet import Skip
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

    def __init__(self, error: Exception) -> None:
        self.error = error
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
            raise self.error
        return obj


def selected(cluster: Cluster) -> tuple[Skip, ...]:
    kinds = (INSTALLATION_MIGRATION, FLEET_MIGRATION, CLUSTER_INSTALLATION, MATTERMOST)
    targets = Targets(cluster, dict.fromkeys(kinds, cluster))  # type: ignore[arg-type]
    return clock.run(targets.select(FLEET))


def test_a_failure_is_told_when_nobody_is_being_enlisted_any_more() -> None:
    cluster = Cluster(ForbiddenError("no right"))

    with pytest.raises(ForbiddenError):
        selected(cluster)

    assert cluster.enlisted == ["second", "third"]


def test_one_that_the_api_server_will_not_have_is_passed_over() -> None:
    cluster = Cluster(RejectedError("exceeded quota"))

    (skip,) = selected(cluster)

    assert (skip.name, skip.reason, skip.message) == ("first", "Rejected", "exceeded quota")
    assert cluster.enlisted == ["second", "third"]
