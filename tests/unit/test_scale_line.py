"""The verdict of `make bench-scale` on how time grows."""

from __future__ import annotations

import pytest

from bench.scale.line import line

COUNTS = (100, 300, 1000, 3000)


def rows(*runs: tuple[int, float]) -> list[dict[str, float]]:
    return [{"installations": count, "seconds": seconds} for count, seconds in runs]


def test_time_that_grows_with_the_number_alone_is_a_straight_line() -> None:
    found = line(rows((100, 47.0), (300, 140.0), (1000, 452.0), (3000, 1355.0)))

    assert found is not None
    assert found["straight"] is True
    assert found["secondsEach"] == pytest.approx(0.45, abs=0.01)


def test_time_that_grows_with_the_square_is_none() -> None:
    found = line(rows(*((count, count**2 / 1000) for count in COUNTS)))

    assert found is not None
    assert found["straight"] is False


@pytest.mark.parametrize("count", COUNTS[1:])  # the first may take its time to begin
def test_a_run_that_took_half_as_long_again_is_noticed(count: int) -> None:
    found = line(rows(*((each, each / 6 * (1.5 if each == count else 1)) for each in COUNTS)))

    assert found is not None
    assert found["straight"] is False


def test_two_runs_say_nothing() -> None:
    assert line(rows((100, 47.0), (300, 400.0), (300, 410.0))) is None
