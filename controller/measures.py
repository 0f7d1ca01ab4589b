"""What Prometheus is told of fleets and migrations; installations are counted, never named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from controller.muster import Muster
from mattermost_migrate.domain.fleet import Standing, tally_of
from mattermost_migrate.domain.fleet.budget import budget_left, stopped
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.kube import Request

__all__ = ["FAILURES", "IN_FLIGHT", "count_request", "observe_end", "report_fleets"]

#: From one hundredth of a second to ten minutes: both ends happen.
_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600)
_SECONDS: Final = Histogram(
    "mattermost_migrate_migration_seconds",
    "Time of one migration from its first write to its end",
    ("outcome",),
    buckets=_BUCKETS,
)
_STEP_SECONDS: Final = Histogram(
    "mattermost_migrate_step_seconds",
    "Time for which one step was the current one, of migrations that ended",
    ("step",),
    buckets=_BUCKETS,
)
FAILURES: Final = Counter(
    "mattermost_migrate_failures_total", "Migrations given up or refused", ("reason",)
)
IN_FLIGHT: Final = Gauge(
    "mattermost_migrate_migrations_in_flight", "Migrations between their first write and their end"
)
_MEMBERS: Final = Gauge(
    "mattermost_migrate_fleet_members",
    "Members of all fleets that are not over",
    ("standing",),
)
_BUDGET: Final = Gauge(
    "mattermost_migrate_fleet_failure_budget_left",
    "How many more may fail in the fleet that can bear the fewest; -1 when spent, until that fleet"
    " goes on or is deleted",
)
_API_REQUESTS: Final = Counter(
    "mattermost_migrate_api_requests_total",
    "Requests sent to the API server, each attempt counted",
    ("verb", "resource", "code"),
)


def count_request(request: Request) -> None:
    """The API server was asked: a client's ``on_request``."""
    _API_REQUESTS.labels(request.verb, request.resource, str(request.code)).inc()


def observe_end(steps: Sequence[tuple[str, datetime]], now: datetime, outcome: str) -> None:
    """A migration ended.

    Args:
        steps: which were entered, and when, in that order.
        now: when it ended.
        outcome: what became of it.
    """
    if not steps:
        return
    _SECONDS.labels(outcome).observe((now - steps[0][1]).total_seconds())
    ends = [*(entered for _, entered in steps[1:]), now]
    for (step, entered), end in zip(steps, ends, strict=True):
        _STEP_SECONDS.labels(step).observe((end - entered).total_seconds())


def report_fleets(
    musters: Callable[[], Iterable[Muster]], fleets: Callable[[], Iterable[JsonObject]]
) -> None:
    """Tell of the fleets whenever somebody asks; nothing is kept for it.

    Args:
        musters: gives the fleets that are not over.
        fleets: gives all FleetMigrations there are.
    """
    for standing in Standing:
        _MEMBERS.labels(standing.value).set_function(partial(_standing, musters, standing))
    _BUDGET.set_function(lambda: _least(musters(), fleets()))


def _standing(musters: Callable[[], Iterable[Muster]], standing: Standing) -> float:
    return sum(each.roster.count(standing) for each in musters())


def _least(musters: Iterable[Muster], fleets: Iterable[JsonObject]) -> float:
    """Of no fleet at all there is nothing to say.

    One that has stopped is over within seconds, and nobody may have looked by then.
    """
    left = [
        budget_left(each.fleet, each.roster, tally_of(each.fleet, each.roster).selected)
        for each in musters
    ]
    left += [int(each["status"]["failureBudgetLeft"]) for each in fleets if stopped(each)]
    return min(left, default=float("nan"))
