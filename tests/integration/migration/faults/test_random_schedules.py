"""A hundred random schedules of faults, deaths and changes of mind, on real control planes.

What broke names its seed, with which it can be asked for again (``make test-schedules SEED=7``);
requests of one pass go at the same time, so a seed gives like schedules, not the very same.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

from mattermost_migrate.testing.faults import Gateway

from .engines import Engines
from .lanes import Lanes
from .schedules import schedules

pytestmark = [
    # An engine that dies in this process says no farewell on its connections.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.timeout(1500),
]
FIRST_SEED = int(os.environ.get("MATTERMOST_MIGRATE_SEED", "1"))
#: As many at the same time as a control plane bears; two of those go on beside each other.
EACH = 25


@pytest.fixture(scope="module", autouse=True)
def told_here() -> Iterator[None]:
    """What is left of broken connections is told of here, where it is expected."""
    yield
    gc.collect()


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + 4))
def test_whatever_comes_it_ends_well(
    seed: int, lanes: Lanes, gateway: Gateway, engines: Engines
) -> None:
    problems = schedules(seed, lanes.take(EACH), lanes, gateway, engines)
    gc.collect()
    assert problems == []
