"""What goes wrong after a migration has succeeded is told beside it, and heals by itself."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from mattermost_migrate.domain.backup import backup_name
from mattermost_migrate.domain.errors import (
    ForbiddenError,
    InvariantError,
    RejectedError,
    TransientError,
)
from mattermost_migrate.domain.fleet import Standing, standing_of
from mattermost_migrate.domain.names import MATTERMOST, SECRET, Resource
from mattermost_migrate.domain.objects import Existing
from mattermost_migrate.domain.pin import is_pinned
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Part
from mattermost_migrate.domain.writes import Verb, Write, patch
from mattermost_migrate.testing.builders import installed
from mattermost_migrate.testing.ladder import climb

from .lone import KEY, Lone, reconciler, stopped_clock

LONG_AGO = "2026-01-01T00:00:00Z"
UNPIN: dict[str, Any] = {"pinPodTemplate": False}
FINALIZE: dict[str, Any] = {"finalize": True}
REJECTED = RejectedError("patch Mattermost chat/acme: denied by theirs")
FORBIDDEN = ForbiddenError('User "us" cannot patch resource "mattermosts"')
BROKEN = TransientError('patch Mattermost chat/acme: 500: failed calling webhook "theirs"')
CHANGED = InvariantError("backup Secret chat/acme-migration-backup was changed")
#: Each with the reason by which it is told, and the seconds for which it may pass by itself.
ERRORS = (
    pytest.param(REJECTED, "Rejected", 0.0, id="rejected"),
    pytest.param(FORBIDDEN, "Forbidden", 20.0, id="forbidden"),
    pytest.param(CHANGED, "InternalError", 0.0, id="a promise of ours that broke"),
    pytest.param(BROKEN, "Unavailable", 60.0, id="5xx"),
)


class Arrived(Lone):
    """Has been a Mattermost for weeks when something is asked of it.

    Attributes:
        failing: what writes of a kind end in.
    """

    def __init__(self, **spec: Any) -> None:
        super().__init__(None)
        self.cluster = installed()
        climb(self.cluster)
        self.failing: dict[Resource, Exception] = {}
        self.migration["metadata"]["generation"] = 2
        self.migration["spec"] |= {"pinPodTemplate": True, "onFailure": "RollBack", **spec}
        told = [("Succeeded", "Succeeded"), ("Validated", "Validated")]
        self.migration["status"] = {
            "observedGeneration": 1,
            "startTime": LONG_AGO,
            "completionTime": LONG_AGO,
            "pinnedGeneration": self.mattermost["metadata"]["generation"],
            "backup": {"secretName": backup_name("acme"), "digest": "sha256:1"},
            "conditions": [
                {
                    "type": kind,
                    "status": "True",
                    "reason": reason,
                    "message": "",
                    "observedGeneration": 1,
                    "lastTransitionTime": LONG_AGO,
                }
                for kind, reason in told
            ],
        }

    @property
    def mattermost(self) -> dict[str, Any]:
        found = self.cluster.find(MATTERMOST, "acme")
        assert found is not None
        return found

    @property
    def backed_up(self) -> bool:
        return self.cluster.find(SECRET, backup_name("acme")) is not None

    def owner(self, kind: Resource) -> dict[str, Any] | None:
        return self.cluster.find(kind, "acme")

    async def look(self, migration: Any) -> Snapshot:
        await super().look(migration)
        return dataclasses.replace(self.cluster.look("acme"), migration=migration)

    async def closer(self, seen: Snapshot, part: Part) -> Snapshot:
        assert part is Part.EXISTING
        return dataclasses.replace(seen, existing=Existing.of(self.cluster.all(SECRET)))

    def doubt(self, *_: object) -> None:
        pass

    def note(self, *told: Any) -> None:
        if len(told) == 1:
            super().note(*told)

    async def patch(self, resource: Any, *key: Any, **options: Any) -> dict[str, Any]:
        if resource is not MATTERMOST:
            return await super().patch(resource, *key, subresource=options["subresource"])
        _, name, body = key
        self._write(patch(resource, name, body))
        return self.mattermost

    async def delete(self, resource: Any, *key: Any, **_: Any) -> dict[str, Any]:
        self._write(Write(Verb.DELETE, resource, key[1]))
        self.cluster.settle()
        return {"kind": "Status"}

    def _write(self, write: Write) -> None:
        if error := self.failing.get(write.resource):
            raise error
        self.cluster.apply(write)

    def told(self, kind: str) -> tuple[str, str]:
        found = self.condition(kind)
        return found.get("status", ""), found.get("reason", "")

    def assert_succeeded(self) -> None:
        """For the spec as it is now, with all that was told of the migration itself."""
        assert self.told("Succeeded") == ("True", "Succeeded")
        assert self.condition("Succeeded")["observedGeneration"] == 2
        assert self.told("Validated") == ("True", "Validated")
        assert self.condition("Stalled") == {}
        status = self.migration["status"]
        assert status["completionTime"] == LONG_AGO
        assert "failure" not in status
        assert "currentStep" not in status
        assert standing_of(self.migration) is Standing.SUCCEEDED


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return stopped_clock(monkeypatch, "controller.lasting", "controller.report")


def passes(cluster: Arrived, clock: list[float], patience: float) -> list[float | None]:
    """Passes until nobody hopes any more that it passes by itself, and one beyond that.

    Returns:
        After how many seconds to look again, by each of the last two.
    """

    async def main() -> list[float | None]:
        ours = reconciler(cluster)
        for _ in range(2 if patience else 0):
            with pytest.raises(TransientError):
                await ours.reconcile(KEY)
            clock[0] += patience / 2
        return [await ours.reconcile(KEY) for _ in range(2)]

    return asyncio.run(main())


@pytest.mark.parametrize(("error", "reason", "patience"), ERRORS)
@pytest.mark.parametrize(
    "wish",
    [
        pytest.param((UNPIN, "Unpinned", MATTERMOST), id="unpin"),
        pytest.param((FINALIZE, "Finalized", SECRET), id="finalize"),
    ],
)
def test_what_hinders_a_wish_is_told_by_its_own_condition_until_it_goes(
    wish: tuple[dict[str, Any], str, Resource],
    error: Exception,
    reason: str,
    patience: float,
    clock: list[float],
) -> None:
    asked, kind, resource = wish
    cluster = Arrived(**asked)
    cluster.failing[resource] = error

    assert passes(cluster, clock, patience) == [2.0, 2.0]

    cluster.assert_succeeded()
    assert cluster.told(kind) == ("False", reason)
    assert cluster.condition(kind)["message"] == str(error)
    assert (cluster.writes, cluster.events) == (1, [f"{reason}: {error}"])
    cluster.failing.clear()
    assert passes(cluster, clock, 0.0) == [None, None]
    cluster.assert_succeeded()
    assert cluster.told(kind) == ("True", kind)


@pytest.mark.parametrize(("error", "reason", "patience"), ERRORS)
def test_what_keeps_it_from_looking_is_told_by_whatever_is_still_to_be_done(
    error: Exception, reason: str, patience: float, clock: list[float]
) -> None:
    """As where the backup was changed, or cannot be read."""
    cluster = Arrived(**FINALIZE)
    cluster.error = error

    assert passes(cluster, clock, patience) == [2.0, 2.0]

    cluster.assert_succeeded()
    assert cluster.told("Finalized") == ("False", reason)
    assert cluster.condition("Unpinned") == {}, "nobody asked for that"
    assert "finalizedTime" not in cluster.migration["status"]
    assert cluster.migration["status"]["backup"]["digest"] == "sha256:1"
    assert (cluster.writes, cluster.events) == (1, [f"{reason}: {error}"])
    cluster.error = None
    assert passes(cluster, clock, 0.0) == [None, None]
    assert cluster.told("Finalized") == ("True", "Finalized")


def test_one_wish_does_not_wait_for_another() -> None:
    cluster = Arrived(**UNPIN, **FINALIZE)
    cluster.failing[MATTERMOST] = REJECTED

    asyncio.run(reconciler(cluster).reconcile(KEY))

    cluster.assert_succeeded()
    assert cluster.told("Unpinned") == ("False", "Rejected")
    assert cluster.told("Finalized") == ("True", "Finalized")
    assert not cluster.backed_up


def test_a_pin_that_an_edit_has_outlived_is_dropped_once_that_is_let_through(
    clock: list[float],
) -> None:
    """The generation of the Mattermost that was last in order tells that it is still to be done."""
    cluster = Arrived()
    cluster.migration["metadata"]["generation"] = 1
    cluster.cluster.apply(patch(MATTERMOST, "acme", {"spec": {"version": "7.8.16"}}))
    cluster.failing[MATTERMOST] = REJECTED

    for again in range(2):
        assert passes(cluster, clock, 0.0) == [2.0, 2.0], again
        assert cluster.told("Unpinned") == ("False", "Rejected")
    assert cluster.told("Succeeded") == ("True", "Succeeded")

    cluster.failing.clear()
    assert passes(cluster, clock, 0.0) == [None, None]
    assert not is_pinned(cluster.mattermost)
    assert cluster.condition("Unpinned") == {}
    assert cluster.told("Succeeded") == ("True", "Succeeded")


def test_an_error_that_nobody_foresaw_is_no_failure_of_what_succeeded() -> None:
    cluster = Arrived(**UNPIN)
    cluster.failing[MATTERMOST] = KeyError("0x7f12")

    with pytest.raises(KeyError):
        asyncio.run(reconciler(cluster).reconcile(KEY))

    cluster.assert_succeeded()
    assert cluster.told("Unpinned") == ("False", "InternalError")


def test_a_problem_that_stays_is_looked_at_less_and_less_often(clock: list[float]) -> None:
    cluster = Arrived(**UNPIN)
    cluster.failing[MATTERMOST] = REJECTED
    passes(cluster, clock, 0.0)
    cluster.condition("Unpinned")["lastTransitionTime"] = LONG_AGO

    assert passes(cluster, clock, 0.0) == [60.0, 60.0]
