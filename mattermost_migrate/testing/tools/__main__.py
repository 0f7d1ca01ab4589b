"""``make tools``: build what is missing, and say so while it goes."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from mattermost_migrate.testing.tools import TOOLS, Tool, ToolError, ready

__all__ = ["Screen", "main"]


class Screen:
    """Progress for a person: a moving line a tool on a terminal, two plain lines when piped."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bars = Bars(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.fields[tool]:<24} {task.fields[version]:<9}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.description}", markup=True),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self._lines: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def started(self, tool: Tool) -> None:
        """Open the tool's line."""
        self._began[tool.name], self._lines[tool.name] = time.monotonic(), 0
        self._tasks[tool.name] = self._bars.add_task(
            "", total=1, tool=tool.name, version=tool.version
        )
        if not self._console.is_terminal:
            self._console.print(f"Building {tool.name} {tool.version} …", highlight=False)

    def said(self, tool: Tool, line: str) -> None:
        """Show the last thing the compiler said, and how many things it said."""
        self._lines[tool.name] += 1
        shown = escape(f"{self._lines[tool.name]:>4}  {line}")
        self._bars.update(self._tasks[tool.name], description=shown)

    def finished(self, tool: Tool) -> None:
        """Close the tool's line."""
        self._bars.update(self._tasks[tool.name], completed=1, description="")
        if not self._console.is_terminal:
            seconds = time.monotonic() - self._began[tool.name]
            self._console.print(f"Built {tool.name} in {seconds:.1f} s", highlight=False)


def main() -> int:
    """Build the named tools (default: all) and print where they are."""
    parser = argparse.ArgumentParser(prog="make tools", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TOOL", help=f"of: {', '.join(TOOLS)}")
    names = parser.parse_args().names or list(TOOLS)
    if unknown := set(names) - set(TOOLS):
        parser.error(f"no such tool: {', '.join(sorted(unknown))}; there are {', '.join(TOOLS)}")
    try:
        with Screen() as screen:
            toolbox = ready(names, screen)
    except ToolError as problem:
        Console(stderr=True).print(str(problem), style="red", markup=False, highlight=False)
        return 1
    for name in names:
        Console().print(
            f"{name:<24} {toolbox[name]}", soft_wrap=True, markup=False, highlight=False
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
