"""Who holds a Lease (https://kubernetes.io/docs/concepts/architecture/leases/)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.reported import parse_time

__all__ = ["CLOCKS", "held_by"]

#: How much the clock of a person's machine may differ from that of the holder's node.
CLOCKS: Final = timedelta(seconds=30)
#: What client-go's leader election writes unless it is told otherwise.
_DURATION: Final = 15


def held_by(lease: JsonObject, now: datetime, *, clocks: timedelta = CLOCKS) -> str:
    """Who holds it; empty when nobody does, or its holder has not renewed it in time.

    Args:
        lease: as the API server has it.
        now: the time, by our clock.
        clocks: how much that of the holder's node may differ from it.
    """
    spec: dict[str, Any] = lease.get("spec") or {}
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return ""
    lasts = timedelta(seconds=float(spec.get("leaseDurationSeconds") or _DURATION))
    over = parse_time(spec["renewTime"]) + lasts + clocks < now
    return "" if over else str(spec["holderIdentity"])
