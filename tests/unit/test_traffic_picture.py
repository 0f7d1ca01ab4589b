"""The picture in the documentation shows what was recorded, and no older run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_picture_is_that_of_the_record(tmp_path: Path) -> None:
    drawn = tmp_path / "traffic.svg"
    program = ROOT / "bench" / "plot_traffic.py"
    subprocess.run([sys.executable, str(program), "--picture", str(drawn)], check=True)  # noqa: S603 - ours
    assert drawn.read_text() == (ROOT / "docs" / "images" / "traffic.svg").read_text(), "make plot"
