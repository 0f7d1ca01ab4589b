"""Seconds of a spec as a span of time, however many the spec says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

__all__ = ["LONGEST", "span"]

#: Ten years: as good as never, and no sum with it leaves the calendar. It is the most in our CRDs,
#: too, but an object may have been stored before they said so; ``int32`` itself bounds nothing
#: before Kubernetes 1.36 (kubernetes/kubernetes#136091).
LONGEST: Final = 315_360_000


def span(seconds: Any) -> timedelta:
    """So many seconds, at most ``LONGEST``."""
    return timedelta(seconds=min(int(seconds), LONGEST))
