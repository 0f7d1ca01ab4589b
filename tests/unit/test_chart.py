"""What the chart must never do, seen in what it holds. Rendering is tested with real Helm."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from mattermost_migrate.domain.editlock import KUBERNETES

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
        assert not isinstance(section, dict) or set(section) <= set(known)


def test_no_template_says_itself_where_to_listen() -> None:
    """On a cluster of IPv6 alone nobody would reach it."""
    for template in (CHART / "templates").iterdir():
        assert "0.0.0.0" not in template.read_text(), template.name  # noqa: S104


def test_both_locks_and_the_webhook_configuration_spare_the_same_of_kubernetes() -> None:
    """Python, and twice CEL: who is added to one of them is to be added to all."""
    templates = CHART / "templates"
    (unasked,) = re.findall(r"username in \[([^\]]+)\]", (templates / "_helpers.tpl").read_text())
    (spared,) = re.findall(
        r'\$kubernetes := "([^"]+)"', (templates / "lock-policy.yaml").read_text()
    )
    named = set(re.findall(r"username == '([^']+)'", spared))
    (prefix,) = re.findall(r"startsWith\('([^']+)'\)", spared)
    (suffix,) = re.findall(r"endsWith\('([^']+)'\)", spared)

    assert set(re.findall("'([^']+)'", unasked)) == KUBERNETES
    by_form = {user for user in KUBERNETES if user.startswith(prefix) and user.endswith(suffix)}
    assert named | by_form == KUBERNETES
