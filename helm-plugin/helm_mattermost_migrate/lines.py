"""The view of a run in a pipe or a log: one line a change, no escape codes, nothing redrawn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from helm_mattermost_migrate.progress import Progress, changes
from helm_mattermost_migrate.terminal import now as current_time
from helm_mattermost_migrate.terminal import say

__all__ = ["LineScreen"]


class LineScreen:
    """Prints what changed since the last look.

    Args:
        clock: tells the time; another one in tests.
    """

    def __init__(self, clock: Callable[[], datetime] = current_time) -> None:
        self._clock = clock
        self._shown: Progress | None = None
        self._looked: datetime | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def show(self, progress: Progress) -> None:
        """Print a line for each change."""
        now = self._clock()
        for line in changes(self._shown, progress, now, self._looked):
            self.note(line)
        self._shown, self._looked = progress, now

    def note(self, text: str) -> None:
        """Print a line."""
        say(f"{self._clock():%H:%M:%SZ} {text}")
