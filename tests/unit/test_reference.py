"""Pages that are made from something else are current."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deploy.reference import chart
from deploy.reference.__main__ import ROOT, pages
from mattermost_migrate.domain.names import Condition, Reason


@pytest.mark.parametrize(("file", "text"), pages().items(), ids=lambda each: str(each)[-30:])
def test_a_generated_page_is_current(file: Path, text: str) -> None:
    assert file.read_text() == text, "run: make reference"


def test_every_value_is_told_with_its_default() -> None:
    text = (ROOT / "deploy" / "chart" / "values.yaml").read_text()
    told = {value.path: value.default for value in chart.values(text)}

    for part, section in yaml.safe_load(text).items():
        if part in told:
            continue
        for name, default in section.items():
            assert told[f"{part}.{name}"] == default


def test_a_comment_belongs_to_the_key_below_it_alone() -> None:
    text = "# Of the file.\n\n# A's.\na: 1\nb:\n  # C's,\n  # in two lines.\n  c: []\n"

    assert list(chart.values(text)) == [
        chart.Value("a", 1, "A's."),
        chart.Value("b.c", [], "C's, in two lines."),
    ]


@pytest.mark.parametrize("word", [*Condition, *Reason])
def test_every_condition_and_reason_is_told(word: str) -> None:
    assert f"`{word}`" in (ROOT / "docs" / "reference" / "conditions.md").read_text()
