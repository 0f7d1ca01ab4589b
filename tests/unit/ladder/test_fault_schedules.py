"""Random schedules of faults on the simulated cluster; more of them: bench/fault_schedules.py."""

from __future__ import annotations

import pytest

from mattermost_migrate.domain import exchange, handover
from mattermost_migrate.domain.adoption import ADOPTION
from mattermost_migrate.domain.names import Condition
from mattermost_migrate.testing.fault_schedules import run

SEEDS = 2000
BLOCK = 100


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_whatever_goes_wrong_and_when_nobody_notices(first: int) -> None:
    broken = {seed: told for seed in range(first, first + BLOCK) if (told := run(seed))}

    assert broken == {}, f"seed {min(broken)}"


@pytest.mark.parametrize("seed", [510, 1630, 4894, 4950, 5633, 6969, 7005])
def test_what_is_created_late_is_met_by_these(seed: int) -> None:
    assert run(seed) == []


def test_a_deployment_that_is_not_held_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "hold", lambda manifest: manifest)

    assert run(510)


def test_a_custom_resource_that_is_not_held_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "hold", lambda manifest: manifest)

    assert run(4950)


def test_a_ladder_without_any_fence_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either fence alone keeps the Deployment from making a ReplicaSet of its own."""
    monkeypatch.setattr(exchange, "hold", lambda manifest: manifest)
    unfenced = tuple(step for step in ADOPTION if step.condition is not Condition.PODS_SEEN)

    assert any(run(seed, unfenced) for seed in range(20))
