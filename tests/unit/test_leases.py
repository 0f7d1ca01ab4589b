"""Who holds a Lease, by what it says and by the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mattermost_migrate.domain.leases import CLOCKS, held_by

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HELD: dict[str, Any] = {
    "holderIdentity": "one",
    "renewTime": "2025-12-31T23:59:50.000000Z",
    "leaseDurationSeconds": 12,
}


@pytest.mark.parametrize(
    ("lease", "holder"),
    [
        pytest.param(HELD, "one", id="renewed in time"),
        pytest.param({**HELD, "leaseDurationSeconds": 9}, "", id="run out"),
        pytest.param({**HELD, "leaseDurationSeconds": None}, "one", id="client-go's own time"),
        pytest.param({**HELD, "holderIdentity": ""}, "", id="given back"),
        pytest.param({**HELD, "renewTime": None}, "", id="never renewed"),
        pytest.param({}, "", id="empty"),
    ],
)
def test_who_holds_it(lease: dict[str, Any], holder: str) -> None:
    assert held_by({"spec": lease}, NOW, clocks=timedelta()) == holder


def test_clocks_may_differ() -> None:
    late = {"spec": {**HELD, "leaseDurationSeconds": 9}}
    assert held_by(late, NOW, clocks=timedelta(seconds=2)) == "one"
    assert held_by(late, NOW + CLOCKS) == ""
