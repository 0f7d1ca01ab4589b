"""How many may fail."""

from __future__ import annotations

import pytest

from mattermost_migrate.domain.fleet import Member, Roster, Standing
from mattermost_migrate.domain.fleet.budget import budget_left, spent
from mattermost_migrate.testing.fleets import fleet, roster

F, S, K = Standing.FAILED, Standing.SUCCEEDED, Standing.SKIPPED


@pytest.mark.parametrize(
    ("budget", "standings", "left"),
    [
        pytest.param(0, [S], 0, id="none may, none did"),
        pytest.param(0, [F], -1, id="none may, one did"),
        pytest.param(2, [F, F], 0, id="just within it"),
        pytest.param(2, [F, F, F], -1, id="one too many"),
        pytest.param(2, [F] * 9, -1, id="it does not go below"),
        pytest.param(0, [K, K, K], 0, id="who is skipped costs nothing"),
        pytest.param("10%", [F, *[S] * 9], 0, id="a tenth of ten"),
        pytest.param("10%", [F, *[S] * 8], -1, id="a tenth of nine is none"),
    ],
)
def test_what_is_left(budget: int | str, standings: list[Standing], left: int) -> None:
    subject, members = fleet(failureBudget=budget), roster(*standings)

    hold = spent(subject, members, len(standings))

    assert budget_left(subject, members, len(standings)) == left
    assert (hold is not None) is (left < 0)


def test_a_failure_counts_from_the_moment_it_is_recorded() -> None:
    going_back = Roster([Member("ns", "a", Standing.RUNNING, failing=True)])

    hold = spent(fleet(failureBudget=0, retryGeneration=4), going_back, 9)

    assert hold is not None
    assert hold.message == "more than 0 of 9 failed: starts no further ones"
    assert '{"spec":{"retryGeneration":5}}' in hold.next_command
