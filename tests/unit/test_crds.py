"""The operators' kinds are carried whole: not a field, type, default or rule is lost by accident.

The figures were taken from the operator's own definitions (v1.25.9), descriptions and annotations
left out. When a newer operator changes a kind, change file and figures together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "crds" / "operator"


def crd(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / name).read_text())


def fields(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, inner in (schema.get("properties") or {}).items():
        yield f"{path}.{name}"
        yield from fields(inner, f"{path}.{name}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from fields(schema[keyword], f"{path}[]")


@pytest.mark.parametrize(
    ("name", "count", "digest"),
    [
        pytest.param(
            "mattermost.com_clusterinstallations.yaml",
            255,
            "8ddffb68ecd9cb9d704299b223478d3bc1b38b99b5c71c3e68bbc9a1b1b13e15",
            id="ClusterInstallation",
        ),
        pytest.param(
            "installation.mattermost.com_mattermosts.yaml",
            1008,
            "53a39df94330162fc67d14429bfc6f249d9f39315e3f1548753906b7dce9ee24",
            id="Mattermost",
        ),
    ],
)
def test_a_kind_of_the_operator_is_structurally_its_own(name: str, count: int, digest: str) -> None:
    spec = crd(name)["spec"]

    schema = spec["versions"][0]["schema"]["openAPIV3Schema"]
    assert len(list(fields(schema))) == count
    assert hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest() == digest


def test_a_minio_instance_has_no_status_subresource() -> None:
    version = crd("miniocontroller.min.io_minioinstances.yaml")["spec"]["versions"][0]

    assert "subresources" not in version
