"""Go's durations: read in any spelling, written in one (operator facts 1, 3.4)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

__all__ = ["canonical"]

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_LONGEST: Final = 2**63 - 1
_PIECE: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_WHOLE: Final = re.compile(rf"(?P<sign>[+-]?)(?P<pieces>(?:{_PIECE.pattern})+)")


def canonical(text: str) -> str:
    """Write a duration as Go does: ``5m`` becomes ``5m0s``.

    Raises:
        ValueError: it is not a duration.
    """
    if text in {"0", "+0", "-0"}:
        return "0s"
    match = _WHOLE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a duration: {text!r}")
    total = sum(
        int(Decimal(number) * _NANOSECONDS[unit])
        for number, unit in _PIECE.findall(match["pieces"])
    )
    if total > _LONGEST:
        raise ValueError(f"not a duration: {text!r}")
    sign = "-" if match["sign"] == "-" and total else ""
    return sign + _write(total)


def _write(total: int) -> str:
    if total == 0:
        return "0s"
    for unit in ("s", "ms", "µs"):
        if total >= _NANOSECONDS[unit]:
            break
    else:
        return f"{total}ns"
    if unit != "s":
        return _number(total, _NANOSECONDS[unit]) + unit
    minutes, rest = divmod(total, _NANOSECONDS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds = _number(rest, _NANOSECONDS["s"]) + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _number(value: int, unit: int) -> str:
    text = f"{Decimal(value) / unit:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
