"""``run``: migrate installations, and follow them until they are through."""

from __future__ import annotations

from typing import Any

import click

from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.fleet_request import Wishes
from helm_mattermost_migrate.launch import Amount, launch, launching
from helm_mattermost_migrate.options import selecting
from mattermost_migrate.domain.names import Strategy

__all__ = ["command"]


@click.command(
    "run",
    cls=Documented,
    examples=(
        ("chat", "one installation"),
        ("-A -l tier=gold", "by label, in every namespace"),
        ("--all --max-concurrent 20", "all there are, twenty at a time"),
        ("--all --yes --timeout 1h", "in a script: no question, exit code 2 when not done in time"),
        ("chat --strategy Recreate --max-surge 50%", "with new pods beside the old ones"),
        ("--all --yes --no-wait", "start it and come back later"),
    ),
)
@selecting
@launching
@click.option(
    "--pin/--no-pin",
    default=True,
    show_default=True,
    help="Keep the pod template as it is, so that no rollout follows.",
)
@click.option(
    "--strategy",
    type=click.Choice([str(each) for each in Strategy]),
    default=str(Strategy.ADOPT),
    show_default=True,
    help="Keep the pods, or bring new ones up beside them and drain the old ones after.",
)
@click.option(
    "--max-surge",
    type=Amount("pods"),
    metavar="N|N%",
    help="With Recreate: pods beyond those wanted, rounded up.",
)
def command(**arguments: Any) -> int:
    """Migrate installations from ClusterInstallation to Mattermost, with the same pods.

    Shows what it will do and asks. The work is done by the controller in the cluster: when this
    command is stopped, it goes on. Exit code 0 when all succeeded, 1 when some failed or were
    rolled back, 2 when it was not finished in time, 3 when some were refused, or none selected.
    """
    strategy = Strategy(arguments["strategy"])
    if arguments["max_surge"] is not None and strategy is not Strategy.RECREATE:
        raise click.UsageError("--max-surge goes with --strategy Recreate: Adopt makes no pods")
    wishes = Wishes(
        max_concurrent=arguments["max_concurrent"],
        pin=arguments["pin"],
        strategy=strategy,
        max_surge=arguments["max_surge"],
    )
    return launch(arguments, wishes)
