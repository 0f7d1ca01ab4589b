"""``unpin``: let pods be made as the Mattermost says, at the price of one rolling update."""

from __future__ import annotations

from typing import Any

import click

from helm_mattermost_migrate.aftercare import Request, ask_for
from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.options import asking, selecting
from mattermost_migrate.domain.names import Condition

__all__ = ["command"]

_REQUEST = Request(
    field="pinPodTemplate",
    value=False,
    condition=Condition.UNPINNED,
    summary="{number} to unpin: each does one ordinary rolling update, and so will a later revert",
    done="unpinned",
)


@click.command(
    "unpin",
    cls=Documented,
    examples=(
        ("chat", "one installation"),
        ("-A -l tier=bronze", "by label, in every namespace"),
    ),
)
@selecting
@asking
def command(**arguments: Any) -> int:
    """Drop the pin of the pod template: one ordinary rolling update follows.

    Only what has become a Mattermost is touched. Exit code 0 when it is done, 1 when something is
    in the way, such as a pin that was edited, 2 when it was not finished in time, 3 when there is
    nothing to do.
    """
    return ask_for(arguments, _REQUEST)
