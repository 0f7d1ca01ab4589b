"""``finalize``: remove the backup of migrations that succeeded, and with it the way back."""

from __future__ import annotations

from typing import Any

import click

from helm_mattermost_migrate.aftercare import Request, ask_for
from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.options import asking, selecting
from mattermost_migrate.domain.names import Condition

__all__ = ["command"]

_REQUEST = Request(
    field="finalize",
    value=True,
    condition=Condition.FINALIZED,
    summary="{number} to finalize: their backups are removed, and they can never be reverted again",
    done="finalized",
)


@click.command(
    "finalize",
    cls=Documented,
    examples=(
        ("chat", "one installation"),
        ("--all --yes", "everything that has succeeded, without a question"),
    ),
)
@selecting
@asking
def command(**arguments: Any) -> int:
    """Remove the backup of migrations that succeeded; there is no way back then.

    Only what has become a Mattermost is touched. Exit code 0 when it is done, 1 when something is
    in the way, 2 when it was not finished in time, 3 when there is nothing to do.
    """
    return ask_for(arguments, _REQUEST)
