"""Whether the time that fleets take grows with their number, and with nothing else."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, Final

__all__ = ["line"]

#: How far a run may be off the line: chosen, not measured.
_WITHIN: Final = 0.15


def line(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The straight line through the runs, and whether each of them lies on it.

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
    each, first = statistics.linear_regression(counts, seconds)
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
