"""When a fleet has taken too long to start anybody else."""

from __future__ import annotations

from datetime import datetime

from mattermost_migrate.domain.fleet.hold import Hold
from mattermost_migrate.domain.names import Reason
from mattermost_migrate.domain.objects import JsonObject, name_of
from mattermost_migrate.domain.reported import parse_time
from mattermost_migrate.domain.spans import span

__all__ = ["expired", "expires"]


def expires(fleet: JsonObject) -> datetime | None:
    """When the run deadline passes; None without one, or before the fleet's start is recorded."""
    seconds = fleet["spec"].get("runDeadlineSeconds")
    began = (fleet.get("status") or {}).get("startTime")
    if seconds is None or began is None:
        return None
    return parse_time(began) + span(seconds)


def expired(fleet: JsonObject, now: datetime) -> Hold | None:
    """Nobody starts after the run deadline; whoever runs comes to the end."""
    end = expires(fleet)
    if end is None or now < end:
        return None
    seconds = int(fleet["spec"]["runDeadlineSeconds"])
    # At least as long again from now, and the same text at each look for as long.
    late = (now - end) // span(seconds)
    return Hold(
        Reason.RUN_DEADLINE_EXCEEDED,
        f"started more than {seconds} s ago and not through: starts no further ones",
        f"kubectl patch fleetmigration {name_of(fleet)} --type merge "
        f'-p \'{{"spec":{{"runDeadlineSeconds":{seconds * (late + 3)}}}}}\'',
        final=True,
    )
