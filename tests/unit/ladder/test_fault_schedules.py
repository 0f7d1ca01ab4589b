"""Random schedules of faults on the simulated cluster; more of them: bench/fault_schedules.py."""

from __future__ import annotations

import pytest

from mattermost_migrate.domain import exchange, handover
from mattermost_migrate.domain.adoption import ADOPTION
from mattermost_migrate.domain.names import Condition, Strategy
from mattermost_migrate.testing.fault_schedules import run

SEEDS = 2000
BLOCK = 100
BLOCKS = [(strategy, first) for strategy in Strategy for first in range(0, SEEDS, BLOCK)]


@pytest.mark.parametrize(("strategy", "first"), BLOCKS)
def test_whatever_goes_wrong_and_when_nobody_notices(strategy: Strategy, first: int) -> None:
    seeds = range(first, first + BLOCK)
    broken = {seed: told for seed in seeds if (told := run(seed, strategy=strategy))}

    assert broken == {}, f"{strategy}, seed {min(broken)}"


@pytest.mark.parametrize("seed", [510, 1630, 4894, 4950, 5633, 6969, 7005])
def test_what_is_created_late_is_met_by_these(seed: int) -> None:
    assert run(seed) == []


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(41, id="a pod made after a turn served before it was ready"),
        pytest.param(80, id="the slices had yet to show that the Service was held"),
        pytest.param(217, id="a pod was taken out of a set that had yet to remove another"),
        pytest.param(587, id="pods on their way out were not counted after a turn"),
        pytest.param(790, id="turned twice, how many pods are wanted was forgotten"),
        pytest.param(2109, id="a hold came late, when no pod was named to the Service any more"),
        pytest.param(3570, id="a pod was left of a ReplicaSet that had been collected"),
        pytest.param(9043, id="a pod on its way out passed for the one that was asked for"),
    ],
)
def test_recreate_keeps_its_promises_where_it_once_did_not(seed: int) -> None:
    assert run(seed, strategy=Strategy.RECREATE) == []


def test_adopt_keeps_its_addresses_where_the_watch_of_services_lags() -> None:
    assert run(7196) == []


def test_a_deployment_that_is_not_held_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "hold", lambda manifest: manifest)

    assert run(721)


def test_a_custom_resource_that_is_not_held_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "hold", lambda manifest: manifest)

    assert run(4950)


def test_a_ladder_without_any_fence_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either fence alone keeps the Deployment from making a ReplicaSet of its own."""
    monkeypatch.setattr(exchange, "hold", lambda manifest: manifest)
    unfenced = tuple(step for step in ADOPTION if step.condition is not Condition.PODS_SEEN)

    assert any(run(seed, unfenced) for seed in range(20))
