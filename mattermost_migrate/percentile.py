"""One meaning of a percentile for whoever shows one: a value that was measured, none in between."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

__all__ = ["percentile", "percentile_of_counts"]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def percentile_of_counts(counts: Mapping[int, int], share: float) -> int:
    """The same of values that are told as how often each occurred."""
    rank, seen = max(1, math.ceil(share * sum(counts.values()))), 0
    for value, count in sorted(counts.items()):
        seen += count
        if seen >= rank:
            return value
    raise ValueError("no values")
