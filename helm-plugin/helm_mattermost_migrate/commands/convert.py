"""``convert``: the Mattermost that a ClusterInstallation becomes, without a cluster."""

from __future__ import annotations

from typing import Any

import click

from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.offline import read_manifests, reading, tell
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION
from mattermost_migrate.domain.offline import convert_documents

__all__ = ["command"]


@click.command(
    "convert",
    cls=Documented,
    examples=(
        ("-f chat.yaml -f secrets.yaml", "with the Secrets it needs"),
        ("-f chat.yaml --assume-external-db", "without them"),
        ("-f manifests/ -o json", "a folder, as one list"),
        ("-f -", "from standard input"),
    ),
)
@reading
@click.option(
    "--assume-external-db",
    is_flag=True,
    help="Take a database whose Secret is not among the documents for an external one.",
)
@click.option("--strict", is_flag=True, help="Refuse documents of kinds that mean nothing here.")
def command(**arguments: Any) -> int:
    """Print the Mattermost that each ClusterInstallation becomes; no cluster is asked.

    Secrets among the documents are used. Exit code 3 when something is refused, with every reason
    on standard error, and 4 when the input cannot be read.
    """
    manifests = read_manifests(arguments["files"])
    outcome = convert_documents(
        manifests.documents,
        assume_external=arguments["assume_external_db"],
        refuse_unknown=arguments["strict"],
        namespace=arguments["namespace"],
    )
    code = tell(outcome, manifests, arguments["output"])
    if code == Exit.DONE and not outcome.results:
        raise CommandError(f"the input holds no {CLUSTER_INSTALLATION.kind}")
    return code
