"""A record as one HTML file that needs nothing else: no network, no other file, no build step.

The figures, the runs, what went wrong and where it ran stand in the file as they are; the table of
all installations and their timeline are drawn by the script, from data that stands in it too. The
file forbids itself any connection, so that none can slip in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from helm_mattermost_migrate.durations import brief
from helm_mattermost_migrate.report.figures import Bin, histogram, step_figures, took_seconds
from helm_mattermost_migrate.report.record import Entry, Record
from helm_mattermost_migrate.report.told import (
    figures_told,
    fleet_seconds,
    moment,
    troubles_told,
    verdict,
)
from mattermost_migrate.domain.names import EVERY_RUNG

__all__ = ["html"]

#: Of one reason; the table has all of them.
_MOST_TOLD: Final = 20
_CHART_HEIGHT: Final = 120
_BAR: Final = 24
_MILLI: Final = 3
#: The steps between which a person tells apart, each with a colour of its own in the style sheet.
_PHASES: Final = (
    ("check", "Checked and saved", ("Validated", "OriginalsSaved")),
    ("freeze", "Frozen", ("SourceFrozen", "ServiceMoved")),
    (
        "exchange",
        "Deployment exchanged",
        (
            *("DeploymentReleased", "PodsLabelled", "PodsSeen", "DeploymentAdopted"),
            *("ServiceHeld", "DeploymentCreated", "PodsReplaced", "ServiceSwitched"),
        ),
    ),
    ("settle", "New kind made and stable", ("TargetCreated", "TargetStable")),
    (
        "hand-over",
        "Handed over",
        ("ChildrenTransferred", "PodsStripped", "SourceRemoved", "Unlocked"),
    ),
)
_OTHER: Final = ("other", "Otherwise")


def html(record: Record) -> str:
    """The whole file."""
    environment = Environment(
        loader=PackageLoader("helm_mattermost_migrate.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["brief"] = brief
    environment.filters["fine"] = _fine
    environment.filters["moment"] = moment
    bins = histogram(took_seconds(record.entries))
    return environment.get_template("report.html.j2").render(
        record=record,
        verdict=verdict(record),
        figures=list(figures_told(record)),
        fleets=[(fleet, fleet_seconds(fleet, record.made)) for fleet in record.fleets],
        bars=list(_bars(bins)),
        chart_width=max(1, len(bins)) * _BAR,
        chart_height=_CHART_HEIGHT,
        steps=step_figures(record),
        troubles=troubles_told(record),
        most_told=_MOST_TOLD,
        phases=[(name, told) for name, told, _ in _PHASES],
        phase_of=_phase,
        data=_embedded(_data(record)),
    )


def _fine(seconds: float) -> str:
    """As ``brief``, with milliseconds where a step took less than a second."""
    return brief(seconds) if seconds >= 1 else f"{seconds * 1000:.0f}ms"


def _bars(bins: tuple[Bin, ...]) -> Iterator[dict[str, Any]]:
    most = max((each.count for each in bins), default=1)
    for index, each in enumerate(bins):
        height = _CHART_HEIGHT * each.count / most
        yield {
            "x": index * _BAR,
            "y": _CHART_HEIGHT - height,
            "width": _BAR - 2,
            "height": height,
            "label": f"{each.low:g}",
            "told": f"{each.low:g} to {each.high:g} s: {each.count}",
        }


def _phase(step: str) -> str:
    return next((name for name, _, steps in _PHASES if step in steps), _OTHER[0])


def _embedded(value: Any) -> str:
    """JSON that may stand in a script element: no text in it can end that element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


class _Texts:
    """Each text once: three thousand installations say mostly the same."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.known.setdefault(text, len(self.known))


def _data(record: Record) -> dict[str, Any]:
    began = min(
        (each.member.started for each in record.entries if each.member.started), default=None
    )
    texts, steps = _Texts(), _Texts()
    for step in EVERY_RUNG:
        steps(str(step))
    rows = [_row(entry, record, began, texts, steps) for entry in record.entries]
    return {
        "began": began.timestamp() if began else 0,
        "steps": [{"name": step, "phase": _phase(step)} for step in steps.known],
        "texts": list(texts.known),
        "rows": rows,
    }


def _row(
    entry: Entry, record: Record, began: datetime | None, texts: _Texts, steps: _Texts
) -> dict[str, Any]:
    member = entry.member
    seconds = member.seconds(record.made)
    start = (member.started - began).total_seconds() if member.started and began else None
    return {
        "namespace": member.key[0],
        "name": member.key[1],
        "fleet": texts(member.fleet),
        "desired": texts(member.desired),
        "result": texts(str(member.standing)),
        "start": _round(start),
        "seconds": _round(seconds),
        "writes": member.writes,
        "reason": texts(member.reason),
        "message": texts(member.message),
        "next": texts(member.next_command),
        "steps": [
            (
                steps(stay.step),
                _round((stay.began - began).total_seconds()),
                _round(stay.seconds(record.made)),
            )
            for stay in entry.stays
            if began is not None
        ],
        "changes": [texts(change) for change in entry.changes()],
        "warnings": [texts(f"{field}: {text}") for field, text in entry.warnings],
    }


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, _MILLI)
