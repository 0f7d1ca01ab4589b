"""What Prometheus is told."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from controller import measures, worker
from controller.measures import observe_end, report_fleets
from controller.muster import Muster
from mattermost_migrate.domain.fleet import Standing, fleet_status, look_ahead, tally_of
from mattermost_migrate.testing.fleets import NOW, fleet, roster

F, R, S, W = Standing.FAILED, Standing.RUNNING, Standing.SUCCEEDED, Standing.WAITING


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"mattermost_migrate_{name}", labels) or 0.0


def over(*standings: Standing, **spec: Any) -> dict[str, Any]:
    """A fleet whose members stand so, after the report that it is over."""
    subject, members = fleet(**spec), roster(*standings)
    tally = tally_of(subject, members)
    outlook = look_ahead(subject, members, tally.selected, NOW)
    return {**subject, "status": fleet_status(subject, members, outlook, tally, NOW)}


def test_fleets_are_counted_and_the_tightest_budget_is_told() -> None:
    musters = [
        Muster(fleet(failureBudget=3), roster(F, R, W)),
        Muster(fleet(failureBudget=1), roster(F, S, W)),
    ]

    report_fleets(lambda: musters, list)

    assert value("fleet_members", standing="waiting") == 2
    assert value("fleet_members", standing="running") == 1
    assert value("fleet_failure_budget_left") == 0


def budget_left(*fleets: dict[str, Any], musters: Iterable[Muster] = ()) -> float:
    report_fleets(lambda: musters, lambda: fleets)
    return value("fleet_failure_budget_left")


def test_a_fleet_that_its_budget_stopped_is_told_of_until_somebody_lifts_that() -> None:
    stopped = over(F, W, failureBudget=0)
    edited = {**stopped, "metadata": {**stopped["metadata"], "generation": 2}}
    another = Muster(fleet(failureBudget=3), roster(R, W))

    assert budget_left(stopped) == -1
    assert budget_left(stopped, musters=[another]) == -1
    assert budget_left(edited, musters=[another]) == 3


def test_of_fleets_that_came_through_or_ended_otherwise_no_budget_is_told() -> None:
    assert math.isnan(budget_left(over(S, failureBudget=0), over(F, S, failureBudget=0)))
    assert math.isnan(budget_left())


def test_each_step_lasts_until_the_next_is_entered() -> None:
    steps = [("First", NOW), ("Second", NOW + timedelta(seconds=2))]
    before = value("migration_seconds_sum", outcome="succeeded")

    observe_end(steps, NOW + timedelta(seconds=5), "succeeded")
    observe_end((), NOW, "succeeded")

    assert value("step_seconds_sum", step="First") == 2
    assert value("step_seconds_sum", step="Second") == 3
    assert value("migration_seconds_sum", outcome="succeeded") == before + 5


def test_nothing_is_told_by_the_name_of_an_installation() -> None:
    """With thousands of installations each such label would be thousands of time series."""
    metrics = [
        each
        for module in (measures, worker)
        for each in vars(module).values()
        if isinstance(each, MetricWrapperBase)
    ]
    labels = {label for each in metrics for label in each._labelnames}
    of_few_values = {"code", "controller", "outcome", "reason", "resource", "standing", "step"}

    assert labels == of_few_values | {"verb"}
