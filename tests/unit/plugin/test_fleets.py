"""A fleet whose installations a later one has."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from helm_mattermost_migrate.fleets import Counts, Fleet, left

FRIDAY = Fleet("friday", counts=Counts(selected=5), passed_over=1)


@pytest.mark.parametrize(
    ("moved", "remaining", "told"),
    [
        pytest.param({}, 4, [], id="all are in it still"),
        pytest.param(
            {"back": 1},
            3,
            [("1 of its 4 installations is in FleetMigration back now", "--fleet back")],
            id="one went on",
        ),
        pytest.param(
            {"back": 9},
            0,
            [("4 of its 4 installations are in FleetMigration back now", "--fleet back")],
            id="the later one has more than it ever had",
        ),
        pytest.param(
            {},
            0,
            [("none of its 4 installations is in a FleetMigration any more", "--all")],
            id="all were deleted",
        ),
    ],
)
def test_it_is_told_who_has_them(
    moved: Mapping[str, int], remaining: int, told: list[tuple[str, str]]
) -> None:
    assert list(left(FRIDAY, moved, remaining)) == told
