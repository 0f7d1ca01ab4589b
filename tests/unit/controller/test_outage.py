"""A write that is answered by 5xx for good: told, and given up when its time is over."""

from __future__ import annotations

import asyncio
import copy
from types import SimpleNamespace
from typing import Any

import pytest

from controller.migrate import MigrationReconciler
from mattermost_migrate.domain.errors import TransientError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
)

KEY = ("chat", "acme")
BROKEN = TransientError('create Deployment chat/acme: 500: failed calling webhook "theirs"')


class Cluster:
    """Holds one InstallationMigration, and answers every look as an API server that cannot."""

    def __init__(self, *, locked: bool) -> None:
        self.migration: dict[str, Any] = {
            "metadata": {
                "namespace": "chat",
                "name": "acme",
                "uid": "u-1",
                "resourceVersion": "1",
                "generation": 1,
                "labels": {LOCK_LABEL: "frozen"} if locked else {},
            },
            "spec": {"desiredKind": "Mattermost", "progressDeadlineSeconds": 600},
        }
        self.events: list[str] = []

    def get(self, *_: str) -> dict[str, Any]:
        return self.migration

    def note(self, obj: dict[str, Any]) -> None:
        self.migration = obj

    async def patch(self, *words: Any, **_: Any) -> dict[str, Any]:
        answer = copy.deepcopy(self.migration)
        answer.setdefault("status", {}).update(words[-1]["status"])
        return answer

    async def look(self, _: object) -> None:
        raise BROKEN

    def subscribe(self, _: object) -> None:
        pass

    def record(self, _: object, reason: str, *__: object, **___: object) -> None:
        self.events.append(reason)

    def forget(self, _: object) -> None:
        pass

    def told(self) -> tuple[str, str] | None:
        conditions = self.migration.get("status", {}).get("conditions", ())
        found = [each for each in conditions if each["type"] == "Succeeded"]
        return (found[0]["status"], found[0]["reason"]) if found else None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    for module in ("migrate", "report"):
        own = SimpleNamespace(monotonic=lambda: now[0])
        monkeypatch.setattr(f"controller.{module}.time", own)
    return now


def reconciler(cluster: Any) -> MigrationReconciler:
    kinds = (INSTALLATION_MIGRATION, CLUSTER_INSTALLATION, MATTERMOST)
    informers: Any = dict.fromkeys(kinds, cluster)
    return MigrationReconciler(
        cluster, informers, cluster, cluster, asyncio.Lock(), progressed=lambda _: None
    )


async def fails(ours: MigrationReconciler) -> None:
    with pytest.raises(TransientError, match="theirs"):
        await ours.reconcile(KEY)


def test_it_is_told_when_it_stays_and_given_up_at_its_deadline(clock: list[float]) -> None:
    cluster = Cluster(locked=True)

    async def main() -> None:
        ours = reconciler(cluster)
        for at in (100.0, 159.9):
            clock[0] = at
            await fails(ours)
            assert cluster.told() is None, "an API server that starts anew is no news"
        clock[0] = 160.0
        await fails(ours)
        assert cluster.told() is None, "who has just looked says nothing yet"
        clock[0] = 170.0
        await fails(ours)
        assert cluster.told() == ("Unknown", "Unavailable")
        assert "failed calling webhook" in str(cluster.migration["status"]["conditions"])
        cluster.migration["status"]["currentStepTime"] = "2026-01-01T00:00:00Z"
        assert await ours.reconcile(KEY) == 0.0

    asyncio.run(main())
    failure = cluster.migration["status"]["failure"]
    assert failure["reason"] == "DeadlineExceeded"
    assert "no progress for 600 s" in failure["message"]
    assert "failed calling webhook" in failure["message"]
    assert cluster.events == ["RollingBack"]


def test_what_is_being_deleted_does_not_begin() -> None:
    cluster = Cluster(locked=False)
    cluster.migration["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert asyncio.run(reconciler(cluster).reconcile(KEY)) is None, "it looked"


def test_before_its_first_write_it_is_refused_then_and_has_not_begun(clock: list[float]) -> None:
    cluster = Cluster(locked=False)

    async def main() -> None:
        ours = reconciler(cluster)
        for at in (100.0, 170.0, 699.9):
            clock[0] = at
            await fails(ours)
        assert cluster.told() == ("Unknown", "Unavailable")
        clock[0] = 700.0
        assert await ours.reconcile(KEY) == 2.0

    asyncio.run(main())
    assert cluster.told() == ("False", "Unavailable")
    assert "startTime" not in cluster.migration["status"]
    assert "failure" not in cluster.migration["status"]
