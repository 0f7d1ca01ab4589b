from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from controller.migrate import MigrationReconciler
from mattermost_migrate.domain.errors import RejectedError, StaleError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
)

KEY = ("chat", "acme")
LOCKED = {
    "labels": {LOCK_LABEL: "frozen"},
    "namespace": "chat",
    "name": "acme",
    "uid": "u-1",
    "resourceVersion": "1",
}


class Cluster:
    """Holds one InstallationMigration; as informer, as client, and as who takes events."""

    def __init__(self, error: Exception | None) -> None:
        self.migration: dict[str, Any] = {
            "metadata": {**LOCKED, "generation": 1},
            "spec": {"desiredKind": "Mattermost", "progressDeadlineSeconds": 600},
        }
        self.error = error
        self.writes = 0
        self.events: list[str] = []

    def get(self, namespace: str, name: str) -> dict[str, Any]:
        assert (namespace, name) == KEY
        return self.migration

    def note(self, obj: dict[str, Any]) -> None:
        self.migration = obj

    def subscribe(self, _: object) -> None:
        pass

    async def patch(self, _: object, *key: str, subresource: str) -> dict[str, Any]:
        namespace, name, body = key
        assert (namespace, name, subresource) == (*KEY, "status")
        self.writes += 1
        answer = copy.deepcopy(self.migration)
        answer.setdefault("status", {}).update(body["status"])  # type: ignore[index]
        return answer

    def record(self, _: object, reason: str, note: str, **__: object) -> None:
        self.events.append(f"{reason}: {note}")

    async def look(self, _: object) -> None:
        if self.error:
            raise self.error

    def forget(self, _: object) -> None:
        pass


class Changing(Cluster):
    """Whose InstallationMigration is edited while the last write of the wish before is refused."""

    async def look(self, migration: object) -> None:
        self.migration = copy.deepcopy(self.migration)
        self.migration["metadata"]["generation"] += 1
        await super().look(migration)


def passes(
    cluster: Cluster, count: int, raised: type[Exception] | None = None, *, refused: bool = False
) -> None:
    async def main() -> None:
        reconciler = MigrationReconciler(
            cluster,  # type: ignore[arg-type]
            dict.fromkeys((INSTALLATION_MIGRATION, CLUSTER_INSTALLATION, MATTERMOST), cluster),  # type: ignore[arg-type]
            cluster,  # type: ignore[arg-type]
            cluster,  # type: ignore[arg-type]
            asyncio.Lock(),
            progressed=lambda _: None,
        )
        for _ in range(count):
            assert cluster.error is not None
            if refused:
                assert await reconciler.reconcile(KEY) == 2.0
                continue
            with pytest.raises(raised or type(cluster.error)):
                await reconciler.reconcile(KEY)

    asyncio.run(main())


def condition(cluster: Cluster, kind: str) -> dict[str, Any]:
    conditions = cluster.migration["status"]["conditions"]
    return next(each for each in conditions if each["type"] == kind)


def test_an_error_that_nobody_foresaw_is_told_once_and_turns_nothing_round() -> None:
    cluster = Cluster(KeyError("0x7f12"))
    passes(cluster, 3)

    assert condition(cluster, "Stalled")["status"] == "True"
    assert condition(cluster, "Succeeded")["reason"] == "InternalError"
    assert "KeyError" in condition(cluster, "Succeeded")["message"]
    assert "0x7f12" not in str(cluster.migration), "it may be another text each time"
    assert "failure" not in cluster.migration["status"], "it goes back"
    assert cluster.writes == len(cluster.events) == 1


def test_a_way_back_that_fails_again_and_again_is_told_once() -> None:
    cluster = Cluster(RejectedError("a quota"))
    failure = {"observedGeneration": 1, "reason": "Rejected", "message": "another quota"}
    cluster.migration["status"] = {"failure": failure}

    passes(cluster, 3, refused=True)

    assert condition(cluster, "Succeeded")["reason"] == "RollbackFailed"
    assert "a quota (rolling back because of" in condition(cluster, "Succeeded")["message"]
    assert cluster.events == ["Rejected: a quota"]


def test_what_passes_by_itself_is_told_of_nowhere() -> None:
    cluster = Cluster(StaleError("moved"))
    passes(cluster, 2)

    assert (cluster.writes, cluster.events) == (0, [])


def test_a_refusal_is_no_answer_to_a_wish_that_came_meanwhile() -> None:
    cluster = Changing(RejectedError("not in this test"))
    passes(cluster, 1, StaleError)

    assert (cluster.writes, cluster.events) == (0, [])
