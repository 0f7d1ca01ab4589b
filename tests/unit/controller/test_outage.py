"""A write that is answered by 5xx for good: told, and given up when its time is over."""

from __future__ import annotations

import asyncio

import pytest

from controller.migrate import MigrationReconciler
from mattermost_migrate.domain.errors import TransientError

from .lone import KEY, Lone, reconciler, stopped_clock

BROKEN = TransientError('create Deployment chat/acme: 500: failed calling webhook "theirs"')


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return stopped_clock(monkeypatch, "controller.lasting", "controller.report")


def told(cluster: Lone) -> tuple[str, str] | None:
    found = cluster.condition()
    return (found["status"], found["reason"]) if found else None


async def fails(ours: MigrationReconciler) -> None:
    with pytest.raises(TransientError, match="theirs"):
        await ours.reconcile(KEY)


def test_it_is_told_when_it_stays_and_given_up_at_its_deadline(clock: list[float]) -> None:
    cluster = Lone(BROKEN, locked=True)

    async def main() -> None:
        ours = reconciler(cluster)
        for at in (100.0, 159.9):
            clock[0] = at
            await fails(ours)
            assert told(cluster) is None, "an API server that starts anew is no news"
        clock[0] = 160.0
        await fails(ours)
        assert told(cluster) is None, "who has just looked says nothing yet"
        clock[0] = 170.0
        await fails(ours)
        assert told(cluster) == ("Unknown", "Unavailable")
        assert "failed calling webhook" in str(cluster.migration["status"]["conditions"])
        cluster.migration["status"]["currentStepTime"] = "2026-01-01T00:00:00Z"
        assert await ours.reconcile(KEY) == 0.0

    asyncio.run(main())
    failure = cluster.migration["status"]["failure"]
    assert failure["reason"] == "DeadlineExceeded"
    assert "no progress for 600 s" in failure["message"]
    assert "failed calling webhook" in failure["message"]
    assert [each.split(":")[0] for each in cluster.events] == ["RollingBack"]


def test_what_is_being_deleted_does_not_begin() -> None:
    cluster = Lone(BROKEN, locked=False)
    cluster.migration["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert asyncio.run(reconciler(cluster).reconcile(KEY)) is None, "it looked"


def test_before_its_first_write_it_is_refused_then_and_has_not_begun(clock: list[float]) -> None:
    cluster = Lone(BROKEN, locked=False)

    async def main() -> None:
        ours = reconciler(cluster)
        # Its rehearsal, of which nothing is stored, was what met the first answer.
        ours._reporter.journal(cluster.migration).begin(())
        for at in (100.0, 170.0, 699.9):
            clock[0] = at
            await fails(ours)
        assert told(cluster) == ("Unknown", "Unavailable")
        clock[0] = 700.0
        assert await ours.reconcile(KEY) == 2.0

    asyncio.run(main())
    assert told(cluster) == ("False", "Unavailable")
    assert "startTime" not in cluster.migration["status"]
    assert "failure" not in cluster.migration["status"]
