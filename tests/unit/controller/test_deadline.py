"""Until when a wait may last: the deadline of what is waited for, not of what was before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.deadline import Reign, seconds_left
from controller.migrate import _rolls_back
from mattermost_migrate.domain.conditions import timestamp
from mattermost_migrate.domain.names import LOCK_LABEL, MATTERMOST, Condition
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Decision, Done, Refuse, Wait

DEADLINE = 600
ADOPTED, STABLE = Condition.DEPLOYMENT_ADOPTED, Condition.TARGET_STABLE
#: Who leads for longer than anything here has lasted.
LONG = Reign(datetime(2020, 1, 1, tzinfo=UTC))
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
    assert seconds_left(migration(**told), WAIT, LONG) == seconds


def test_it_runs_from_the_report() -> None:
    left = seconds_left(migration(**stable("2 of 3", DEADLINE - 100)), WAIT, LONG)

    assert left is not None
    assert 90 < left <= 101


def test_an_operator_is_given_less_to_acknowledge() -> None:
    frozen = Decision(Wait("for the operator"), (), Condition.SOURCE_FROZEN)

    assert seconds_left(migration(), frozen, LONG) == 120


@pytest.mark.parametrize(
    ("lock", "decision"),
    [
        pytest.param(False, WAIT, id="has not begun"),
        pytest.param(True, Decision(Done()), id="done"),
        pytest.param(True, Decision(Refuse("Rejected", "no"), (), STABLE), id="refused"),
    ],
)
def test_nothing_else_has_one(*, lock: bool, decision: Decision) -> None:
    assert seconds_left(migration(lock=lock), decision, LONG) is None


@pytest.mark.parametrize(
    ("told", "before", "since", "seconds"),
    [
        pytest.param(500, 400, 50, 450, id="the leader before died 100 s after it told"),
        pytest.param(9000, 8900, 50, 450, id="however long nobody led"),
        pytest.param(500, 550, 50, 550, id="it told after its last renewal, by its own clock"),
        pytest.param(500, None, 50, 550, id="nobody knows until when anyone led"),
        pytest.param(9000, 8000, 50, 0.0, id="it had been too long before"),
        pytest.param(500, -9000, 50, 100, id="a clock that was far ahead counts all of it"),
        pytest.param(20, 400, 50, 580, id="told since this one leads"),
    ],
)
def test_time_without_a_leader_does_not_count(
    told: float, before: float | None, since: float, seconds: float
) -> None:
    now = datetime.now(UTC)
    last = None if before is None else now - timedelta(seconds=before)
    reign = Reign(now - timedelta(seconds=since), last)

    left = seconds_left(migration(**stable("2 of 3", told)), WAIT, reign)

    assert left == pytest.approx(seconds, abs=2)


@pytest.mark.parametrize("leaving", [True, False])
def test_what_has_deleted_the_old_kind_does_not_go_back(*, leaving: bool) -> None:
    """It would wait for the very same finalizers, and all but their end is done."""
    metadata = {"name": "acme", **({"deletionTimestamp": ago(700)} if leaving else {})}
    seen = Snapshot(
        migration=migration(), target_kind=MATTERMOST.kind, source={"metadata": metadata}
    )

    assert _rolls_back(seen) is not leaving
