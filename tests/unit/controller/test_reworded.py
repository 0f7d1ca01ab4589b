"""A text that is another one each time, as one that holds a port, makes nobody look more often."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from controller.app import _subscribe, make_informers
from controller.deadline import Reign
from controller.fleet import FleetReconciler
from controller.migrate import MigrationReconciler
from controller.observe import Informers
from controller.verdicts import Verdicts
from controller.worker import Key, Reconcile, work
from controller.workqueue import WorkQueue
from mattermost_migrate.domain.errors import LeaseLostError, TransientError
from mattermost_migrate.domain.names import FLEET_MIGRATION, INSTALLATION_MIGRATION, Condition
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.reported import reworded
from mattermost_migrate.testing import clock
from mattermost_migrate.testing.builders import migration
from mattermost_migrate.testing.fleets import fleet
from mattermost_migrate.testing.simulated_store import merge_patch

#: Simulated seconds; and requests of which nobody needs so many in that time.
WHILE = 600.0
TOO_MANY = 400


class Server:
    """Stores one object, and answers every read by 500, each from another port.

    Attributes:
        asked: how often it was read.
        writes: of its status.
        events: that were recorded.
    """

    def __init__(self, obj: JsonObject) -> None:
        self._obj = obj
        self._versions = itertools.count(1000)
        self.asked = self.writes = self.events = 0

    async def get(self, *_: object) -> JsonObject:
        return self._obj

    async def list(self, *_: object, **__: object) -> None:
        await self.look()

    async def look(self, *_: object) -> None:
        self.asked += 1
        if self.asked > TOO_MANY:
            raise LeaseLostError("it is asked all the time")
        port = 40000 + self.asked
        raise TransientError(f"500: read udp 10.1.2.3:{port}->10.0.0.10:53: i/o timeout")

    async def patch(self, *key: Any, subresource: str) -> JsonObject:
        assert subresource == "status"
        self.writes += 1
        metadata = {**self._obj["metadata"], "resourceVersion": str(next(self._versions))}
        status = merge_patch(self._obj.get("status"), key[-1]["status"])
        self._obj = {**self._obj, "metadata": metadata, "status": status}
        return self._obj

    def record(self, *_: object, **__: object) -> None:
        self.events += 1


def fleets(server: Any, informers: Informers) -> Reconcile:
    return FleetReconciler(server, informers, server, Verdicts()).reconcile


def migrations(server: Any, informers: Informers) -> Reconcile:
    reign = Reign(datetime(2020, 1, 1, tzinfo=UTC))
    return MigrationReconciler(
        server, informers, server, server, Verdicts(), reign=reign, progressed=lambda _: None
    ).reconcile


SELECTED = {"type": Condition.TARGETS_SELECTED, "status": "True"}


@pytest.mark.parametrize(
    ("obj", "resource", "reconciler"),
    [
        pytest.param(
            {**fleet(), "status": {"conditions": [SELECTED]}}, FLEET_MIGRATION, fleets, id="fleet"
        ),
        pytest.param(
            migration(progressDeadlineSeconds=60),
            INSTALLATION_MIGRATION,
            migrations,
            id="one on its own, refused",
        ),
    ],
)
def test_it_is_told_anew_at_each_look_and_no_look_follows_from_that(
    obj: dict[str, Any],
    resource: Any,
    reconciler: Callable[[Any, Informers], Reconcile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    obj["metadata"] |= {"uid": "u", "resourceVersion": "1", "generation": 1}
    server = Server(obj)

    async def main() -> None:
        own = SimpleNamespace(monotonic=asyncio.get_running_loop().time)
        monkeypatch.setattr("controller.lasting.time", own)
        informers = make_informers(None)  # type: ignore[arg-type] - never asked
        queues: tuple[WorkQueue[Key], WorkQueue[Key]] = (WorkQueue(), WorkQueue())
        reconcile = reconciler(server, informers)
        _subscribe(informers, *queues)
        informers[resource].note(obj)
        with suppress(TimeoutError):
            async with asyncio.timeout(WHILE):
                queue = queues[resource is FLEET_MIGRATION]
                await work(queue, reconcile, controller="test", workers=1)

    clock.run(main())
    assert 1 < server.writes <= server.asked
    assert server.events <= server.writes


def told(message: str, **more: Any) -> dict[str, Any]:
    """A fleet that says so."""
    reason = more.pop("reason", "Unavailable")
    condition = {"type": "Stalled", "status": "True", "reason": reason, "message": message}
    metadata = {"name": "all", "resourceVersion": message, **more.pop("metadata", {})}
    return {"metadata": metadata, "spec": {}, "status": {"conditions": [condition], **more}}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param(told("port 2"), True, id="other words"),
        pytest.param(told("port 2", apiWrites=7), True, id="a count of its own writes"),
        pytest.param(told("port 2", reason="Rejected"), False, id="another reason"),
        pytest.param(told("port 2", currentWave=2), False, id="it has come further"),
        pytest.param(told("port 2", metadata={"labels": {"a": "b"}}), False, id="a label"),
        pytest.param({**told("port 2"), "spec": {"paused": True}}, False, id="a wish"),
        pytest.param(told("port 2", metadata={"generation": 3}), False, id="a wish and another"),
    ],
)
def test_only_other_words_are_no_news(after: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - of the table
    assert reworded(told("port 1"), after) == expected
