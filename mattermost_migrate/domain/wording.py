"""Lists in sentences."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["shortened"]


def shortened(words: Sequence[str], most: int) -> str:
    """The first of them, and how many more there are: ``a, b, and 3 more``."""
    more = len(words) - most
    return ", ".join((*words[:most], *([f"and {more} more"] if more > 0 else ())))
