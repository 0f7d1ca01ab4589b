"""Maintenance windows, by the clocks of the places they name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mattermost_migrate.domain.fleet.windows import closed, faults, next_opening
from mattermost_migrate.testing.fleets import fleet

HOUR = 3600
NIGHT = {"start": "22:00", "durationSeconds": 6 * HOUR, "timeZone": "Europe/Berlin"}
SATURDAY = {"days": ["Sat"], "start": "22:00", "durationSeconds": 6 * HOUR}
GAP = {"start": "02:30", "durationSeconds": HOUR, "timeZone": "Europe/Berlin"}
WEEK = {"days": ["Mon"], "start": "00:00", "durationSeconds": 7 * 24 * HOUR}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "now", "is_open"),
    [
        pytest.param(NIGHT, "2026-01-15T20:59:59", False, id="a second before"),
        pytest.param(NIGHT, "2026-01-15T21:00:00", True, id="22:00 in Berlin in winter"),
        pytest.param(NIGHT, "2026-07-15T20:00:00", True, id="22:00 in Berlin in summer"),
        pytest.param(NIGHT, "2026-01-16T02:59:59", True, id="after midnight, its last second"),
        pytest.param(NIGHT, "2026-01-16T03:00:00", False, id="its end is not in it"),
        # 2026-01-17 is a Saturday.
        pytest.param(SATURDAY, "2026-01-17T22:00:00", True, id="on its day"),
        pytest.param(SATURDAY, "2026-01-18T03:00:00", True, id="into the next day"),
        pytest.param(SATURDAY, "2026-01-18T22:00:00", False, id="not opened on another day"),
        pytest.param(GAP, "2026-03-29T00:30:00", False, id="the hour that is missing"),
        pytest.param(GAP, "2026-03-29T01:30:00", True, id="an hour later by the clock"),
        pytest.param(GAP, "2026-10-25T00:30:00", True, id="the first of two 02:30"),
        pytest.param(GAP, "2026-10-25T01:30:00", False, id="not the second"),
        pytest.param(WEEK, "2026-01-18T23:59:59", True, id="a window of a week is always open"),
    ],
)
def test_open_or_closed(window: dict[str, Any], now: str, *, is_open: bool) -> None:
    assert (closed(fleet(maintenanceWindows=[window]), at(now)) is None) is is_open


def test_any_open_window_is_enough_and_no_window_is_always_open() -> None:
    now = at("2026-01-15T12:00:00")
    noon = {"start": "12:00", "durationSeconds": 60}

    assert closed(fleet(maintenanceWindows=[NIGHT, noon]), now) is None
    assert closed(fleet(), now) is None
    assert closed(fleet(maintenanceWindows=[]), now) is None


@pytest.mark.parametrize(
    ("windows", "now", "opening"),
    [
        ([NIGHT], "2026-01-15T12:00:00", "2026-01-15T21:00:00"),
        ([SATURDAY], "2026-01-18T22:00:00", "2026-01-24T22:00:00"),
        ([SATURDAY, NIGHT], "2026-01-18T22:00:00", "2026-01-19T21:00:00"),
        ([NIGHT], "2026-01-15T22:00:00", "2026-01-16T21:00:00"),
    ],
)
def test_the_next_opening(windows: list[dict[str, Any]], now: str, opening: str) -> None:
    assert next_opening(windows, at(now)) == at(opening)


def test_who_is_kept_waiting_is_told_until_when() -> None:
    hold = closed(fleet(maintenanceWindows=[NIGHT]), at("2026-01-15T12:00:00"))

    assert hold is not None
    assert hold.until == at("2026-01-15T21:00:00")
    assert hold.message == "no maintenance window is open; the next opens at 2026-01-15T21:00:00Z"


@pytest.mark.parametrize("zone", ["Mars/Base", "../../etc/passwd", "/etc/localtime", "Europe"])
def test_an_unknown_time_zone_is_named_with_its_path(zone: str) -> None:
    subject = fleet(maintenanceWindows=[NIGHT, {**NIGHT, "timeZone": zone}])

    assert [str(each) for each in faults(subject)] == [
        f'spec.maintenanceWindows[1].timeZone: "{zone}" is no time zone of the IANA database'
    ]
