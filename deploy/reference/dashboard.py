"""The Grafana dashboard, built with Grafana's own schema (its foundation SDK)."""

from __future__ import annotations

from string import ascii_uppercase
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import GraphGradientMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    VariableHide,
)

__all__ = ["page", "queries"]

_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
_RATE: Final = "[$__rate_interval]"
_Panel = Any  # the SDK's panel builders have no common type

#: Rows, their panels, and of each panel: unit, and queries with their legends.
_ROWS: Final[dict[str, dict[str, tuple[str, dict[str, str]]]]] = {
    "Migrations": {
        "Members of fleets under way": (
            "short",
            {"sum by (standing) (mattermost_migrate_fleet_members)": "{{standing}}"},
        ),
        "A migration takes (median, 99 %)": (
            "s",
            {
                f"histogram_quantile({share}, sum by (le, outcome) "
                f"(rate(mattermost_migrate_migration_seconds_bucket{_RATE})))": (
                    f"{share} {{{{outcome}}}}"
                )
                for share in ("0.5", "0.99")
            },
        ),
        "A step takes (median)": (
            "s",
            {
                "histogram_quantile(0.5, sum by (le, step) "
                f"(rate(mattermost_migrate_step_seconds_bucket{_RATE})))": "{{step}}"
            },
        ),
        "Given up or refused": (
            "short",
            {f"sum by (reason) (increase(mattermost_migrate_failures_total{_RATE}))": "{{reason}}"},
        ),
    },
    "Controller": {
        "Waiting to be looked at": (
            "short",
            {"sum by (controller) (mattermost_migrate_queue_depth)": "{{controller}}"},
        ),
        "A look takes (median, 99 %)": (
            "s",
            {
                f"histogram_quantile({share}, sum by (le, controller) "
                f"(rate(mattermost_migrate_reconcile_seconds_bucket{_RATE})))": (
                    f"{share} {{{{controller}}}}"
                )
                for share in ("0.5", "0.99")
            },
        ),
        "Requests to the API server": (
            "reqps",
            {
                f"sum by (verb) (rate(mattermost_migrate_api_requests_total{_RATE}))": "{{verb}}",
            },
        ),
        "Answers that are no success": (
            "reqps",
            {
                "sum by (code, resource) (rate(mattermost_migrate_api_requests_total"
                f'{{code!~"2.."}}{_RATE}))': "{{code}} {{resource}}",
            },
        ),
    },
    "Webhook": {
        "Reviews": (
            "reqps",
            {
                "sum by (kind, outcome) "
                f"(rate(mattermost_migrate_webhook_reviews_total{_RATE}))": "{{kind}} {{outcome}}"
            },
        ),
        "A review takes (median, 99 %)": (
            "s",
            {
                f"histogram_quantile({share}, sum by (le) "
                f"(rate(mattermost_migrate_webhook_review_duration_seconds_bucket{_RATE})))": share
                for share in ("0.5", "0.99")
            },
        ),
        "Connections dropped": (
            "cps",
            {
                "sum by (reason) "
                f"(rate(mattermost_migrate_webhook_connections_dropped_total{_RATE}))": "{{reason}}"
            },
        ),
        "Certificate changes": (
            "short",
            {
                "sum by (outcome) (increase("
                f"mattermost_migrate_webhook_certificate_reloads_total{_RATE}))": "{{outcome}}"
            },
        ),
    },
}
#: Figures on top.
_FIGURES: Final[dict[str, tuple[str, str]]] = {
    "Migrations in flight": ("short", "sum(mattermost_migrate_migrations_in_flight)"),
    "More failures that a fleet can bear": (
        "short",
        "min(mattermost_migrate_fleet_failure_budget_left)",
    ),
    "Serving certificate ends in": (
        "s",
        "min(mattermost_migrate_webhook_certificate_expiry_timestamp_seconds) - time()",
    ),
    "Edits refused by the lock today": (
        "short",
        'sum(increase(mattermost_migrate_webhook_reviews_total{outcome="locked"}[24h]))',
    ),
}


def queries() -> list[str]:
    """Every query of the dashboard."""
    rows = [query for panels in _ROWS.values() for _, asked in panels.values() for query in asked]
    return [query for _, query in _FIGURES.values()] + rows


def page() -> str:
    """The dashboard as JSON."""
    board = (
        dashboard.Dashboard("mattermost-migrate")
        .uid("mattermost-migrate")
        .tags(["mattermost", "kubernetes"])
        .refresh("30s")
        .time("now-3h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(
            dashboard.DatasourceVariable("datasource")
            .label("Prometheus")
            .type("prometheus")
            .hide(VariableHide.DONT_HIDE)
        )
    )
    for title, (unit, query) in _FIGURES.items():
        board.with_panel(_placed(stat.Panel(), title, unit, {query: ""}, height=4, span=6))
    for row, panels in _ROWS.items():
        board.with_row(dashboard.Row(row))
        for title, (unit, asked) in panels.items():
            panel = timeseries.Panel().gradient_mode(GraphGradientMode.OPACITY).fill_opacity(10)
            board.with_panel(_placed(panel, title, unit, asked, height=8, span=12))
    return JSONEncoder(sort_keys=True, indent=2).encode(board.build()) + "\n"


def _placed(
    panel: _Panel, title: str, unit: str, asked: dict[str, str], *, height: int, span: int
) -> _Panel:
    panel.title(title).unit(unit).height(height).span(span).datasource(_SOURCE)
    for name, (query, legend) in zip(ascii_uppercase, asked.items(), strict=False):
        target = prometheus.Dataquery().ref_id(name).expr(query).legend_format(legend)
        panel.with_target(target)
    return panel
