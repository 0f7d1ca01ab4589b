"""Whether the time that fleets take grows with their number, and with nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

__all__ = ["line"]

#: How far a run may be off the line: chosen, not measured.
_WITHIN: Final = 0.15


def line(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The straight line through the runs, and whether each of them lies on it.

    It is the one that is off by the least parts, as it is judged: by seconds, the longest run alone
    would say where it begins.

    Args:
        rows: of one strategy, with ``installations`` and ``seconds``.

    Returns:
        Seconds that each installation adds, seconds at the beginning, how far off the line each
        run was as a part of what the line says, and whether all are near enough; None for less
        than three runs, through which there is always a line, or nearly so.
    """
    counts = [float(row["installations"]) for row in rows]
    if len(set(counts)) < 3:  # noqa: PLR2004 - two points are always on a line
        return None
    seconds = [float(row["seconds"]) for row in rows]
    each, first = _fitted(counts, seconds)
    off = [
        round(took / (first + each * count) - 1, 3)
        for count, took in zip(counts, seconds, strict=True)
    ]
    return {
        "secondsEach": round(each, 3),
        "secondsBefore": round(first, 1),
        "off": off,
        "straight": all(abs(part) <= _WITHIN for part in off),
    }


def _fitted(counts: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """Slope and beginning of the line with the least sum of squared relative errors."""
    weights = [1 / took**2 for took in seconds]
    total = sum(weights)
    middle = sum(w * x for w, x in zip(weights, counts, strict=True)) / total
    height = sum(w * y for w, y in zip(weights, seconds, strict=True)) / total
    spread = sum(w * (x - middle) ** 2 for w, x in zip(weights, counts, strict=True))
    both = sum(
        w * (x - middle) * (y - height) for w, x, y in zip(weights, counts, seconds, strict=True)
    )
    each = both / spread
    return each, height - each * middle
