"""Times as people read them (ages as kubectl prints them, durations of a run), and machines."""

from __future__ import annotations

import re
from datetime import UTC, datetime

__all__ = ["age", "brief", "parse_seconds", "parse_time", "rfc3339"]

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|m|s)")
_UNITS = {"h": _HOUR, "m": _MINUTE, "s": 1}
_PRECISE_BELOW = 10
_HOURS_BELOW_DAYS = 2


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 time of the API server, or None for what is not one."""
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def rfc3339(moment: datetime | None) -> str | None:
    """A time as machines read it; None when there is none."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def brief(seconds: float) -> str:
    """``0.4s``, ``12s``, ``3m12s``, ``2h5m``, ``3d4h``: two units at most."""
    seconds = max(0.0, seconds)
    if seconds < _PRECISE_BELOW:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    for size, unit, smaller, sub in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "m"),
        (_MINUTE, "m", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size}{unit}{f'{rest}{sub}' if rest else ''}"
    return f"{whole}s"


def age(since: str | None, now: datetime) -> str:
    """How long ago, without fractions; an empty string when unknown."""
    then = parse_time(since)
    if then is None:
        return ""
    seconds = max(0, int((now - then).total_seconds()))
    if seconds >= _HOURS_BELOW_DAYS * _DAY:
        return f"{seconds // _DAY}d"
    return brief(seconds) if seconds >= _PRECISE_BELOW else f"{seconds}s"


def parse_seconds(text: str) -> float:
    """Seconds of ``90``, ``90s``, ``5m`` or ``1h30m``; ValueError for anything else."""
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration; write 90s, 5m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
