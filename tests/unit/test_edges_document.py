"""docs/reference/edges.md says what comes of each edge; each row names the test that proves it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "reference" / "edges.md").read_text("utf-8")
ROWS = re.findall(r"^\| `([a-z0-9-]+)` \|.*\| ([^|]+) \|$", TEXT, re.MULTILINE)
TESTS = {
    name
    for file in (ROOT / "tests" / "integration" / "external").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
}


def test_no_row_goes_unread() -> None:
    assert 0 < len(ROWS) == len(re.findall(r"^\| `", TEXT, re.MULTILINE))


@pytest.mark.parametrize(("row", "proofs"), ROWS)
def test_every_row_names_tests_that_there_are(row: str, proofs: str) -> None:
    named = re.findall(r"`(test_\w+)`", proofs)
    assert named, row
    assert set(named) <= TESTS
