"""What the chart must never do, seen in what it holds. Rendering is tested with real Helm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "chart"
OWN = sorted((ROOT / "deploy" / "crds").glob("migration.mattermost.com_*.yaml"))


@pytest.mark.parametrize("crd", OWN, ids=lambda path: path.stem)
def test_the_chart_carries_our_crds_as_they_are(crd: Path) -> None:
    """By a link, which Helm follows: a packaged chart holds the file itself."""
    assert (CHART / "crds" / crd.name).read_text() == crd.read_text()


def test_the_chart_carries_no_crd_of_the_operator() -> None:
    assert sorted(path.name for path in (CHART / "crds").iterdir()) == [path.name for path in OWN]


def test_no_crd_is_a_template_that_an_uninstall_would_delete() -> None:
    for template in (CHART / "templates").iterdir():
        assert "kind: CustomResourceDefinition" not in template.read_text()


def test_every_default_value_is_known_to_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    for name, section in values.items():
        assert name in schema["properties"]
        known = schema["properties"][name].get("properties", {})
        assert set(section) <= set(known)
