"""``render``: the objects that an installation of either kind generates, without a cluster."""

from __future__ import annotations

import secrets
import string
from typing import Any

import click

from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.offline import read_manifests, reading, tell
from mattermost_migrate.domain.offline import render_documents

__all__ = ["command"]

_LETTERS = string.ascii_letters + string.digits


@click.command(
    "render",
    cls=Documented,
    examples=(
        ("-f chat.yaml -f secrets.yaml", "with what else there is in the namespace"),
        ("-f - -o json", "from standard input, as one list"),
    ),
)
@reading
def command(**arguments: Any) -> int:
    """Print the objects that each ClusterInstallation or Mattermost generates.

    No cluster is asked: every other object among the documents is taken for what exists there.
    Exit code 3 when something is refused, with every reason on standard error, and 4 when the
    input cannot be read.
    """
    manifests = read_manifests(arguments["files"])
    outcome = render_documents(
        manifests.documents, generate=_generate, namespace=arguments["namespace"]
    )
    code = tell(outcome, manifests, arguments["output"])
    if code == Exit.DONE and not outcome.results:
        raise CommandError("the input holds no ClusterInstallation and no Mattermost")
    return code


def _generate(_purpose: str, length: int) -> str:
    """Random text for a generated password or key."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
