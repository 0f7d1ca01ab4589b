"""The picture of a recorded proof of traffic: `python bench/plot_traffic.py`, `make plot`.

From bench/traffic.json to docs/images/traffic.svg: requests a second, failed requests
and dropped WebSockets over time, with the stretches in which installations moved.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

__all__ = ["draw"]

_ROOT: Final = Path(__file__).parents[1]
_RECORD: Final = _ROOT / "bench" / "traffic.json"
_PICTURE: Final = _ROOT / "docs" / "images" / "traffic.svg"
_LEFT, _TOP, _WIDTH, _STRIP, _GAP = 60, 64, 820, 90, 34
#: Seconds from which on the axis names fewer of them.
_LONG: Final = 400
_FILLS: Final = {"Adopt": "#2e7d32", "Recreate": "#1565c0", "BlogsOrder": "#c62828"}
_NAMES: Final = {
    "Adopt": "Adopt",
    "Recreate": "Recreate",
    "BlogsOrder": "the operator's order",
}
_STRIPS: Final = (
    ("requests a second", 0, "#37474f"),
    ("failed requests a second", 1, "#c62828"),
    ("WebSockets dropped a second", 2, "#ef6c00"),
)


def draw(record: dict[str, Any]) -> str:
    """The record as an SVG document."""
    seconds, width = len(record["timeline"]), _LEFT + _WIDTH + 20
    height = _TOP + len(_STRIPS) * (_STRIP + _GAP) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
        "<style>text { font-family: sans-serif; font-size: 12px }</style>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_stretches(record["phases"], seconds, height - 30),
    ]
    for number, (title, column, colour) in enumerate(_STRIPS):
        each = _each_second([row[column] for row in record["timeline"]])
        parts += _strip(title, each, _TOP + number * (_STRIP + _GAP), colour)
    parts += _axis(seconds, height - 14)
    return "\n".join([*parts, "</svg>", ""])


def _each_second(total: Sequence[int]) -> list[int]:
    """What came in each second, from how much there was after it."""
    return [after - before for before, after in zip([0, *total], total, strict=False)]


def _x(second: float, seconds: int) -> float:
    return round(_LEFT + _WIDTH * second / max(1, seconds), 1)


def _stretches(phases: list[dict[str, Any]], seconds: int, bottom: int) -> Iterator[str]:
    for strategy, moves in groupby(phases, key=lambda phase: str(phase["strategy"])):
        fill, name, ways = _FILLS[strategy], _NAMES[strategy], list(moves)
        for phase in ways:
            first, last = (_x(second, seconds) for second in phase["at"])
            yield (
                f'<rect x="{first}" y="{_TOP - 30}" width="{round(last - first, 1)}" '
                f'height="{bottom - _TOP + 30}" fill="{fill}" opacity="0.12"/>'
            )
        first = _x(ways[0]["at"][0], seconds)
        moved = sum(each["moved"] for each in ways)
        where = f'x="{first}" y="{_TOP - 36}"'
        if first > _LEFT + _WIDTH * 0.75:  # it would run out of the picture
            where = f'x="{_LEFT + _WIDTH}" y="{_TOP - 36}" text-anchor="end"'
        yield f'<text {where} fill="{fill}">{name}: {moved} moves</text>'


def _strip(title: str, values: list[int], top: int, colour: str) -> Iterator[str]:
    most = max(1, *values)
    bottom = top + _STRIP
    points = " ".join(
        f"{_x(second + 0.5, len(values))},{round(bottom - _STRIP * value / most, 1)}"
        for second, value in enumerate(values)
    )
    yield f'<text x="{_LEFT}" y="{top - 6}">{title} (in all: {sum(values):,})</text>'
    yield f'<text x="{_LEFT - 6}" y="{top + 10}" text-anchor="end">{most}</text>'
    yield f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">0</text>'
    yield (
        f'<line x1="{_LEFT}" y1="{bottom}" x2="{_LEFT + _WIDTH}" y2="{bottom}" stroke="#b0bec5"/>'
    )
    yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _axis(seconds: int, y: int) -> Iterator[str]:
    for second in range(0, seconds + 1, 60 if seconds > _LONG else 30):
        yield f'<text x="{_x(second, seconds)}" y="{y}" text-anchor="middle">{second} s</text>'


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", type=Path, default=_RECORD)
    parser.add_argument("--picture", type=Path, default=_PICTURE)
    given = parser.parse_args()
    given.picture.parent.mkdir(parents=True, exist_ok=True)
    given.picture.write_text(draw(json.loads(given.record.read_text())))
    sys.stdout.write(f"{given.picture}\n")


if __name__ == "__main__":
    main()
