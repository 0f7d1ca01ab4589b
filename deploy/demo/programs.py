"""Running other programs so that none of them outlives the demo, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

__all__ = ["BrokenError", "run_before_us", "run_quietly"]

_GRACE_SECONDS: Final = 5


class BrokenError(Exception):
    """The demo cannot go on; the message says why."""


def run_quietly(command: Sequence[str | Path], environment: Mapping[str, str]) -> str:
    """Run a program to its end and return what it said on standard output.

    Raises:
        BrokenError: it failed; the message shows all it said.
    """
    with _running(command, environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        out, err = child.communicate()
    if child.returncode:
        words = " ".join(map(str, command))
        raise BrokenError(f"{words} failed:\n{out}{err}".strip())
    return str(out)


def run_before_us(command: Sequence[str | Path], environment: Mapping[str, str]) -> int:
    """Run a program that shows itself on our terminal; returns its exit code."""
    with _running(command, environment) as child:
        return child.wait()


@contextmanager
def _running(
    command: Sequence[str | Path], environment: Mapping[str, str], **streams: Any
) -> Iterator[subprocess.Popen[str]]:
    """A program in a session of its own.

    A Ctrl-C at the terminal so reaches us alone, and we end it with all its own children.
    """
    words = [str(word) for word in command]
    with subprocess.Popen(
        words, env=environment, text=True, start_new_session=True, **streams
    ) as child:
        try:
            yield child
        except BaseException:
            _end(child)
            raise


def _end(child: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_SECONDS)
        os.killpg(child.pid, signal.SIGKILL)
