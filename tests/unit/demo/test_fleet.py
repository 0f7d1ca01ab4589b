from __future__ import annotations

import json
from collections import Counter

import pytest

from deploy.demo.borrowed import plays_itself
from deploy.demo.fleet import DEMO_LABEL, NAMESPACES, fleet
from deploy.demo.intruder import in_flight
from deploy.demo.record import Change
from mattermost_migrate.domain.names import INSTALLATION_MIGRATION, LOCK_LABEL
from mattermost_migrate.domain.objects import labels_of, name_of, namespace_of
from mattermost_migrate.domain.validation import cluster_installation
from mattermost_migrate.domain.validation.field import Caution


@pytest.mark.parametrize("ordinary", [1, 30, 200])
def test_every_installation_is_there_once_and_has_its_secrets(ordinary: int) -> None:
    made = fleet(ordinary)
    keys = Counter((obj["kind"], namespace_of(obj), name_of(obj)) for obj in made.objects)

    assert len(made.installations) == ordinary + 2
    assert max(keys.values()) == 1
    for obj in made.objects:
        if secret := obj.get("spec", {}).get("database", {}).get("secret"):
            assert keys["Secret", namespace_of(obj), secret] == 1


def test_thirty_are_of_many_kinds() -> None:
    specs = [obj["spec"] for obj in fleet(30).objects if obj["kind"] == "ClusterInstallation"]
    kept = ("version", "size", "resources", "mattermostEnv", "ingressAnnotations")
    kinds = {json.dumps({key: spec.get(key) for key in kept}, sort_keys=True) for spec in specs}

    assert len(kinds) > 25


def test_none_of_them_is_a_bad_example() -> None:
    for obj in fleet(60).objects:
        if obj["kind"] == "ClusterInstallation":
            found = cluster_installation.findings(obj)
            assert [each for each in found if not isinstance(each, Caution)] == [], name_of(obj)


def test_the_operators_examples_ask_for_no_more_than_a_host() -> None:
    examples = [obj for obj in fleet(1).objects if namespace_of(obj) == "demo-samples"]

    assert {name_of(obj): obj["spec"] for obj in examples} == {
        "example-clusterinstallation": {"ingressName": "example.mattermost-example.dev"},
        "mm-example-anywhere": {"ingressName": "mattermost.example.com"},
    }


def test_every_namespace_can_be_found_again() -> None:
    namespaces = [obj for obj in fleet(3).objects if obj["kind"] == "Namespace"]

    assert {name_of(obj) for obj in namespaces} == set(NAMESPACES)
    assert all(labels_of(obj) == {DEMO_LABEL: "true"} for obj in namespaces)


def test_what_a_place_asks_for_goes_into_every_installation() -> None:
    made = fleet(3, spec={"nodeSelector": {"here": "true"}})

    for obj in made.objects:
        if obj["kind"] == "ClusterInstallation":
            assert obj["spec"]["nodeSelector"] == {"here": "true"}


@pytest.mark.parametrize(
    ("labels", "kind", "expected"),
    [
        ({LOCK_LABEL: "frozen"}, "MODIFIED", True),
        ({LOCK_LABEL: "frozen"}, "DELETED", False),
        ({}, "MODIFIED", False),
    ],
)
def test_an_installation_is_in_flight_while_its_migration_holds_the_lock(
    labels: dict[str, str], kind: str, *, expected: bool
) -> None:
    migration = {"metadata": {"name": "acme", "namespace": "demo", "labels": labels}}

    assert in_flight(Change(0, INSTALLATION_MIGRATION, kind, migration)) is expected


def test_a_cluster_with_one_real_node_does_not_play_its_pods() -> None:
    fake = {"metadata": {"name": "a", "annotations": {"kwok.x-k8s.io/node": "fake"}}}
    real = {"metadata": {"name": "b"}}

    assert plays_itself([fake])
    assert not plays_itself([fake, real])
    assert not plays_itself([])
