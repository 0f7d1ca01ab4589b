"""What kind of screen we write to, and the way to write on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["coloured", "console", "counting", "interactive", "now", "say"]


def interactive() -> bool:
    """Whether a person sees what we print: only then anything is redrawn or coloured."""
    return sys.stdout.isatty()


def now() -> datetime:
    """The time, for ages and durations."""
    return datetime.now(UTC)


def say(text: str, *, err: bool = False) -> None:
    """Print a line at once, also into a pipe."""
    print(text, file=sys.stderr if err else sys.stdout, flush=True)


def coloured(text: str, code: str) -> str:
    """The text with an SGR code around it, where a person sees it and wants colour."""
    if not code or not interactive() or os.environ.get("NO_COLOR"):
        return text
    if os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{code}m{text}\x1b[0m"


def console() -> Console:
    """The terminal as rich sees it; NO_COLOR and TERM=dumb are honoured there."""
    from rich.console import Console  # noqa: PLC0415 - only where something is drawn

    return Console(highlight=False)


@contextmanager
def counting() -> Iterator[Callable[[int, int], None]]:
    """A count in one line of stderr, gone in the end; nothing where nobody looks."""
    if not sys.stderr.isatty():
        yield lambda _done, _all: None
        return

    def tick(done: int, of: int) -> None:
        sys.stderr.write(f"\rchecking {done}/{of} …")
        sys.stderr.flush()

    try:
        yield tick
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
