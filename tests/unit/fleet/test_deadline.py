"""How long a fleet may go on starting."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from mattermost_migrate.domain.conditions import micro_timestamp
from mattermost_migrate.domain.fleet.deadline import expired, expires
from mattermost_migrate.testing.fleets import NOW, fleet

HOUR = timedelta(hours=1)
BEGAN = {"startTime": micro_timestamp(NOW)}


@pytest.mark.parametrize(
    ("spec", "status", "after", "over"),
    [
        pytest.param({}, BEGAN, 10**6, False, id="no deadline"),
        pytest.param({"runDeadlineSeconds": 60}, {}, 10**6, False, id="not begun"),
        pytest.param({"runDeadlineSeconds": 60}, BEGAN, 59.9, False, id="just before it"),
        pytest.param({"runDeadlineSeconds": 60}, BEGAN, 60, True, id="at it"),
    ],
)
def test_nobody_starts_after_it(
    spec: dict[str, Any], status: dict[str, Any], after: float, *, over: bool
) -> None:
    subject = {**fleet(**spec), "status": status}

    assert (expired(subject, NOW + timedelta(seconds=after)) is not None) is over


@pytest.mark.parametrize("hours", [1.0, 1.1, 1.99, 2.0, 30.5])
def test_the_command_that_is_offered_helps_however_late_it_is(hours: float) -> None:
    subject, now = {**fleet(runDeadlineSeconds=3600), "status": BEGAN}, NOW + hours * HOUR

    hold = expired(subject, now)

    assert hold is not None
    found = re.search(r'"runDeadlineSeconds":(\d+)', hold.next_command)
    assert found is not None
    later = {**fleet(runDeadlineSeconds=int(found[1])), "status": BEGAN}
    assert expired(later, now + HOUR) is None
    assert expired(later, now + 2 * HOUR + timedelta(seconds=1)) is not None
    assert str(hours) not in hold.message


def test_when_it_passes_is_known_before() -> None:
    subject = {**fleet(runDeadlineSeconds=90), "status": BEGAN}

    assert expires(subject) == NOW + timedelta(seconds=90)
