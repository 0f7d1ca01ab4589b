"""What the API server's own books say the controller sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench.scale.place import CONTROLLER
from mattermost_migrate.testing.cluster import LocalCluster

__all__ = ["Account", "account"]

_READS = frozenset({"get", "list", "watch"})


@dataclass(frozen=True, slots=True)
class Account:
    """Requests of one stretch of time, an installation; Events and Leases are told beside.

    Attributes:
        writes, reads, beside: how many.
        each, read: of which verb and resource, most first; a rehearsal is told as one.
    """

    writes: float
    reads: float
    beside: float
    each: dict[str, float]
    read: dict[str, float]


def account(cluster: LocalCluster, since: datetime, count: int) -> Account:
    """Count from then on; a dry run is a read, since it stores nothing."""
    writes: Counter[str] = Counter()
    reads: Counter[str] = Counter()
    beside = 0
    for event in cluster.audit():
        target: dict[str, Any] = event.get("objectRef") or {}
        if event["user"].get("username") != CONTROLLER or _before(event, since):
            continue
        part = f"/{target['subresource']}" if "subresource" in target else ""
        what = f"{event['verb']} {target.get('resource')}{part}"
        if "dryRun=" in event["requestURI"]:
            reads[f"rehearse {what}"] += 1
        elif event["verb"] in _READS:
            reads[what] += 1
        elif target.get("resource") in ("events", "leases"):
            beside += 1
        else:
            writes[what] += 1
    return Account(
        round(writes.total() / count, 2),
        round(reads.total() / count, 2),
        round(beside / count, 2),
        *(
            {name: round(number / count, 2) for name, number in counted.most_common()}
            for counted in (writes, reads)
        ),
    )


def _before(event: dict[str, Any], since: datetime) -> bool:
    return datetime.fromisoformat(event["requestReceivedTimestamp"]) < since
