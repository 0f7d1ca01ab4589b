"""Whether a controller leads, by its Lease and the clock of whoever asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from helm_mattermost_migrate.server_side import leader_of, leader_trouble

RENEWED = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = {
    "metadata": {"name": "mattermost-migrate-controller", "namespace": "home"},
    "spec": {
        "holderIdentity": "pod-1",
        "leaseDurationSeconds": 15,
        "renewTime": RENEWED.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    },
}


@pytest.mark.parametrize("ahead", [-3600, 0, 20, 40])
def test_a_clock_that_is_fast_or_slow_finds_it_at_work(ahead: int) -> None:
    assert leader_trouble(leader_of(LEASE, RENEWED + timedelta(seconds=ahead))) is None


def test_one_that_has_long_been_silent_is_not_at_work() -> None:
    trouble = leader_trouble(leader_of(LEASE, RENEWED + timedelta(minutes=1)))

    assert trouble is not None
    assert "no controller is at work: Lease home/mattermost-migrate-controller" in trouble[0]
