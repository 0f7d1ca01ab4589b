"""A right that the controller lacks: told when it stays, and not while an API server reads it."""

from __future__ import annotations

import asyncio

import pytest

from mattermost_migrate.domain.errors import ForbiddenError, TransientError

from .lone import KEY, Lone, reconciler, stopped_clock

LACKED = ForbiddenError('list pods: User "us" cannot list resource "pods"')


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return stopped_clock(monkeypatch, "controller.lasting")


def test_it_is_told_when_it_stays(clock: list[float]) -> None:
    cluster = Lone(LACKED)

    async def main() -> None:
        ours = reconciler(cluster)
        for at in (100.0, 110.0, 119.9):
            clock[0] = at
            with pytest.raises(TransientError, match="cannot list"):
                await ours.reconcile(KEY)
            assert cluster.condition() == {}
        clock[0] = 120.0
        await ours.reconcile(KEY)

    asyncio.run(main())
    assert cluster.condition()["reason"] == "Forbidden"


def test_of_one_that_came_back_nothing_is_remembered(clock: list[float]) -> None:
    cluster = Lone(LACKED)

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
    assert cluster.condition().get("reason") != "Forbidden"
