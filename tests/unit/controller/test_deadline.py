"""Until when a wait may last: the deadline of what is waited for, not of what was before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.migrate import _seconds_left
from mattermost_migrate.domain.conditions import timestamp
from mattermost_migrate.domain.names import LOCK_LABEL, Condition
from mattermost_migrate.domain.steps import Decision, Done, Refuse, Wait

DEADLINE = 600
ADOPTED, STABLE = Condition.DEPLOYMENT_ADOPTED, Condition.TARGET_STABLE
WAIT = Decision(Wait("for pods", progress="2 of 3"), (), STABLE)


def migration(*, lock: bool = True, **status: str) -> dict[str, Any]:
    metadata = {"labels": {LOCK_LABEL: "frozen"} if lock else {}}
    spec = {"progressDeadlineSeconds": DEADLINE}
    return {"metadata": metadata, "spec": spec, "status": status}


def ago(seconds: float) -> str:
    return timestamp(datetime.now(UTC) - timedelta(seconds=seconds))


def stable(progress: str, seconds: float) -> dict[str, str]:
    """The step that is waited for, as it was told so long ago."""
    return {
        "currentStep": STABLE,
        "currentStepProgress": progress,
        "currentStepTime": ago(seconds),
    }


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        pytest.param({}, DEADLINE, id="nothing told yet"),
        pytest.param(
            {"currentStep": ADOPTED, "currentStepTime": ago(2 * DEADLINE)},
            DEADLINE,
            id="an earlier step, long over: to be looked at again, and not at once for ever",
        ),
        pytest.param(stable("1 of 3", 2 * DEADLINE), DEADLINE, id="it has come further"),
        pytest.param(stable("2 of 3", 2 * DEADLINE), 0.0, id="it has come no further"),
    ],
)
def test_the_deadline_is_that_of_what_is_waited_for(told: dict[str, str], seconds: float) -> None:
    assert _seconds_left(migration(**told), WAIT) == seconds


def test_it_runs_from_the_report() -> None:
    left = _seconds_left(migration(**stable("2 of 3", DEADLINE - 100)), WAIT)

    assert left is not None
    assert 90 < left <= 101


def test_an_operator_is_given_less_to_acknowledge() -> None:
    frozen = Decision(Wait("for the operator"), (), Condition.SOURCE_FROZEN)

    assert _seconds_left(migration(), frozen) == 120


@pytest.mark.parametrize(
    ("lock", "decision"),
    [
        pytest.param(False, WAIT, id="has not begun"),
        pytest.param(True, Decision(Done()), id="done"),
        pytest.param(True, Decision(Refuse("Rejected", "no"), (), STABLE), id="refused"),
    ],
)
def test_nothing_else_has_one(*, lock: bool, decision: Decision) -> None:
    assert _seconds_left(migration(lock=lock), decision) is None
