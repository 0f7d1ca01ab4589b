"""Which installations a fleet selects, which may start, and counts that always add up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_migrate.domain.conditions import condition_status
from mattermost_migrate.domain.fleet import (
    Member,
    Skip,
    Standing,
    fleet_over,
    fleet_status,
    limit,
    member_of,
    new_member,
    selects,
    startable,
)
from mattermost_migrate.domain.names import FLEET_LABEL, LOCK_LABEL
from mattermost_migrate.testing.builders import cluster_installation, migration

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def fleet(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "all", "generation": 1},
        "spec": {"selector": {"all": True}, "desiredKind": "Mattermost", **spec},
    }


def members(*standings: Standing) -> tuple[Member, ...]:
    return tuple(Member("ns", f"mm-{n}", standing) for n, standing in enumerate(standings))


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({"all": True}, True),
        ({}, False),
        ({"namespaces": ["ns"]}, True),
        ({"namespaces": ["other"]}, False),
        ({"installations": [{"namespace": "ns", "name": "acme"}]}, True),
        ({"installations": [{"namespace": "ns", "name": "other"}]}, False),
        ({"matchLabels": {"tier": "free"}}, True),
        ({"matchLabels": {"tier": "paid"}}, False),
        ({"namespaces": ["ns"], "matchLabels": {"tier": "paid"}}, False),
        ({"all": True, "namespaces": ["other"]}, False),
    ],
)
def test_each_term_given_must_hold(selector: dict[str, Any], *, selected: bool) -> None:
    installation = cluster_installation()
    installation["metadata"]["labels"] = {"tier": "free"}

    assert selects(selector, installation) is selected


@pytest.mark.parametrize(
    ("value", "selected", "expected"),
    [(5, 100, 5), ("10%", 100, 10), ("10%", 11, 2), ("1%", 3, 1), ("100%", 7, 7)],
)
def test_a_percentage_is_rounded_up(value: int | str, selected: int, expected: int) -> None:
    assert limit(value, selected) == expected


@given(st.lists(st.sampled_from(Standing)), st.integers(1, 20))
def test_never_more_than_the_limit_runs(standings: list[Standing], at_most: int) -> None:
    all_members = members(*standings)
    running = standings.count(Standing.RUNNING)

    starting = startable(fleet(maxConcurrent=at_most), all_members, len(all_members))

    assert running + len(starting) <= max(at_most, running)
    assert all(member.standing is Standing.WAITING for member in starting)
    room = max(0, at_most - running)
    assert len(starting) == min(room, standings.count(Standing.WAITING))


def test_a_paused_fleet_starts_none() -> None:
    assert startable(fleet(paused=True), members(Standing.WAITING), 1) == ()


@given(st.lists(st.sampled_from(Standing)), st.integers(0, 3))
def test_counts_add_up(standings: list[Standing], passed_over: int) -> None:
    skips = [Skip("ns", f"s-{n}", "InAnotherFleet", "held") for n in range(passed_over)]

    counts = fleet_status(fleet(), members(*standings), skips, NOW)["counts"]

    assert counts["selected"] == sum(counts[standing] for standing in Standing)
    assert counts["selected"] == len(standings) + passed_over


@pytest.mark.parametrize(
    ("standings", "status", "reason"),
    [
        ([], "False", "NothingSelected"),
        ([Standing.SUCCEEDED], "True", "Succeeded"),
        ([Standing.SUCCEEDED, Standing.FAILED], "False", "MembersFailed"),
        ([Standing.SUCCEEDED, Standing.SKIPPED], "False", "MembersSkipped"),
        ([Standing.SUCCEEDED, Standing.RUNNING], "Unknown", "Progressing"),
        ([Standing.FAILED, Standing.WAITING], "Unknown", "Progressing"),
    ],
)
def test_done_is_said_only_when_it_is(standings: list[Standing], status: str, reason: str) -> None:
    subject = {**fleet(), "status": fleet_status(fleet(), members(*standings), (), NOW)}

    summary = condition_status(subject, "Succeeded")

    assert summary is not None
    assert (summary["status"], summary["reason"]) == (status, reason)
    assert fleet_over(subject) is (status != "Unknown")
    assert ("completionTime" in subject["status"]) is (status != "Unknown")


def test_skips_of_the_selection_are_counted_once() -> None:
    skip = Skip("ns", "held", "InAnotherFleet", "held")
    first = fleet_status(fleet(), members(Standing.RUNNING), [skip], NOW)

    again = fleet_status({**fleet(), "status": first}, members(Standing.SUCCEEDED), (), NOW)

    assert again["counts"]["skipped"] == 1
    assert [each["name"] for each in again["recentSkips"]] == ["held"]


def test_the_same_state_gives_the_same_bytes() -> None:
    first = fleet_status(fleet(), members(Standing.RUNNING), (), NOW)
    later = datetime(2026, 1, 2, tzinfo=UTC)

    assert fleet_status({**fleet(), "status": first}, members(Standing.RUNNING), (), later) == first


def imig(*, paused: bool = False, locked: bool = False, **status: Any) -> dict[str, Any]:
    made = migration(paused=paused)
    made["metadata"]["generation"] = 2
    made["metadata"]["labels"] = {LOCK_LABEL: "frozen"} if locked else {}
    return {**made, "status": status}


def summary(status: str, *, stalled: bool = False) -> dict[str, Any]:
    said = {"type": "Succeeded", "status": status, "observedGeneration": 2, "reason": "R"}
    stall = {"type": "Stalled", "status": "True"}
    return {"conditions": [said, *([stall] if stalled else [])]}


@pytest.mark.parametrize(
    ("subject", "standing"),
    [
        (imig(paused=True), Standing.WAITING),
        (imig(paused=True, locked=True), Standing.RUNNING),
        (imig(), Standing.RUNNING),
        (imig(**summary("True")), Standing.SUCCEEDED),
        (imig(**summary("False", stalled=True)), Standing.SKIPPED),
        (imig(**summary("False", stalled=True), startTime="x"), Standing.FAILED),
        (imig(**summary("Unknown")), Standing.RUNNING),
    ],
)
def test_how_a_member_stands(subject: dict[str, Any], standing: Standing) -> None:
    assert member_of(subject).standing is standing


def test_a_member_waits_and_knows_its_fleet() -> None:
    made = new_member(fleet(pinPodTemplate=False, maxConcurrent=3), cluster_installation())

    assert made["metadata"]["labels"][FLEET_LABEL] == "all"
    assert made["spec"] == {"desiredKind": "Mattermost", "pinPodTemplate": False, "paused": True}
