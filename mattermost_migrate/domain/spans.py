"""Spans of time: of as many seconds as a spec says, and those that double."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

__all__ = ["LONGEST", "OUTAGE", "doubled", "span"]

#: Ten years: as good as never, and no sum with it leaves the calendar. It is the most in our CRDs,
#: too, but an object may have been stored before they said so; ``int32`` itself bounds nothing
#: before Kubernetes 1.36 (kubernetes/kubernetes#136091).
LONGEST: Final = 315_360_000
#: Seconds for which requests may be answered by 5xx before a person is told. An API server that
#: starts anew is no news; somebody's admission webhook that is down for good is.
OUTAGE: Final = 60.0


def span(seconds: Any) -> timedelta:
    """So many seconds, at most ``LONGEST``."""
    return timedelta(seconds=min(int(seconds), LONGEST))


def doubled(first: float, times: int, longest: float) -> float:
    """The first pause, doubled so many times, at most the longest: a back-off without jitter."""
    return min(longest, first * 2.0 ** min(times, 32))
