"""Durations as Go writes them back."""

from __future__ import annotations

import pytest

from mattermost_migrate.domain.canonical.durations import canonical


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5m", "5m0s"),
        ("90m", "1h30m0s"),
        ("1.5h", "1h30m0s"),
        ("300s", "5m0s"),
        ("1500ms", "1.5s"),
        ("2h45m30.5s", "2h45m30.5s"),
        ("10us", "10µs"),
        ("10µs", "10µs"),
        ("3ns", "3ns"),
        ("0", "0s"),
        ("0s", "0s"),
        ("-1m", "-1m0s"),
    ],
)
def test_is_written_in_canonical_form(text: str, expected: str) -> None:
    assert canonical(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "5d", "9999999h"])
def test_refuses_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        canonical(text)
