"""Whom a new leader looks at first."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.builtin.beginning import at_rest, in_time, last_changed_first


def installation(kind: str, version: int = 1, **status: Any) -> dict[str, Any]:
    metadata = {"name": f"mm-{version}", "resourceVersion": str(version), "generation": 2}
    return {"kind": kind, "metadata": metadata, "status": status}


@pytest.mark.parametrize(
    ("kind", "status", "locked", "rests"),
    [
        pytest.param("ClusterInstallation", {"state": "stable"}, False, True, id="stable"),
        pytest.param("ClusterInstallation", {"state": "stable"}, True, False, id="in a migration"),
        pytest.param("ClusterInstallation", {"state": "reconciling"}, False, False, id="at work"),
        pytest.param("ClusterInstallation", {}, False, False, id="never looked at"),
        pytest.param(
            "Mattermost", {"state": "stable", "observedGeneration": 2}, False, True, id="as seen"
        ),
        pytest.param(
            "Mattermost", {"state": "stable", "observedGeneration": 1}, False, False, id="edited"
        ),
    ],
)
def test_what_is_at_rest(kind: str, status: Any, locked: bool, rests: bool) -> None:  # noqa: FBT001
    assert at_rest(installation(kind, **status), locked=locked) == rests


def test_the_last_changed_come_at_once_and_the_others_at_a_steady_rate() -> None:
    pauses: list[float] = []
    order = last_changed_first(installation("Mattermost", each) for each in (9, 100, 80, 3))

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def looked() -> list[str]:
        looks = in_time(order, at_once=2, rate=10.0, pause=pause)
        return [each["metadata"]["name"] async for each in looks]

    assert asyncio.run(looked()) == ["mm-100", "mm-80", "mm-9", "mm-3"]
    assert pauses == [0.1, 0.1]
