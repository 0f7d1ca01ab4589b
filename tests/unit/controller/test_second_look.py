"""A refused migration is looked at again soon, and then less and less often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from controller.migrate import second_look
from mattermost_migrate.domain.conditions import timestamp

NOW: Final = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("refused_for", "seconds"),
    [(0, 2.0), (1, 2.0), (10, 10.0), (59, 59.0), (3600, 60.0), (-5, 2.0)],
)
def test_it_waits_as_long_again_as_it_was_refused(refused_for: int, seconds: float) -> None:
    since = timestamp(NOW - timedelta(seconds=refused_for))

    assert second_look({"status": "False", "lastTransitionTime": since}, NOW) == seconds


@pytest.mark.parametrize("summary", [None, {"status": "Unknown"}, {"status": "True"}])
def test_the_first_refusal_is_looked_at_again_at_once(summary: dict[str, str] | None) -> None:
    assert second_look(summary, NOW) == 2.0
