"""Plain tables, aligned as kubectl aligns them, and the machine formats beside them.

No colour and no width limit: what is piped is what is shown. It needs no import that costs time,
because ``status`` must answer at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["NOTHING", "as_json", "as_yaml", "table"]

#: What stands in a cell without a value, as in kubectl's tables.
NOTHING = "-"
_GAP = "   "


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as their widest cell; the last one is not padded.

    Args:
        header: the names of the columns.
        rows: cells; None and an empty string are shown as a dash.
    """
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join(
        _GAP.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _cell(value: object) -> str:
    text = " ".join(str(value).split()) if value is not None else ""
    return text or NOTHING


def as_json(value: Any) -> str:
    """Indented JSON, in the order the value has."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def as_yaml(value: Any) -> str:
    """Block style YAML, in the order the value has, without a newline at the end."""
    from mattermost_migrate.domain.yaml_writer import dump  # noqa: PLC0415 - only where asked for

    return dump(value)
