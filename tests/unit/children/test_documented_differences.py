"""docs/reference/rendering.md says where we differ from the operator; each row names its test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "reference" / "rendering.md"
ROWS = re.findall(r"^\| `([a-z-]+)` \|.*\| ([^|]+) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
TESTS = {
    name
    for folder in ("unit", "integration/builtin")
    for file in (ROOT / "tests" / folder).rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
}


def test_no_row_goes_unread() -> None:
    rows = re.findall(r"^\| `", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert 0 < len(ROWS) == len(rows)


@pytest.mark.parametrize(("row", "proofs"), ROWS)
def test_every_row_names_tests_that_there_are(row: str, proofs: str) -> None:
    named = re.findall(r"`(test_\w+)`", proofs)
    assert named, row
    assert set(named) <= TESTS
