"""What ``doctor`` asks, and what the answers mean; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from helm_mattermost_migrate.errors import Exit
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
    Resource,
)
from mattermost_migrate.inspection import State, Verdict

__all__ = ["Finding", "Right", "checked_rights", "exit_code"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one check.

    Attributes:
        check: what was asked.
        well: nothing has to be done about it.
        told: what was found.
        hint: the next command to run.
    """

    check: str
    well: bool
    told: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Right:
    """A right that a command needs of whoever runs it.

    Attributes:
        verb: in the API server's words.
        resource: on what.
        without: what does not work without it.
        optional: whether that is bearable.
    """

    verb: str
    resource: Resource
    without: str
    optional: bool = False


def checked_rights() -> tuple[Right, ...]:
    """The rights of a person; those of the controller are its chart's business."""
    looking = (CLUSTER_INSTALLATION, MATTERMOST, INSTALLATION_MIGRATION)
    planning = (DEPLOYMENT, REPLICA_SET, POD)
    return (
        *(Right("list", resource, "status needs it") for resource in looking),
        Right("list", FLEET_MIGRATION, "status leaves fleets out", optional=True),
        *(Right("list", resource, "plan and run need it") for resource in planning),
        Right("get", SECRET, "plan and run need it"),
        Right("create", MATTERMOST, "plan cannot rehearse this write", optional=True),
        Right("create", FLEET_MIGRATION, "run and revert need it"),
        Right("watch", FLEET_MIGRATION, "following a run needs it"),
        Right("patch", FLEET_MIGRATION, "pause and resume need it"),
        Right("patch", INSTALLATION_MIGRATION, "retry needs it"),
    )


def exit_code(findings: Iterable[Finding], verdicts: Iterable[Verdict] = ()) -> Exit:
    """1 when an installation is broken; else 3 when something is missing."""
    if any(verdict.state is State.BROKEN for verdict in verdicts):
        return Exit.FAILED
    return Exit.DONE if all(finding.well for finding in findings) else Exit.REFUSED
