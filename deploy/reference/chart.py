"""The chart's README: its values, each with its default and the comment above it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Value", "page", "values"]

_KEY = re.compile(r"( *)([A-Za-z]+):")
_HEAD = """\
# mattermost-migrate: the Helm chart

{description}.

```console
$ helm upgrade --install mattermost-migrate deploy/chart \\
    --set image.repository=registry.example.com/mattermost-migrate \\
    --namespace mattermost-migrate --create-namespace
```

Helm 3.18 and newer, Helm 4; Kubernetes {kubernetes}. How to set it up, and what to watch:
[docs/how-to/install.md](../../docs/how-to/install.md).

The CRDs of InstallationMigration and FleetMigration lie in `crds/`: Helm installs them, and never
changes or deletes them. Those of ClusterInstallation and Mattermost are the operator's and no part
of this chart.

## Values

| value | default | |
| --- | --- | --- |
"""


@dataclass(frozen=True, slots=True)
class Value:
    """One value that a user may set.

    Attributes:
        path: its keys, joined by dots.
        default: what it is when nobody sets it.
        comment: what stands above it.
    """

    path: str
    default: Any
    comment: str


def values(text: str) -> Iterator[Value]:
    """Each value of a values.yaml that has a comment: a branch with one is told as a whole."""
    defaults = yaml.safe_load(text)
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped.removeprefix("#").strip())
        elif found := _KEY.match(line):
            path[len(found[1]) // 2 :] = [found[2]]
            if comment:
                yield Value(".".join(path), _at(defaults, path), " ".join(comment))
            comment = []
        else:
            comment = []


def page(chart: Path) -> str:
    """The README of the chart in a folder."""
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    head = _HEAD.format(
        description=about["description"],
        kubernetes=about["kubeVersion"].removeprefix(">=").removesuffix(".0-0") + " and newer",
    )
    rows = (
        f"| `{value.path}` | `{json.dumps(value.default)}` | {value.comment} |"
        for value in values((chart / "values.yaml").read_text())
    )
    return head + "\n".join(rows) + "\n"


def _at(tree: Any, path: list[str]) -> Any:
    for key in path:
        tree = tree[key]
    return tree
