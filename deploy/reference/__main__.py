"""``python -m deploy.reference``: write every generated page anew."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from deploy.reference import chart, dashboard, metrics, objects, options

ROOT: Final = Path(__file__).parents[2]


def pages(root: Path = ROOT) -> dict[Path, str]:
    """Every generated page, by its file."""
    reference = root / "docs" / "reference"
    return {
        root / "deploy" / "chart" / "README.md": chart.page(root / "deploy" / "chart"),
        root / "deploy" / "chart" / "files" / "dashboard.json": dashboard.page(),
        reference / "objects.md": objects.page(root / "deploy" / "crds"),
        reference / "options.md": options.page(),
        reference / "metrics.md": metrics.page(),
    }


def main() -> int:
    """Write what has changed; returns 0."""
    for file, text in pages().items():
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            print(f"written: {file.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
