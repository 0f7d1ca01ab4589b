"""One InstallationMigration, and an API server that fails in whatever way a test says."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from controller.deadline import Reign
from controller.migrate import MigrationReconciler
from controller.verdicts import Verdicts
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
    Resource,
)
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.testing.simulated_store import merge_patch

KEY = ("chat", "acme")


class Lone:
    """Holds one; as informer, as observer, as client, and as who takes events.

    Attributes:
        error: what every look ends in; None: it shows a snapshot of nothing else.
        writes: of the status, so far.
        events: reason and note of each.
    """

    def __init__(self, error: Exception | None, *, locked: bool = False) -> None:
        self.migration: dict[str, Any] = {
            "metadata": {
                "labels": {LOCK_LABEL: "frozen"} if locked else {},
                "namespace": "chat",
                "name": "acme",
                "uid": "u-1",
                "resourceVersion": "1",
                "generation": 1,
            },
            "spec": {"desiredKind": "Mattermost", "progressDeadlineSeconds": 600},
        }
        self.error = error
        self.writes = 0
        self.events: list[str] = []

    def get(self, namespace: str, name: str) -> dict[str, Any]:
        assert (namespace, name) == KEY
        return self.migration

    def owner(self, _: Resource) -> dict[str, Any] | None:
        """Its custom resource of that kind, as the informer has it."""
        return None

    def note(self, obj: dict[str, Any]) -> None:
        self.migration = obj

    def subscribe(self, _: object) -> None:
        pass

    async def patch(self, _: object, *key: Any, subresource: str) -> dict[str, Any]:
        namespace, name, body = key
        assert (namespace, name, subresource) == (*KEY, "status")
        self.writes += 1
        answer = copy.deepcopy(self.migration)
        answer["status"] = merge_patch(answer.get("status"), body["status"])
        return answer

    def record(self, _: object, reason: str, note: str, **__: object) -> None:
        self.events.append(f"{reason}: {note}")

    async def look(self, _: object) -> Snapshot:
        if self.error:
            raise self.error
        return Snapshot(migration=self.migration, target_kind=MATTERMOST.kind)

    def forget(self, _: object) -> None:
        pass

    def condition(self, kind: str = "Succeeded") -> dict[str, Any]:
        """What the status says of it; empty where it says nothing."""
        conditions = self.migration.get("status", {}).get("conditions", ())
        return next((each for each in conditions if each["type"] == kind), {})


def reconciler(lone: Any) -> MigrationReconciler:
    """Of that one."""
    owners = {
        kind: SimpleNamespace(get=lambda *_, kind=kind: lone.owner(kind))
        for kind in (CLUSTER_INSTALLATION, MATTERMOST)
    }
    informers: Any = {INSTALLATION_MIGRATION: lone, **owners}
    reign = Reign(datetime(2020, 1, 1, tzinfo=UTC))
    return MigrationReconciler(
        lone, informers, lone, lone, Verdicts(), reign=reign, progressed=lambda _: None
    )


def stopped_clock(monkeypatch: pytest.MonkeyPatch, *modules: str) -> list[float]:
    """The monotonic clock of these modules, to be put forward by its one element."""
    now = [100.0]
    for module in modules:
        own = SimpleNamespace(monotonic=lambda: now[0])
        monkeypatch.setattr(f"{module}.time", own)
    return now
