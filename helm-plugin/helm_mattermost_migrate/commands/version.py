"""``version``: of this command, and of what runs in the cluster."""

from __future__ import annotations

import asyncio
import platform
from importlib.metadata import version
from typing import Any

import click

from helm_mattermost_migrate.connection import Target, connection_options
from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.errors import CommandError
from helm_mattermost_migrate.options import output_option
from helm_mattermost_migrate.server_side import find_leader
from helm_mattermost_migrate.tables import as_json, as_yaml
from helm_mattermost_migrate.terminal import now, say
from mattermost_migrate.domain.errors import ForbiddenError

__all__ = ["command"]


@click.command(
    "version",
    cls=Documented,
    examples=(
        ("", "of this command and of the cluster's side"),
        ("--client", "of this command only; asks no cluster"),
    ),
)
@connection_options
@click.option("--client", is_flag=True, help="Ask no cluster.")
@output_option("table", "json", "yaml")
def command(**arguments: Any) -> int:
    """Print the versions of this command and, where it is reachable, of the cluster's side."""
    found: dict[str, Any] = {
        "client": {
            "version": version("mattermost-migrate"),
            "python": platform.python_version(),
        }
    }
    if not arguments["client"]:
        found["server"] = asyncio.run(_server(arguments))
    _print(found, arguments["output"])
    return 0


async def _server(arguments: dict[str, Any]) -> dict[str, Any]:
    """What the cluster says; an unreachable one is told, and is no failure."""
    try:
        async with Target.of(arguments).client() as client:
            kubernetes = await client.raw("GET", "/version")
            answer: dict[str, Any] = {"kubernetes": str(kubernetes.get("gitVersion") or "")}
            try:
                leader = await find_leader(client, now())
            except ForbiddenError:
                return {**answer, "controller": "not allowed to see Leases"}
    except CommandError as error:
        return {"error": error.message}
    if leader is None or not leader.alive:
        return {**answer, "controller": "none is running"}
    return {**answer, "controller": str(leader)}


def _print(found: dict[str, Any], output: str) -> None:
    match output:
        case "json":
            say(as_json(found))
        case "yaml":
            say(as_yaml(found))
        case _:
            for side, values in found.items():
                for name, value in values.items():
                    say(f"{side} {name}: {value}")
