from __future__ import annotations

from collections import Counter

import pytest

from mattermost_migrate.percentile import percentile, percentile_of_counts


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([3.0], 0.95, 3.0),
        ([2.0, 1.0], 0.95, 2.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        (list(map(float, range(100))), 0.95, 94.0),
    ],
)
def test_a_percentile_is_one_of_the_values(
    values: list[float], share: float, expected: float
) -> None:
    assert percentile(values, share) == expected
    assert percentile_of_counts(Counter(map(int, values)), share) == expected


def test_of_no_values_there_is_none() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile_of_counts({}, 0.5)
