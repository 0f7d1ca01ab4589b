from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from controller.fleet import FleetReconciler
from controller.verdicts import Verdicts
from controller.worker import UnsuccessfulError
from mattermost_migrate.domain.errors import (
    ForbiddenError,
    RejectedError,
    TransientError,
)
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    Condition,
)
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.reported import condition_status
from mattermost_migrate.domain.writes import fence
from mattermost_migrate.testing.fleets import fleet


class Memory:
    """The informer of one FleetMigration."""

    def __init__(self, known: JsonObject) -> None:
        self.fleet = known

    def get(self, *_: object) -> JsonObject:
        return self.fleet

    def note(self, obj: JsonObject) -> None:
        self.fleet = obj

    def subscribe(self, _: object) -> None:
        pass


class Cluster:
    """Where something goes wrong when the members are read; it takes status and events."""

    def __init__(self, error: Exception) -> None:
        selected = {"type": Condition.TARGETS_SELECTED, "status": "True"}
        self.memory = Memory({**fleet(), "status": {"conditions": [selected], "passedOver": 7}})
        self.error = error
        self.writes = 0
        self.events: list[str] = []

    async def get(self, *_: object) -> JsonObject:
        return self.memory.fleet

    async def list(self, *_: object, **__: object) -> None:
        raise self.error

    async def patch(self, *key: object, subresource: str) -> JsonObject:
        *where, body = key
        known = self.memory.fleet
        assert (*where, subresource) == (FLEET_MIGRATION, None, known["metadata"]["name"], "status")
        assert isinstance(body, Mapping)
        assert body["metadata"] == fence(known)
        self.writes += 1
        return {**known, "status": {**known["status"], **body["status"]}}

    def record(self, _: object, reason: str, note: str, **__: object) -> None:
        self.events.append(f"{reason}: {note}")

    def reconciler(self) -> FleetReconciler:
        kinds = (FLEET_MIGRATION, INSTALLATION_MIGRATION, CLUSTER_INSTALLATION, MATTERMOST)
        given: Any = (self, dict.fromkeys(kinds, self.memory), self, Verdicts())
        return FleetReconciler(*given)

    def passes(
        self,
        count: int,
        raised: type[Exception] | None = None,
        by: FleetReconciler | None = None,
    ) -> None:
        async def main() -> None:
            reconciler = by or self.reconciler()
            for _ in range(count):
                with pytest.raises(raised or type(self.error)):
                    await reconciler.reconcile(("", "all"))

        asyncio.run(main())


def test_an_error_that_nobody_foresaw_is_told_once() -> None:
    cluster = Cluster(KeyError("0x7f12"))

    cluster.passes(3)

    told = condition_status(cluster.memory.fleet, Condition.SUCCEEDED)
    assert told is not None
    assert (told["status"], told["reason"]) == ("Unknown", "InternalError")
    assert "KeyError" in told["message"]
    assert "0x7f12" not in str(cluster.memory.fleet), "it may be another text each time"
    assert condition_status(cluster.memory.fleet, Condition.STALLED)
    assert condition_status(cluster.memory.fleet, Condition.TARGETS_SELECTED), "selected again"
    assert cluster.writes == len(cluster.events) == 1


def test_what_passes_by_itself_is_told_of_nowhere() -> None:
    cluster = Cluster(TransientError("busy"))

    cluster.passes(2)

    assert (cluster.writes, cluster.events) == (0, [])


def test_what_does_not_pass_is_told_of_after_a_minute_and_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody's webhook is down, and one who was selected cannot be made a member."""
    cluster, clock = Cluster(TransientError("failed calling webhook")), [100.0]
    monkeypatch.setattr("controller.lasting.time", SimpleNamespace(monotonic=lambda: clock[0]))
    ours = cluster.reconciler()

    for at, writes in ((100.0, 0), (159.9, 0), (160.0, 1), (190.0, 1)):
        clock[0] = at
        cluster.passes(1, by=ours)
        assert cluster.writes == len(cluster.events) == writes, at

    told = condition_status(cluster.memory.fleet, Condition.STALLED)
    assert told is not None
    assert (told["reason"], told["message"]) == ("Unavailable", "failed calling webhook")


@pytest.mark.parametrize(
    ("error", "reason"),
    [(RejectedError("no more of these"), "Rejected"), (ForbiddenError("no right"), "Forbidden")],
    ids=["rejected", "forbidden"],
)
def test_what_the_api_server_will_not_have_is_told_of_once(error: Exception, reason: str) -> None:
    cluster = Cluster(error)

    cluster.passes(3, UnsuccessfulError)

    told = condition_status(cluster.memory.fleet, Condition.SUCCEEDED)
    assert told is not None
    assert (told["status"], told["reason"], told["message"]) == ("Unknown", reason, str(error))
    assert cluster.writes == len(cluster.events) == 1
