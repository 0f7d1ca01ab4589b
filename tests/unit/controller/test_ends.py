"""What the controller says when it ends though nobody told it to."""

from __future__ import annotations

import pytest

from controller.__main__ import _told
from mattermost_migrate.domain.errors import ConfigurationError, LeaseLostError

REFUSED = ConfigurationError("--operator=builtin is refused, because the Mattermost operator runs")


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        pytest.param(
            [LeaseLostError("Lease")], "lost the lease: another replica leads now", id="the lease"
        ),
        pytest.param([ExceptionGroup("led", [REFUSED])], str(REFUSED), id="deep within"),
        pytest.param([REFUSED, ValueError("a bug")], None, id="a surprise beside it"),
        pytest.param([ValueError("a bug")], None, id="a surprise"),
    ],
)
def test_it_says_in_a_sentence(errors: list[Exception], told: str | None) -> None:
    assert _told(BaseExceptionGroup("ended", errors)) == told
