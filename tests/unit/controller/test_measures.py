"""What Prometheus is told."""

from __future__ import annotations

from datetime import timedelta

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from controller import measures, worker
from controller.measures import observe_end, report_fleets
from controller.muster import Muster
from mattermost_migrate.domain.fleet import Standing
from mattermost_migrate.testing.fleets import NOW, fleet, roster

F, R, S, W = Standing.FAILED, Standing.RUNNING, Standing.SUCCEEDED, Standing.WAITING


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"mattermost_migrate_{name}", labels) or 0.0


def test_fleets_are_counted_and_the_tightest_budget_is_told() -> None:
    musters = [
        Muster(fleet(failureBudget=3), roster(F, R, W)),
        Muster(fleet(failureBudget=1), roster(F, S, W)),
    ]

    report_fleets(lambda: musters)

    assert value("fleet_members", standing="waiting") == 2
    assert value("fleet_members", standing="running") == 1
    assert value("fleet_failure_budget_left") == 0


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
