"""The command behind ``make demo``: reads the arguments, has the tools, and ends tidily."""

from __future__ import annotations

import argparse
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import requests

from deploy.demo import __doc__ as about
from deploy.demo.programs import BrokenError
from deploy.demo.screen import Screen
from deploy.demo.story import Wishes, tell
from mattermost_migrate.domain.errors import MigrateError
from mattermost_migrate.testing.cluster import ApiError, ProcessError
from mattermost_migrate.testing.tools import TOOLS, ToolError, ready
from mattermost_migrate.testing.tools.__main__ import Screen as Building

__all__ = ["main"]

_INTERRUPTED = 130
_KNOWN = (BrokenError, ProcessError, ToolError, MigrateError, ApiError, TimeoutError, OSError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo.

    Returns:
        0: all that is promised was seen to hold. 1: something was not, or the demo could not go
        on. 130: it was interrupted.
    """
    wishes = _wishes(_parser().parse_args(arguments))
    screen = Screen()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        code = _run(wishes, screen)
    except KeyboardInterrupt:
        screen.text("\nStopped, and tidied up.")
        return _INTERRUPTED
    except (*_KNOWN, requests.RequestException) as problem:
        screen.text()
        screen.broken(str(problem))
        return 1
    screen.text(f"\n{time.monotonic() - screen.began:.0f} s, and nothing of it is left.")
    return code


def _run(wishes: Wishes, screen: Screen) -> int:
    with Building(screen.console) as building:
        tools = ready(TOOLS, building)
    return tell(wishes, tools, screen)


def _interrupt(_number: int, _frame: object) -> None:
    """Once is enough: while everything is being stopped, nobody stops that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _wishes(given: argparse.Namespace) -> Wishes:
    return Wishes(
        ordinary=given.fleet,
        helm=given.helm,
        keep=given.keep,
        kubeconfig=given.kubeconfig,
        yes=given.yes,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.demo",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--fleet", type=_count, default=30, help="ordinary installations (default 30)"
    )
    parser.add_argument(
        "--helm", type=int, choices=(3, 4), default=4, help="which Helm (default 4)"
    )
    parser.add_argument("--keep", action="store_true", help="leave all running until Ctrl-C")
    parser.add_argument(
        "--kubeconfig", type=lambda path: Path(path).expanduser(), help="use an existing cluster"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before using that cluster")
    return parser


def _count(text: str) -> int:
    if not 1 <= (count := int(text)) <= 1000:  # noqa: PLR2004 - what one machine plays
        raise argparse.ArgumentTypeError("must be from 1 to 1000")
    return count
