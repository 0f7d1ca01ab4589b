"""What a member carries, and how it is started."""

from __future__ import annotations

import pytest

from mattermost_migrate.domain.fleet import Enlistment, new_member, places, start
from mattermost_migrate.domain.names import FLEET_LABEL, MEMBER_ANNOTATION
from mattermost_migrate.testing.builders import cluster_installation, migration
from mattermost_migrate.testing.fleets import begun, enlist, fleet


def test_a_member_waits_and_knows_its_fleet() -> None:
    made = new_member(fleet(pinPodTemplate=False, maxConcurrent=3), cluster_installation(), 7)

    assert made["metadata"]["labels"][FLEET_LABEL] == "all"
    assert made["spec"] == {"desiredKind": "Mattermost", "pinPodTemplate": False, "paused": True}
    assert Enlistment.read(made) == Enlistment("fleet-uid", 7, "Mattermost")


@pytest.mark.parametrize("text", ["", "{}", "[]", '["a"]', "[1,2,3,4,5", '["a","b","c","d","e"]'])
def test_what_we_did_not_write_is_no_enlistment(text: str) -> None:
    made = migration()
    made["metadata"]["annotations"] = {MEMBER_ANNOTATION: text}

    assert Enlistment.read(made) is None
    with pytest.raises(ValueError, match="ns/acme is no member"):
        start(fleet(), made, again=False)


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        pytest.param({}, {"a": 0, "b": 1, "c": 2}, id="all new"),
        pytest.param({"b": 0}, {"a": 1, "b": 0, "c": 2}, id="who has a place keeps it"),
        pytest.param({"z": 1}, {"a": 0, "b": 2, "c": 3}, id="nobody gets the place of another"),
    ],
)
def test_no_two_have_the_same_place(taken: dict[str, int], expected: dict[str, int]) -> None:
    found = places([("ns", each) for each in "abc"], {("ns", k): v for k, v in taken.items()})

    assert {name: place for (_, name), place in found.items()} == expected


def test_a_start_is_fenced_and_takes_over_the_spec_as_it_is_now() -> None:
    member = enlist(fleet(), "acme", 0)

    patch = start(fleet(progressDeadlineSeconds=60), member, again=False)

    assert patch["metadata"]["uid"] == "uid-acme"
    assert patch["metadata"]["resourceVersion"] == "1"
    assert patch["spec"] == {
        "desiredKind": "Mattermost",
        "progressDeadlineSeconds": 60,
        "paused": False,
    }


def test_each_further_start_is_another_attempt_until_a_person_asks_anew() -> None:
    first = begun(fleet(), enlist(fleet(), "acme", 0))
    second = begun(fleet(), first, again=True)
    asked = begun(fleet(retryGeneration=1), second, again=True)

    assert [Enlistment.read(each) for each in (first, second, asked)] == [
        Enlistment("fleet-uid", 0, "Mattermost", 0, 0),
        Enlistment("fleet-uid", 0, "Mattermost", 0, 1),
        Enlistment("fleet-uid", 0, "Mattermost", 1, 0),
    ]
    assert [each["spec"].get("retryGeneration") for each in (first, second, asked)] == [None, 1, 2]
