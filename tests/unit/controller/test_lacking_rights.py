"""A right that the controller lacks: told when it stays, and not while an API server reads it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from controller.migrate import MigrationReconciler
from mattermost_migrate.domain.errors import ForbiddenError, TransientError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
)
from mattermost_migrate.domain.snapshot import Snapshot

KEY = ("chat", "acme")
LACKED = ForbiddenError('list pods: User "us" cannot list resource "pods"')


class Cluster:
    """Holds one InstallationMigration, and lets nobody look."""

    def __init__(self) -> None:
        self.migration: dict[str, Any] = {
            "metadata": {
                "namespace": "chat",
                "name": "acme",
                "uid": "u-1",
                "resourceVersion": "1",
                "generation": 1,
            },
            "spec": {"desiredKind": "Mattermost"},
        }
        self.error: Exception | None = LACKED

    def get(self, *_: str) -> dict[str, Any]:
        return self.migration

    def note(self, obj: dict[str, Any]) -> None:
        self.migration = obj

    async def patch(self, *words: Any, **_: Any) -> dict[str, Any]:
        return {**self.migration, "status": words[-1]["status"]}

    async def look(self, _: object) -> Snapshot:
        if self.error:
            raise self.error
        return Snapshot(migration=self.migration, target_kind=MATTERMOST.kind)

    def subscribe(self, _: object) -> None:
        pass

    def record(self, *_: object, **__: object) -> None:
        pass

    def forget(self, _: object) -> None:
        pass

    def reason(self) -> str | None:
        conditions = self.migration.get("status", {}).get("conditions", ())
        return next((each["reason"] for each in conditions if each["type"] == "Succeeded"), None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("controller.migrate.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def reconciler(cluster: Any) -> MigrationReconciler:
    kinds = (INSTALLATION_MIGRATION, CLUSTER_INSTALLATION, MATTERMOST)
    return MigrationReconciler(
        cluster,
        dict.fromkeys(kinds, cluster),
        cluster,
        cluster,
        asyncio.Lock(),
        progressed=lambda _: None,
    )


def test_it_is_told_when_it_stays(clock: list[float]) -> None:
    cluster = Cluster()

    async def main() -> None:
        ours = reconciler(cluster)
        for at in (100.0, 110.0, 119.9):
            clock[0] = at
            with pytest.raises(TransientError, match="cannot list"):
                await ours.reconcile(KEY)
            assert cluster.reason() is None
        clock[0] = 120.0
        await ours.reconcile(KEY)

    asyncio.run(main())
    assert cluster.reason() == "Forbidden"


def test_of_one_that_came_back_nothing_is_remembered(clock: list[float]) -> None:
    cluster = Cluster()

    async def main() -> None:
        ours = reconciler(cluster)
        for at, error in ((100.0, LACKED), (110.0, None), (200.0, LACKED)):
            clock[0], cluster.error = at, error
            if error is None:
                await ours.reconcile(KEY)
                continue
            with pytest.raises(TransientError):
                await ours.reconcile(KEY)

    asyncio.run(main())
    assert cluster.reason() != "Forbidden"
