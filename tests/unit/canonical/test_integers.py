from __future__ import annotations

import pytest

from mattermost_migrate.domain.canonical.integers import AtoiError, atoi, bounded

LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("+7", 7),
        ("-007", -7),
        ("-0", 0),
        ("0" * 5000 + "5", 5),
        (str(LARGEST), LARGEST),
        (str(-LARGEST - 1), -LARGEST - 1),
    ],
)
def test_a_number_is_read(text: str, number: int) -> None:
    assert atoi(text) == bounded(text) == number


@pytest.mark.parametrize(
    ("text", "problem", "instead"),
    [
        ("", "invalid syntax", 0),
        ("-", "invalid syntax", 0),
        ("1.5", "invalid syntax", 0),
        (" 5", "invalid syntax", 0),
        ("1_000", "invalid syntax", 0),
        ("٣", "invalid syntax", 0),
        (str(LARGEST + 1), "value out of range", LARGEST),
        ("-" + "9" * 5000, "value out of range", -LARGEST - 1),
    ],
)
def test_what_is_no_number_is_told_in_gos_words(text: str, problem: str, instead: int) -> None:
    with pytest.raises(AtoiError) as refused:
        atoi(text)
    assert str(refused.value) == f'strconv.Atoi: parsing "{text}": {problem}'
    assert bounded(text) == instead
