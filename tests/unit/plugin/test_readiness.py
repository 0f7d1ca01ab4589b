"""What must be there before a run: all that the chart makes, and not some of it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helm_mattermost_migrate.diagnosis import Finding
from helm_mattermost_migrate.readiness import (
    GUARDS,
    MUTATING_CONFIGURATION,
    POLICY_BINDING,
    WEBHOOK_CONFIGURATION,
    admission,
)
from mattermost_migrate.domain.errors import ForbiddenError
from mattermost_migrate.domain.names import Resource

TEMPLATES = Path(__file__).parents[3] / "deploy" / "chart" / "templates"


class Cluster:
    """With all that the chart makes but one object, or with kinds that may not be listed."""

    def __init__(self, without: str = "", forbidden: Resource | None = None) -> None:
        self._without = without
        self._forbidden = forbidden

    async def list(self, resource: Resource) -> Any:
        if resource == self._forbidden:
            raise ForbiddenError("no")
        names = (name for name in GUARDS[resource] if f"{resource.kind} {name}" != self._without)
        return SimpleNamespace(items=[{"metadata": {"name": name}} for name in (*names, "other")])


def found(cluster: Cluster) -> tuple[Finding, ...]:
    return asyncio.run(admission(cluster))  # type: ignore[arg-type]


def test_what_is_looked_for_is_what_the_chart_makes() -> None:
    made = {
        (kind, name)
        for template in TEMPLATES.glob("*.yaml")
        for kind, name in re.findall(
            r"^kind: (\w+)\nmetadata:\n  name: (\S+)", template.read_text(), re.MULTILINE
        )
    }
    kinds = {resource.kind for resource in GUARDS}

    assert {pair for pair in made if pair[0] in kinds} == {
        (resource.kind, name) for resource, names in GUARDS.items() for name in names
    }


def test_all_of_it_is_well() -> None:
    assert all(each.well for each in found(Cluster()))


@pytest.mark.parametrize(
    ("check", "lacking"),
    [
        pytest.param(
            "edit lock" if resource == POLICY_BINDING else "webhook",
            f"{resource.kind} {name}",
            id=f"{resource.kind} {name}",
        )
        for resource, names in GUARDS.items()
        for name in names
    ],
)
def test_one_that_lacks_is_named(check: str, lacking: str) -> None:
    (amiss,) = (each for each in found(Cluster(without=lacking)) if not each.well)

    assert amiss.check == check
    assert amiss.told.endswith(f"the cluster has no {lacking}")


@pytest.mark.parametrize("unseen", [WEBHOOK_CONFIGURATION, MUTATING_CONFIGURATION])
def test_what_may_not_be_looked_at_is_let_through_and_the_other_is_not(unseen: Resource) -> None:
    (seen,) = {WEBHOOK_CONFIGURATION, MUTATING_CONFIGURATION} - {unseen}
    let_through, _ = found(Cluster(forbidden=unseen))
    amiss, _ = found(Cluster(forbidden=unseen, without=f"{seen.kind} mattermost-migrate"))

    assert let_through.well
    assert let_through.told == f"not known: you may not list {unseen.plural}"
    assert not amiss.well
