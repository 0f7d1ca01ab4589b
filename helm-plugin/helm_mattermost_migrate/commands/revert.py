"""``revert``: make Mattermosts the ClusterInstallations again that they were."""

from __future__ import annotations

from typing import Any

import click

from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.fleet_request import Wishes
from helm_mattermost_migrate.launch import launch, launching
from helm_mattermost_migrate.options import selecting
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION

__all__ = ["command"]


@click.command(
    "revert",
    cls=Documented,
    examples=(
        ("chat", "one installation"),
        ("-A -l tier=gold", "by label, in every namespace"),
        ("--all --yes", "everything, without a question"),
    ),
)
@selecting
@launching
def command(**arguments: Any) -> int:
    """Go back from Mattermost to ClusterInstallation, with the same pods.

    The same way in the other direction, while a migration is under way or long after it. An
    installation that is no longer pinned does one rolling update afterwards; the summary says
    which. Exit codes as those of run.
    """
    wishes = Wishes(desired=CLUSTER_INSTALLATION.kind, max_concurrent=arguments["max_concurrent"])
    return launch(arguments, wishes)
