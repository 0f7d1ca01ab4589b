"""Whom a new leader looks at first."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.builtin.beginning import at_rest, in_time


def installation(kind: str, **status: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "acme", "generation": 2}, "status": status}


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
    there = [(each, f"mm-{each}") for each in (9, 100, 80, 3)]

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def looked() -> list[str]:
        return [each async for each in in_time(there, at_once=2, rate=10.0, pause=pause)]

    assert asyncio.run(looked()) == ["mm-100", "mm-80", "mm-9", "mm-3"]
    assert pauses == [0.1, 0.1]
