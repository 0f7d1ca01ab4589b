"""The rounding rules: limits up and at least one, allowances down."""

from __future__ import annotations

import pytest

from mattermost_migrate.domain.fleet.amounts import rounded_down, rounded_up


@pytest.mark.parametrize(
    ("value", "selected", "up", "down"),
    [
        (5, 100, 5, 5),
        (0, 100, 0, 0),
        ("10%", 100, 10, 10),
        ("10%", 11, 2, 1),
        ("1%", 3, 1, 0),
        ("0%", 500, 1, 0),
        ("100%", 7, 7, 7),
        ("29%", 100, 29, 29),
        ("5%", 19, 1, 0),
        ("5%", 0, 1, 0),
    ],
)
def test_a_percentage_is_rounded(value: int | str, selected: int, up: int, down: int) -> None:
    assert (rounded_up(value, selected), rounded_down(value, selected)) == (up, down)
