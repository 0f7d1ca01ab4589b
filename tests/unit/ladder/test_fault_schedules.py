"""Random schedules of faults on the simulated cluster; more of them: bench/fault_schedules.py."""

from __future__ import annotations

import pytest

from mattermost_migrate.domain.adoption import ADOPTION
from mattermost_migrate.domain.names import Condition
from mattermost_migrate.testing.fault_schedules import run

SEEDS = 300
BLOCK = 50


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_whatever_goes_wrong_and_when_nobody_notices(first: int) -> None:
    broken = {seed: told for seed in range(first, first + BLOCK) if (told := run(seed))}

    assert broken == {}, f"seed {min(broken)}"


def test_a_ladder_without_its_fence_is_found_out() -> None:
    unfenced = tuple(step for step in ADOPTION if step.condition is not Condition.PODS_SEEN)

    assert any(run(seed, unfenced) for seed in range(100))
