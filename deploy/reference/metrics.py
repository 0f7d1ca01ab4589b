"""The reference of metrics, made from the metrics themselves."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from prometheus_client.metrics import MetricWrapperBase

__all__ = ["page"]

_HEAD = """\
# Metrics

Prometheus' text format at `/metrics`: of the controller on its metrics port (8080, HTTP), of the
webhook and of the preview version's converter on the ports they serve (9443 and 9444, HTTPS).
Seconds and timestamps are in base units, and no label holds the name of an installation.
`monitoring.podMonitors`, `monitoring.rules` and `monitoring.dashboard` of the chart make what reads
them.
"""
#: By process: the modules that count.
_MODULES = {
    "Controller": (
        "controller.worker",
        "controller.measures",
        "certs.metrics",
    ),
    "Webhook, converter": ("webhook.metrics",),
}


def page() -> str:
    """Each process's metrics, with type, labels and meaning."""
    sections = [
        "\n".join(
            [
                f"## {process}\n",
                "| metric | type | labels | |",
                "| --- | --- | --- | --- |",
                *(row for module in modules for row in _rows(module)),
                "",
            ]
        )
        for process, modules in _MODULES.items()
    ]
    return "\n".join([_HEAD, *sections])


def _rows(module: str) -> Iterator[str]:
    for metric in vars(importlib.import_module(module)).values():
        if isinstance(metric, MetricWrapperBase):
            (told,) = metric.describe()
            name = f"{told.name}_total" if told.type == "counter" else told.name
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # noqa: SLF001 - it has no public way
            yield f"| `{name}` | {told.type} | {labels} | {told.documentation} |"
