"""Numbers and percentages of a spec, and which way they are rounded."""

from __future__ import annotations

__all__ = ["rounded_down", "rounded_up"]

_WHOLE = 100


def rounded_up(value: int | str, selected: int) -> int:
    """A limit or a size: a percentage of the selected ones rounded up, at least 1."""
    if isinstance(value, int):
        return value
    return max(1, -(-selected * _percent(value) // _WHOLE))


def rounded_down(value: int | str, selected: int) -> int:
    """An allowance: a percentage of the selected ones rounded down, so it may be none at all."""
    if isinstance(value, int):
        return value
    return selected * _percent(value) // _WHOLE


def _percent(value: str) -> int:
    return int(value.removesuffix("%"))
