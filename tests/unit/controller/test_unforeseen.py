from __future__ import annotations

import asyncio
import copy

import pytest

from mattermost_migrate.domain.errors import RejectedError, StaleError
from mattermost_migrate.domain.snapshot import Snapshot

from .lone import KEY, Lone, reconciler


class Changing(Lone):
    """Whose InstallationMigration is edited while the last write of the wish before is refused."""

    async def look(self, migration: object) -> Snapshot:
        self.migration = copy.deepcopy(self.migration)
        self.migration["metadata"]["generation"] += 1
        return await super().look(migration)


def passes(
    cluster: Lone, count: int, raised: type[Exception] | None = None, *, refused: bool = False
) -> None:
    async def main() -> None:
        ours = reconciler(cluster)
        for _ in range(count):
            assert cluster.error is not None
            if refused:
                assert await ours.reconcile(KEY) == 2.0
                continue
            with pytest.raises(raised or type(cluster.error)):
                await ours.reconcile(KEY)

    asyncio.run(main())


def test_an_error_that_nobody_foresaw_is_told_once_and_turns_nothing_round() -> None:
    cluster = Lone(KeyError("0x7f12"), locked=True)
    passes(cluster, 3)

    assert cluster.condition("Stalled")["status"] == "True"
    assert cluster.condition("Succeeded")["reason"] == "InternalError"
    assert "KeyError" in cluster.condition("Succeeded")["message"]
    assert "0x7f12" not in str(cluster.migration), "it may be another text each time"
    assert "failure" not in cluster.migration["status"], "it goes back"
    assert cluster.writes == len(cluster.events) == 1


def test_a_way_back_that_fails_again_and_again_is_told_once() -> None:
    cluster = Lone(RejectedError("a quota"), locked=True)
    failure = {"observedGeneration": 1, "reason": "Rejected", "message": "another quota"}
    cluster.migration["status"] = {"failure": failure}

    passes(cluster, 3, refused=True)

    assert cluster.condition("Succeeded")["reason"] == "RollbackFailed"
    assert "a quota (rolling back because of" in cluster.condition("Succeeded")["message"]
    assert cluster.events == ["Rejected: a quota"]


def test_what_passes_by_itself_is_told_of_nowhere() -> None:
    cluster = Lone(StaleError("moved"), locked=True)
    passes(cluster, 2)

    assert (cluster.writes, cluster.events) == (0, [])


def test_a_refusal_is_no_answer_to_a_wish_that_came_meanwhile() -> None:
    cluster = Changing(RejectedError("not in this test"), locked=True)
    passes(cluster, 1, StaleError)

    assert (cluster.writes, cluster.events) == (0, [])
