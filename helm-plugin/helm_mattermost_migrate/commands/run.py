"""``run``: migrate installations, and follow them until they are through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.launch import Order, launch, launching
from helm_mattermost_migrate.options import selecting
from helm_mattermost_migrate.plan_file import Plan, read_plan
from helm_mattermost_migrate.wishing import WISHES, given, selection_of, wishes_of, wishing

__all__ = ["command"]


@click.command(
    "run",
    cls=Documented,
    examples=(
        ("chat", "one installation"),
        ("-A -l tier=gold", "by label, in every namespace"),
        ("--all --max-concurrent 10", "all there are, ten at a time"),
        ("--all --wave canary=1:10m:approve --wave 10%:1h", "one, then a tenth, then the rest"),
        ("--plan friday.plan", "what was planned, if all is as it was then"),
        ("-f fleet.yaml", "as a FleetMigration says"),
        ("--all --yes --timeout 1h", "in a script: no question, exit code 2 when not done in time"),
        ("chat --strategy Recreate --max-surge 50%", "with new pods beside the old ones"),
        ("--all --yes --no-wait", "start it and come back later"),
    ),
)
@selecting
@wishing
@launching
@click.option(
    "--plan",
    "plan_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Do what plan --save wrote down, and refuse if anything changed since.",
)
def command(**arguments: Any) -> int:
    """Migrate installations from ClusterInstallation to Mattermost, with the same pods.

    Shows what it will do and asks. The work is done by the controller in the cluster: when this
    command is stopped, it goes on. Exit code 0 when all succeeded, 1 when some failed or were
    rolled back, 2 when it was not finished in time, 3 when some were refused, or none selected.
    """
    if arguments["plan_path"] is None:
        return launch(
            arguments,
            Order(wishes_of(arguments), lambda where: selection_of(arguments, namespace=where)),
        )
    chosen = ("names", "labels", "all_namespaces", "namespaces", "everything", *WISHES)
    if given(*chosen):
        raise click.UsageError("the plan says which ones and how already: leave the rest out")
    plan = _read(arguments["plan_path"])
    return launch(arguments, Order(plan.wishes, lambda _: plan.selection, plan))


def _read(path: Path) -> Plan:
    try:
        return read_plan(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or "it is no text"
        raise CommandError(f"{path}: {told}", code=Exit.USAGE) from error
