"""How a member stands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mattermost_migrate.domain.conditions import micro_timestamp
from mattermost_migrate.domain.fleet import Standing, member_of
from mattermost_migrate.domain.names import LOCK_LABEL
from mattermost_migrate.testing.fleets import NOW, begun, ended, enlist, fleet

FLEET = fleet()
WAITING = enlist(FLEET, "acme", 0)
STARTED = begun(FLEET, WAITING)
SUCCEEDED = ended(STARTED, Standing.SUCCEEDED)
FAILED = ended(STARTED, Standing.FAILED)
REFUSED = ended(STARTED, Standing.SKIPPED)


def locked(member: dict[str, Any]) -> dict[str, Any]:
    labels = {**member["metadata"]["labels"], LOCK_LABEL: "frozen"}
    return {**member, "metadata": {**member["metadata"], "labels": labels}}


def edited(member: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """Another spec, and so another generation."""
    metadata = {**member["metadata"], "generation": member["metadata"]["generation"] + 1}
    return {**member, "metadata": metadata, "spec": {**member["spec"], **spec}}


def failing(member: dict[str, Any]) -> dict[str, Any]:
    failure = {"observedGeneration": member["metadata"]["generation"], "reason": "R"}
    return {**locked(member), "status": {"failure": {**failure, "message": "because"}}}


@pytest.mark.parametrize(
    ("subject", "spec", "standing"),
    [
        pytest.param(WAITING, {}, Standing.WAITING, id="not started"),
        pytest.param(locked(WAITING), {}, Standing.RUNNING, id="locked, though paused"),
        pytest.param(STARTED, {}, Standing.RUNNING, id="started"),
        pytest.param(SUCCEEDED, {}, Standing.SUCCEEDED, id="through"),
        pytest.param(FAILED, {}, Standing.FAILED, id="rolled back"),
        pytest.param(REFUSED, {}, Standing.SKIPPED, id="refused before its first write"),
        pytest.param(
            locked(ended(STARTED, Standing.SKIPPED)), {}, Standing.FAILED, id="held half-way"
        ),
        pytest.param(edited(SUCCEEDED), {}, Standing.RUNNING, id="its end was of another spec"),
        pytest.param(
            edited(WAITING, desiredKind="ClusterInstallation"),
            {},
            Standing.SKIPPED,
            id="edited while it waited",
        ),
        pytest.param(
            edited(STARTED, desiredKind="ClusterInstallation"),
            {},
            Standing.RUNNING,
            id="turned round by another hand: it runs all the same",
        ),
        pytest.param(FAILED, {"retryLimit": 1}, Standing.WAITING, id="has an attempt left"),
        pytest.param(REFUSED, {"retryLimit": 1}, Standing.SKIPPED, id="refused: none is made"),
        pytest.param(FAILED, {"retryGeneration": 1}, Standing.WAITING, id="asked for anew"),
        pytest.param(REFUSED, {"retryGeneration": 1}, Standing.WAITING, id="refused, asked anew"),
        pytest.param(SUCCEEDED, {"retryGeneration": 1}, Standing.SUCCEEDED, id="good stays good"),
        pytest.param(
            SUCCEEDED,
            {"desiredKind": "ClusterInstallation"},
            Standing.WAITING,
            id="the fleet turns round",
        ),
    ],
)
def test_how_a_member_stands(
    subject: dict[str, Any], spec: dict[str, Any], standing: Standing
) -> None:
    member = member_of(subject, fleet(**spec))

    assert member is not None
    assert member.standing is standing


@pytest.mark.parametrize(
    ("subject", "spec", "standing"),
    [
        pytest.param(ended(STARTED, Standing.SKIPPED), {}, Standing.FAILED, id="held half-way"),
        pytest.param(FAILED, {}, Standing.FAILED, id="stopped on the way back"),
        pytest.param(FAILED, {"retryLimit": 1}, Standing.WAITING, id="to be tried again"),
        pytest.param(
            ended(edited(STARTED, desiredKind="ClusterInstallation"), Standing.FAILED),
            {},
            Standing.SKIPPED,
            id="turned round by another hand",
        ),
        pytest.param(STARTED, {}, Standing.RUNNING, id="running"),
    ],
)
def test_whoever_holds_the_lock_is_under_way_however_it_stands(
    subject: dict[str, Any], spec: dict[str, Any], standing: Standing
) -> None:
    member, free = member_of(locked(subject), fleet(**spec)), member_of(subject, fleet(**spec))

    assert member is not None
    assert free is not None
    assert (member.standing, member.under_way) == (standing, True)
    assert free.under_way is (standing is Standing.RUNNING)


@pytest.mark.parametrize(
    ("subject", "vacant"),
    [
        pytest.param(REFUSED, True, id="refused before its first write"),
        pytest.param(
            edited(WAITING, desiredKind="ClusterInstallation"), False, id="never to begin"
        ),
        pytest.param(
            ended(edited(SUCCEEDED, desiredKind="ClusterInstallation"), Standing.SUCCEEDED),
            False,
            id="turned round by another hand, and back",
        ),
        pytest.param(FAILED, False, id="rolled back"),
    ],
)
def test_only_who_is_refused_before_its_first_write_fills_no_place(
    subject: dict[str, Any], *, vacant: bool
) -> None:
    member = member_of(subject, FLEET)

    assert member is not None
    assert member.vacant is vacant


def test_who_was_turned_round_ended_when_it_was_back() -> None:
    late = NOW + timedelta(hours=1)
    turned = edited(SUCCEEDED, desiredKind="ClusterInstallation")

    back = member_of(ended(turned, Standing.SUCCEEDED, at=late), FLEET)
    never = member_of(edited(WAITING, desiredKind="ClusterInstallation"), FLEET)

    assert back is not None
    assert never is not None
    assert (back.standing, back.reason, back.ended) == (Standing.SKIPPED, "Edited", late)
    assert never.ended is None


@pytest.mark.parametrize(
    ("subject", "lock", "standing"),
    [
        pytest.param(WAITING, {}, Standing.SKIPPED, id="never to begin"),
        pytest.param(begun(fleet(), WAITING), {}, Standing.SKIPPED, id="started, not begun"),
        pytest.param(
            begun(fleet(), WAITING), {LOCK_LABEL: "frozen"}, Standing.RUNNING, id="under way"
        ),
        pytest.param(SUCCEEDED, {}, Standing.SUCCEEDED, id="over"),
    ],
)
def test_one_that_is_being_deleted_leaves_unless_it_is_under_way(
    subject: dict[str, Any], lock: dict[str, str], standing: Standing
) -> None:
    metadata = {**subject["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    metadata["labels"] = {**metadata["labels"], **lock}

    member = member_of({**subject, "metadata": metadata}, fleet())

    assert member is not None
    assert member.standing is standing
    assert (member.reason == "LeftFleet") is member.left is (standing is Standing.SKIPPED)
    assert not member.vacant


def test_it_is_a_member_of_the_fleet_with_that_uid_only() -> None:
    again = fleet()
    again["metadata"]["uid"] = "of the next fleet of that name"

    assert member_of(WAITING, again) is None


@pytest.mark.parametrize(
    ("attempts", "waits"), [(0, True), (1, True), (2, False)], ids=["first", "second", "third"]
)
def test_a_failed_member_is_tried_again_as_often_as_said(attempts: int, *, waits: bool) -> None:
    subject = fleet(retryLimit=2)
    member = begun(subject, WAITING)
    for _ in range(attempts):
        member = begun(subject, ended(member, Standing.FAILED), again=True)

    stands = member_of(ended(member, Standing.FAILED), subject)
    running = member_of(failing(member), subject)

    assert stands is not None
    assert running is not None
    assert (stands.standing is Standing.WAITING) is stands.again is waits
    # On its way back it counts as failed only when no further attempt is left.
    assert running.failing is not waits


def test_one_that_another_hand_turned_round_fails_for_nobody_but_that_hand() -> None:
    turned = failing(edited(STARTED, desiredKind="ClusterInstallation"))

    running, over = member_of(turned, FLEET), member_of(ended(turned, Standing.FAILED), FLEET)

    assert running is not None
    assert over is not None
    assert (running.standing, running.failing) == (Standing.RUNNING, False)
    assert (over.standing, over.failing) == (Standing.SKIPPED, False)


def test_when_it_ended_is_the_latest_that_is_told() -> None:
    late = NOW + timedelta(hours=1)
    member = ended(STARTED, Standing.FAILED, at=late)
    member["status"]["completionTime"] = "2025-01-01T00:00:00Z"  # of an earlier run

    found = member_of(member, FLEET)

    assert found is not None
    assert found.ended == late


def test_what_waits_is_not_told_to_have_begun_with_the_run_before() -> None:
    times = {"startTime": micro_timestamp(NOW), "completionTime": micro_timestamp(NOW)}

    for subject in (WAITING, STARTED):
        member = member_of({**subject, "status": times}, FLEET)
        assert member is not None
        assert member.started is None
