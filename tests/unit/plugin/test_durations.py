"""Times as people read and write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from helm_mattermost_migrate.durations import age, brief, parse_seconds, parse_time

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0.0s"),
        (0.44, "0.4s"),
        (9.96, "10.0s"),
        (12.6, "13s"),
        (59.7, "1m"),
        (192, "3m12s"),
        (3600, "1h"),
        (7500, "2h5m"),
        (273600, "3d4h"),
    ],
)
def test_durations_have_two_units_at_most(seconds: Any, shown: Any) -> None:
    assert brief(seconds) == shown


@pytest.mark.parametrize(
    ("since", "shown"),
    [
        ("2026-11-21T11:59:58Z", "2s"),
        ("2026-11-21T11:58:58Z", "1m2s"),
        ("2026-11-19T11:00:00Z", "2d"),
        ("2026-11-21T12:00:05Z", "0s"),
        ("", ""),
        ("yesterday", ""),
    ],
)
def test_ages_are_kubectls(since: Any, shown: Any) -> None:
    assert age(since, NOW) == shown


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5", 1.5), ("90s", 90), ("5m", 300), ("1h30m", 5400)]
)
def test_durations_are_read(text: Any, seconds: Any) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5x", "m", "5m3", "-5s", "1h 30m"])
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="is no duration; write 90s"):
        parse_seconds(text)


def test_microseconds_of_the_controller_are_kept() -> None:
    assert parse_time("2026-11-21T12:00:00.250000Z").microsecond == 250000
