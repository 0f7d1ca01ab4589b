"""Maintenance windows: when members may start, by the clocks of the places they name.

The names of time zones are those of the IANA database, which comes with the package ``tzdata``
where the system has none. In the night that clocks are put forward a window that would open in the
missing hour opens an hour later by the clock; in the other night, at the first of both times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mattermost_migrate.domain.conditions import timestamp
from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.fleet.hold import Hold
from mattermost_migrate.domain.names import Reason
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["closed", "faults", "next_opening"]

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
#: The longest window, and with it how far back one that is open may have opened.
_WEEK: Final = 7


def closed(fleet: JsonObject, now: datetime) -> Hold | None:
    """Nobody starts outside all of the windows."""
    windows = fleet["spec"].get("maintenanceWindows")
    if not windows or any(begin <= now < end for begin, end in _stretches(windows, now)):
        return None
    opening = next_opening(windows, now)
    told = f"; the next opens at {timestamp(opening)}" if opening else ""
    return Hold(Reason.OUTSIDE_WINDOW, f"no maintenance window is open{told}", until=opening)


def next_opening(windows: Iterable[Mapping[str, Any]], now: datetime) -> datetime | None:
    """When the next window opens, or None: there is none."""
    return min((begin for begin, _ in _stretches(windows, now) if begin > now), default=None)


def faults(fleet: JsonObject) -> Iterator[Fault]:
    """What is wrong with the windows and the API server cannot see: unknown time zones."""
    for number, window in enumerate(fleet["spec"].get("maintenanceWindows") or ()):
        zone = window.get("timeZone", "UTC")
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            field = f"spec.maintenanceWindows[{number}].timeZone"
            yield Fault(field, f'"{zone}" is no time zone of the IANA database', "Invalid")


def _stretches(
    windows: Iterable[Mapping[str, Any]], now: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Beginning and end, in UTC, of each window around a moment."""
    for window in windows:
        zone = ZoneInfo(window.get("timeZone", "UTC"))
        today = now.astimezone(zone).date()
        start = time.fromisoformat(window["start"])
        for offset in range(-_WEEK - 1, _WEEK + 2):
            day = today + timedelta(days=offset)
            if not window.get("days") or _DAYS[day.weekday()] in window["days"]:
                begin = datetime.combine(day, start, zone).astimezone(UTC)
                yield begin, begin + timedelta(seconds=window["durationSeconds"])
