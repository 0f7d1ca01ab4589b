"""Which wave is approved, and what is said where none can be."""

from __future__ import annotations

from typing import Any

import pytest

from helm_mattermost_migrate.commands.approve import idle, wave_to_approve
from helm_mattermost_migrate.errors import CommandError, Exit

WAVES = [{"size": 1, "requiresApproval": True}, {"size": 3}]


def fleet(*, paused: bool = False, **status: Any) -> dict[str, Any]:
    spec = {"desiredKind": "Mattermost", "waves": WAVES, "paused": paused}
    return {
        "metadata": {"name": "fleet-a"},
        "spec": spec,
        "status": {"wavesTotal": 3, "currentWave": 2, **status},
    }


@pytest.mark.parametrize(
    ("seen", "asked", "wave"),
    [
        pytest.param(fleet(awaitingApproval=1), None, 1, id="it waits"),
        pytest.param(fleet(paused=True, awaitingApproval=1), None, 1, id="and is paused beside"),
        pytest.param(fleet(), None, 0, id="none waits"),
        pytest.param({**fleet(), "status": {}}, None, 0, id="nothing is known yet"),
        pytest.param(fleet(), 3, 3, id="in advance"),
    ],
)
def test_a_wave_is_approved(seen: Any, asked: int | None, wave: int) -> None:
    assert wave_to_approve(seen, asked) == wave


@pytest.mark.parametrize(
    ("seen", "number"),
    [
        pytest.param(fleet(), 3, id="as its status has it"),
        pytest.param({**fleet(), "status": {}}, 3, id="before it has one: the rest is a wave, too"),
    ],
)
def test_a_wave_that_is_not_there_is_refused(seen: Any, number: int) -> None:
    with pytest.raises(CommandError) as raised:
        wave_to_approve(seen, 9)

    assert raised.value.code == Exit.REFUSED
    assert raised.value.message == f"FleetMigration fleet-a: it has {number} waves, no wave 9"
    assert raised.value.hint.endswith(" status --fleet fleet-a")


def test_of_a_paused_fleet_it_is_said_that_it_is_paused() -> None:
    error = idle([fleet(paused=True, currentWave=1)])

    assert error.message == (
        "FleetMigration fleet-a: it is paused, and no wave of it waits to be approved"
    )
    assert error.hint.endswith(" resume fleet-a")


def test_the_next_command_names_the_fleet() -> None:
    error = idle([fleet()])

    assert error.message == "FleetMigration fleet-a: no wave of it waits to be approved"
    assert error.hint.endswith(" status --fleet fleet-a")
