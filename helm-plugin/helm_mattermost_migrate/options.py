"""Arguments that several commands share, declared once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from helm_mattermost_migrate.connection import connection_options
from helm_mattermost_migrate.durations import parse_seconds
from helm_mattermost_migrate.selection import Selection, SelectionError

__all__ = [
    "Duration",
    "asking",
    "check_fleet_alone",
    "check_following",
    "output_option",
    "parse_selection",
    "selecting",
]

F = TypeVar("F", bound=Callable[..., Any])
_SELECTING = ("labels", "all_namespaces", "namespaces", "everything")


class Duration(click.ParamType[float]):
    """``90``, ``90s``, ``5m``, ``1h30m``; the value is in seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it, or fail as a usage error."""
        if isinstance(value, float):
            return value
        try:
            return parse_seconds(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def output_option(*formats: str) -> Callable[[F], F]:
    """``-o``; the first format is the default."""
    return click.option(
        "-o",
        "--output",
        "output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How to print.",
    )


def selecting(command: F) -> F:
    """Names, ``-l``, ``-A``, ``--namespaces``, ``--all`` and the connection flags."""
    for decorate in reversed(
        (
            click.argument("names", nargs=-1, metavar="[NAME…]"),
            click.option("-l", "--selector", "labels", default="", help="Label selector."),
            click.option("-A", "--all-namespaces", is_flag=True, help="Look in every namespace."),
            click.option(
                "--namespaces", default="", metavar="A,B", help="Look in these namespaces."
            ),
            click.option(
                "--all",
                "everything",
                is_flag=True,
                help="Every installation of every namespace.",
            ),
            connection_options,
        )
    ):
        command = decorate(command)
    return command


def asking(command: F) -> F:
    """``--yes``, ``--timeout`` and ``--no-wait``."""
    for decorate in reversed(
        (
            click.option("-y", "--yes", is_flag=True, help="Begin without asking."),
            click.option(
                "--timeout", type=Duration(), help="Stop following after this time: 90s, 5m, 1h30m."
            ),
            click.option("--no-wait", is_flag=True, help="Start it, and do not follow."),
        )
    ):
        command = decorate(command)
    return command


def check_following(arguments: Mapping[str, Any]) -> None:
    """Refuse a time for what is not followed; to be called before anything is written.

    Raises:
        click.UsageError: both ``--no-wait`` and ``--timeout`` are given.
    """
    if arguments["no_wait"] and arguments["timeout"] is not None:
        raise click.UsageError("--timeout goes with following, which --no-wait leaves out")


def check_fleet_alone(arguments: Mapping[str, Any]) -> None:
    """Refuse to select beside ``--fleet``.

    Raises:
        click.UsageError: what a ``selecting`` command selects is given, too.
    """
    if any(arguments[name] for name in ("names", *_SELECTING)):
        raise click.UsageError("--fleet says which ones already: leave the rest out")


def parse_selection(arguments: Mapping[str, Any], *, namespace: str) -> Selection:
    """What the arguments of a ``selecting`` command select.

    Raises:
        click.UsageError: they contradict each other.
    """
    try:
        return Selection.parse(
            arguments["names"],
            namespace=namespace,
            **{name: arguments[name] for name in _SELECTING},
        )
    except SelectionError as error:
        raise click.UsageError(str(error)) from error
