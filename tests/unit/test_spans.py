"""Spans of time that a spec asks for stay within the calendar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from mattermost_migrate.domain.spans import LONGEST, span

CRDS = Path(__file__).parents[2] / "deploy" / "crds"


def seconds(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The fields of a schema that hold seconds."""
    inner = schema.get("items", schema)
    for name, field in inner.get("properties", {}).items():
        if name.endswith("Seconds"):
            yield name, field
        yield from seconds(field)


@pytest.mark.parametrize(
    "crd", sorted(CRDS.glob("migration.mattermost.com_*.yaml")), ids=lambda path: path.stem
)
def test_a_kind_of_ours_takes_no_more_seconds(crd: Path) -> None:
    (version,) = yaml.safe_load(crd.read_text())["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]

    found = dict(seconds(spec))

    assert "progressDeadlineSeconds" in found
    assert all(field["maximum"] <= LONGEST for field in found.values()), found


def test_of_an_object_that_was_stored_before_any_number_is_a_span() -> None:
    assert span(5) == timedelta(seconds=5)
    assert span(2**63 - 1) == span(LONGEST) == timedelta(days=3650)
