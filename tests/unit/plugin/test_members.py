"""Where an installation stands, read off its objects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from helm_mattermost_migrate.errors import Exit
from helm_mattermost_migrate.members import Member, Standing, as_of_its_run, member, members
from helm_mattermost_migrate.status_view import (
    exit_code,
    member_table,
    structured,
    troubles,
    waiting_for_nobody,
)
from mattermost_migrate.domain.adoption import ADOPTION
from mattermost_migrate.domain.fleet import Enlistment, member_of, standing_of
from mattermost_migrate.domain.names import Strategy
from mattermost_migrate.domain.recreation import RECREATION

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
KEY = ("acme", "chat")


def installation(
    kind: str = "ClusterInstallation", name: str = "chat", **status: object
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "acme", "creationTimestamp": "2026-11-21T11:00:00Z"}
    return {"kind": kind, "metadata": metadata, "status": {"state": "stable", **status}}


def migration(
    *conditions: tuple[str, str, str, str],
    generation: int = 1,
    spec: dict[str, Any] | None = None,
    labels: dict[str, Any] | None = None,
    **status: object,
) -> dict[str, Any]:
    return {
        "kind": "InstallationMigration",
        "metadata": {
            "name": "chat",
            "namespace": "acme",
            "generation": generation,
            "labels": labels or {},
        },
        "spec": {"desiredKind": "Mattermost", **(spec or {})},
        "status": {
            "observedGeneration": 1,
            **status,
            "conditions": [
                {
                    "type": kind,
                    "status": state,
                    "reason": reason,
                    "message": message,
                    "observedGeneration": 1,
                }
                for kind, state, reason, message in conditions
            ],
        },
    }


SUCCEEDED = ("Succeeded", "True", "Succeeded", "")
UNDER_WAY = ("Succeeded", "Unknown", "Waiting", "its operator has yet to see it")
STALLED = ("Stalled", "True", "NoReadyPods", "no pod is ready")


def failed(reason: str = "NoReadyPods") -> tuple[str, str, str, str]:
    return ("Succeeded", "False", reason, "no pod is ready")


@pytest.mark.parametrize(
    ("seen", "standing"),
    [
        pytest.param(None, Standing.NONE, id="no migration at all"),
        pytest.param(migration(spec={"paused": True}), Standing.WAITING, id="waits for its turn"),
        pytest.param(migration(), Standing.RUNNING, id="not reported yet"),
        pytest.param(migration(UNDER_WAY), Standing.RUNNING, id="under way"),
        pytest.param(
            migration(
                UNDER_WAY,
                spec={"paused": True},
                labels={"migration.mattermost.com/lock": "frozen"},
            ),
            Standing.RUNNING,
            id="paused after it has begun, so it goes on",
        ),
        pytest.param(migration(SUCCEEDED), Standing.SUCCEEDED, id="succeeded"),
        pytest.param(
            migration(SUCCEEDED, generation=2), Standing.RUNNING, id="asked for something else"
        ),
        pytest.param(
            migration(failed(), STALLED), Standing.REFUSED, id="refused before it was begun"
        ),
        pytest.param(
            migration(failed(), STALLED, startTime="2026-11-21T11:59:00Z"),
            Standing.FAILED,
            id="failed after it was begun",
        ),
        pytest.param(
            migration(failed("RolledBack"), STALLED, startTime="2026-11-21T11:59:00Z"),
            Standing.ROLLED_BACK,
            id="rolled back",
        ),
    ],
)
def test_a_migration_stands(seen: Any, standing: Any) -> None:
    assert member(KEY, [installation()], seen).standing is standing


@pytest.mark.parametrize(
    ("seen", "counted"),
    [
        (migration(spec={"paused": True}), "waiting"),
        (migration(UNDER_WAY), "running"),
        (migration(SUCCEEDED), "succeeded"),
        (migration(failed(), STALLED), "skipped"),
        (migration(failed(), STALLED, startTime="2026-11-21T11:59:00Z"), "failed"),
    ],
)
def test_its_fleet_counts_it_the_same_way(seen: Any, counted: Any) -> None:
    words = {Standing.REFUSED: "skipped", Standing.ROLLED_BACK: "failed"}
    standing = member(KEY, [], seen).standing

    assert str(standing_of(seen)) == words.get(standing, str(standing)) == counted


def enlisted(migration: dict[str, Any], kind: str) -> dict[str, Any]:
    """The same as a member that its fleet started for that kind."""
    annotations = Enlistment("u", 0, kind).written()
    return {**migration, "metadata": {**migration["metadata"], "annotations": annotations}}


@pytest.mark.parametrize(
    ("seen", "standing"),
    [
        (migration(SUCCEEDED, spec={"desiredKind": "ClusterInstallation"}), Standing.REVERTED),
        (
            migration(spec={"desiredKind": "ClusterInstallation", "paused": True}),
            Standing.REVERTED,
        ),
        (migration(UNDER_WAY, spec={"desiredKind": "ClusterInstallation"}), Standing.RUNNING),
        (migration(SUCCEEDED), Standing.SUCCEEDED),
    ],
)
def test_what_was_turned_round_is_no_success_of_its_run(seen: Any, standing: Any) -> None:
    obj = enlisted(seen, "Mattermost")
    fleet = {"metadata": {"uid": "u", "name": "f"}, "spec": {"desiredKind": "Mattermost"}}
    found = as_of_its_run(member(KEY, [], obj))
    theirs = member_of(obj, fleet)

    assert found.standing is standing
    assert theirs is not None
    assert str(theirs.standing) == {Standing.REVERTED: "skipped"}.get(standing, str(standing))
    if standing is Standing.REVERTED:
        assert (found.reason, found.message) == (theirs.reason, theirs.message)


def test_what_its_fleet_itself_took_back_is_a_success_of_its_run() -> None:
    seen = migration(SUCCEEDED, spec={"desiredKind": "ClusterInstallation"})

    found = as_of_its_run(member(KEY, [], enlisted(seen, "ClusterInstallation")))

    assert found.standing is Standing.SUCCEEDED
    assert as_of_its_run(member(KEY, [], seen)).standing is Standing.SUCCEEDED


def test_the_steps_that_are_shown_are_the_ladders() -> None:
    ladders = {Strategy.ADOPT: ADOPTION, Strategy.RECREATE: RECREATION}

    for strategy, ladder in ladders.items():
        assert Member(KEY, strategy=strategy).ladder == tuple(step.condition for step in ladder)


def test_both_kinds_are_one_installation_in_the_middle_of_a_migration() -> None:
    found = members(
        [
            installation(),
            installation("Mattermost", state="reconciling"),
            installation(name="talk"),
        ],
        [migration(UNDER_WAY, currentStep="PodsSeen", startTime="2026-11-21T11:59:58.5Z")],
    )

    chat, talk = found
    assert chat.kinds == ("ClusterInstallation", "Mattermost")
    assert chat.state == "reconciling"
    assert chat.rung == f"{chat.climbed + 1}/{len(ADOPTION)} PodsSeen"
    assert chat.ladder[chat.climbed] == "PodsSeen"
    assert chat.seconds(NOW) == 1.5
    assert talk.standing is Standing.NONE


def test_what_took_long_is_told_by_what_it_took() -> None:
    seen = migration(
        SUCCEEDED, startTime="2026-11-21T11:00:00Z", completionTime="2026-11-21T11:00:00.4Z"
    )

    assert member(KEY, [installation()], seen).seconds(NOW) == pytest.approx(0.4)


def test_a_migration_that_runs_again_is_not_timed_by_the_one_before() -> None:
    seen = migration(
        SUCCEEDED,
        generation=2,
        startTime="2026-11-21T11:59:50Z",
        completionTime="2026-11-21T11:59:51Z",
    )

    assert member(KEY, [installation()], seen).seconds(NOW) is None


def test_the_table_is_aligned_and_has_a_dash_where_nothing_is() -> None:
    shown = member_table(members([installation(version="10.8.1")], []), NOW).splitlines()

    assert shown[0].split() == [
        "NAMESPACE",
        "NAME",
        "KIND",
        "STATE",
        "MIGRATION",
        "STEP",
        "TIME",
        "AGE",
    ]
    assert shown[1].split() == [
        "acme",
        "chat",
        "ClusterInstallation",
        "stable",
        "-",
        "-",
        "-",
        "1h",
    ]
    assert shown[0].index("KIND") == shown[1].index("ClusterInstallation")


def test_a_message_of_several_lines_stays_in_its_row() -> None:
    seen = migration(("Succeeded", "Unknown", "Waiting", "first\n  second"))
    shown = member_table(members([installation()], [seen]), NOW, wide=True)

    assert len(shown.splitlines()) == 2
    assert shown.endswith("first second")


def test_trouble_names_object_reason_and_next_command() -> None:
    seen = migration(failed(), STALLED, nextCommand="kubectl -n acme get pods")
    found = members([installation()], [seen])

    assert troubles(found) == (
        "acme/chat: refused: no pod is ready",
        "  Next: kubectl -n acme get pods",
    )


def test_who_waits_for_nobody_is_told_with_the_next_command() -> None:
    found = members([installation()], [migration(spec={"paused": True})])

    assert waiting_for_nobody(found, {KEY}) == (
        "acme/chat: waiting for a FleetMigration that is over or gone, which will not start it",
        "  Next: mattermost-migrate run acme/chat",
    )
    assert waiting_for_nobody(found, ()) == ()


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        ([], Exit.DONE),
        ([migration(SUCCEEDED)], Exit.DONE),
        ([migration(UNDER_WAY)], Exit.UNFINISHED),
        ([migration(failed(), STALLED, startTime="2026-11-21T11:00:00Z")], Exit.FAILED),
        ([migration(failed(), STALLED)], Exit.REFUSED),
    ],
)
def test_status_ends_with(seen: Any, code: Any) -> None:
    assert exit_code(members([installation()], seen)) is code


def test_the_structured_form_is_an_interface() -> None:
    seen = migration(
        SUCCEEDED,
        startTime="2026-11-21T11:00:00Z",
        completionTime="2026-11-21T11:00:01Z",
        apiWrites=11,
        labels={"migration.mattermost.com/fleet": "fleet-abcde"},
    )

    assert structured(members([installation("Mattermost", replicas=2)], [seen]), [])[
        "installations"
    ] == [
        {
            "namespace": "acme",
            "name": "chat",
            "kinds": ["Mattermost"],
            "state": "stable",
            "version": "",
            "replicas": 2,
            "desiredKind": "Mattermost",
            "migration": "Succeeded",
            "step": None,
            "startTime": "2026-11-21T11:00:00Z",
            "completionTime": "2026-11-21T11:00:01Z",
            "reason": "Succeeded",
            "message": "",
            "nextCommand": "",
            "apiWrites": 11,
            "fleet": "fleet-abcde",
        }
    ]


def test_a_migration_without_an_installation_is_shown_too() -> None:
    (found,) = members([], [migration(UNDER_WAY)])

    assert found.kinds == ()
    assert found.standing is Standing.RUNNING
