"""A hundred random schedules of faults, deaths and changes of mind, on real control planes.

Not a part of ``make test``, which it would make longer by minutes: ``make test-schedules``. What
broke names its seed, with which it can be asked for again; requests of one pass go at the same
time, so a seed gives like schedules, not the very same.
"""

from __future__ import annotations

import os

import pytest

from mattermost_migrate.testing.faults import Gateway

from .conftest import Engines, Lanes, schedules

pytestmark = [
    # An engine that dies in this process says no farewell on its connections.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.timeout(900),
]
FIRST_SEED = int(os.environ.get("MATTERMOST_MIGRATE_SEED", "1"))
#: As many at the same time as a control plane bears; two of those go on beside each other.
EACH = 25


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + 4))
def test_whatever_comes_it_ends_well(
    seed: int, lanes: Lanes, gateway: Gateway, engines: Engines
) -> None:
    assert schedules(seed, lanes.take(EACH), lanes, gateway, engines) == []
