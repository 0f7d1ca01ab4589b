"""Ctrl-C while somebody looks on: the terminal gives it to us alone.

As a signal it would end Helm, which started us, in the same moment: the shell writes its prompt
into the view that is about to be removed, and sees 130 instead of our exit code.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

__all__ = ["own_interrupt"]

_LOCAL_FLAGS: Final = 3
_CHARACTERS: Final = 6
_MOST_KEYS: Final = 1024


@contextmanager
def own_interrupt() -> Iterator[None]:
    """Within the block Ctrl-C is ours; what else is typed is neither shown nor kept.

    Without a terminal, and in the background, nothing changes: there it stays a signal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty() and _in_front()):
        yield
        return
    import termios  # noqa: PLC0415 - there is none on Windows

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    interrupt = before[_CHARACTERS][termios.VINTR]
    termios.tcsetattr(descriptor, termios.TCSADRAIN, _unsignalled(before))
    loop = asyncio.get_running_loop()

    def read() -> None:
        if not _in_front():
            loop.remove_reader(descriptor)  # what is typed is the shell's now
        elif interrupt in os.read(descriptor, _MOST_KEYS):
            signal.raise_signal(signal.SIGINT)

    def give_back() -> None:
        if _in_front():  # else the shell has its own settings by now
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    def end() -> None:
        give_back()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(descriptor, read)
    loop.add_signal_handler(signal.SIGTERM, end)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_reader(descriptor)
        give_back()


def _in_front() -> bool:
    """Whether the terminal is ours to read and to set."""
    with contextlib.suppress(OSError):
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    return False


def _unsignalled(attributes: list[Any]) -> list[Any]:
    """The terminal's settings with Ctrl-C as a key like any other; Ctrl-Z stays what it is."""
    import termios  # noqa: PLC0415 - there is none on Windows

    changed = [*attributes]
    characters = [*attributes[_CHARACTERS]]
    characters[termios.VINTR] = bytes([os.fpathconf(sys.stdin.fileno(), "PC_VDISABLE")])
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    changed[_CHARACTERS] = characters
    changed[_LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO)
    return changed
