"""What the person sees: sections, what is being done, and how long it took.

On a terminal a line moves while something is done; when piped, there are the finished lines alone
and no escape codes.
"""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

__all__ = ["Doing", "Screen"]

_PIPED_WIDTH: Final = 110
_INDENT: Final = 2


class Doing:
    """A line about something under way."""

    def __init__(self, text: str, status: Status | None) -> None:
        self._text = text
        self._status = status

    def now(self, detail: str) -> None:
        """Where it stands; seen on a terminal alone."""
        if self._status is not None:
            self._status.update(Text(f"{self._text}  {detail}"))


class Screen:
    """Everything that the demo prints goes through here."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _console()
        self._sections = 0
        self.began = time.monotonic()

    def section(self, title: str, why: str) -> None:
        """Open a section: what comes now, and why one should care."""
        self._sections += 1
        self.console.print()
        self.console.rule(
            Text(f"{self._sections}  {title}", style="bold cyan"), align="left", style="cyan"
        )
        self.console.print(Text(why, style="dim"))
        self.console.print()

    @contextmanager
    def doing(self, text: str) -> Iterator[Doing]:
        """Show that something is being done; then that it is done, and in what time."""
        began = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(Text(text)) as status:
                yield Doing(text, status)
        else:
            yield Doing(text, None)
        self.done(text, seconds=time.monotonic() - began)

    def done(self, text: str, *, seconds: float | None = None) -> None:
        """One finished thing."""
        line = Text("  ").append("✓ ", style="green").append(text)
        if seconds is not None:
            line.append(f"  {seconds:.1f} s", style="dim")
        self.console.print(line)

    def broken(self, text: str) -> None:
        """One thing that is not as promised."""
        self.console.print(Text("  ").append("✗ ", style="bold red").append(text), soft_wrap=True)

    def command(self, text: str) -> None:
        """A command as one would type it, set apart from what was before."""
        self.console.print()
        self.console.print(Text("$ ", style="dim").append(text, style="bold"), soft_wrap=True)

    def answer(self, text: str) -> None:
        """What was answered to a command."""
        filled = textwrap.fill(text, self.console.width - _INDENT, break_on_hyphens=False)
        self.console.print(Text(textwrap.indent(filled, " " * _INDENT), style="yellow"))

    def text(self, text: str = "") -> None:
        """A plain text."""
        self.console.print(Text(text))

    def table(self, table: Table) -> None:
        """A table; when piped, without the spaces that fill its lines."""
        if self.console.is_terminal:
            self.console.print(table)
            return
        with self.console.capture() as drawn:
            self.console.print(table)
        self.lines("\n".join(line.rstrip() for line in drawn.get().splitlines()))

    def lines(self, text: str) -> None:
        """Lines to copy: never wrapped."""
        self.console.print(Text(text), soft_wrap=True)


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_WIDTH
    return console
