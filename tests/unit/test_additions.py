"""What others put on a child is told from what its operator wrote, by the operator's own record."""

from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.domain.additions import lost
from mattermost_migrate.domain.children import render_cluster_installation, render_mattermost
from mattermost_migrate.domain.conversion import convert
from mattermost_migrate.domain.defaults import default_cluster_installation, default_mattermost
from mattermost_migrate.domain.objects import Existing, JsonObject, name_of
from mattermost_migrate.testing.builders import (
    cluster_installation,
    database_secret,
    file_secret,
)

EXISTING = Existing.of([database_secret(), file_secret()])


def generated(length: int) -> str:
    return "x" * length


def children() -> dict[str, tuple[JsonObject, JsonObject]]:
    """Each child as the one operator writes it, and as the other one does."""
    source = cluster_installation(ingressAnnotations={"example.com/class": "public"})
    source["metadata"]["uid"] = "ci-uid"
    old = render_cluster_installation(
        default_cluster_installation(source), EXISTING, generate=lambda _, n: generated(n)
    )
    target = convert(source, EXISTING).mattermost
    target["metadata"]["uid"] = "mm-uid"
    new = render_mattermost(
        default_mattermost(target), EXISTING, generate=lambda _, n: generated(n)
    )
    by_name = {(each["kind"], name_of(each)): each for each in new.children}
    return {
        str(each["kind"]): (each, by_name[each["kind"], name_of(each)])
        for each in old.children
        if (each["kind"], name_of(each)) in by_name
    }


CHILDREN = children()


def with_metadata(obj: JsonObject, **metadata: Any) -> dict[str, Any]:
    merged = {
        key: {**(obj["metadata"].get(key) or {}), **value} if isinstance(value, dict) else value
        for key, value in metadata.items()
    }
    return {**obj, "metadata": {**obj["metadata"], **merged}}


@pytest.mark.parametrize("kind", sorted(CHILDREN))
def test_where_nobody_added_anything_nothing_is_missing(kind: str) -> None:
    saved, live = CHILDREN[kind]

    assert lost(saved, live) == {}


@pytest.mark.parametrize("kind", sorted(CHILDREN))
def test_labels_annotations_and_finalizers_come_back(kind: str) -> None:
    saved, live = CHILDREN[kind]
    added = with_metadata(
        saved,
        labels={"team": "a"},
        annotations={"example.com/note": "kept"},
        finalizers=["example.com/hold"],
    )

    assert lost(added, live) == {
        "metadata": {
            "labels": {"team": "a"},
            "annotations": {"example.com/note": "kept"},
            "finalizers": ["example.com/hold"],
        }
    }


def test_what_is_still_there_is_not_put_back() -> None:
    saved, live = CHILDREN["ServiceAccount"]
    added = with_metadata(saved, annotations={"example.com/note": "kept"})

    assert lost(added, with_metadata(live, annotations={"example.com/note": "kept"})) == {}


@pytest.mark.parametrize("key", ["labels", "annotations"])
def test_what_another_has_changed_meanwhile_stays(key: str) -> None:
    saved, live = CHILDREN["Service"]
    added = with_metadata(saved, **{key: {"example.com/release": "1"}})

    assert lost(added, with_metadata(live, **{key: {"example.com/release": "2"}})) == {}


def test_fields_that_no_operator_writes_come_back() -> None:
    saved, live = CHILDREN["ServiceAccount"]
    secrets = [{"name": "registry"}]

    assert lost({**saved, "imagePullSecrets": secrets}, live) == {"imagePullSecrets": secrets}


def test_what_the_operator_itself_took_away_stays_away() -> None:
    """An annotation that the first operator wrote and the second does not is nobody's addition."""
    saved, live = CHILDREN["Ingress"]
    bare = with_metadata(live)
    bare["metadata"]["annotations"] = {
        key: value
        for key, value in bare["metadata"]["annotations"].items()
        if key != "example.com/class"
    }

    assert lost(saved, bare) == {}


def test_another_owner_comes_back_and_no_installation_does() -> None:
    saved, live = CHILDREN["Service"]
    other = {"apiVersion": "v1", "kind": "ConfigMap", "name": "release", "uid": "release-uid"}
    owned = with_metadata(saved, ownerReferences=[*saved["metadata"]["ownerReferences"], other])

    assert lost(owned, live) == {
        "metadata": {"ownerReferences": [*live["metadata"]["ownerReferences"], other]}
    }


def test_the_exchanges_own_fields_of_a_deployment_are_left_alone() -> None:
    saved, live = CHILDREN["Deployment"]
    edited = {**saved, "spec": {**saved["spec"], "minReadySeconds": 5, "paused": True}}
    edited["spec"]["template"] = {**saved["spec"]["template"], "someField": "x"}

    assert lost(edited, live) == {"spec": {"minReadySeconds": 5, "paused": True}}


@pytest.mark.parametrize("which", ["saved", "live"])
def test_without_the_operators_record_nothing_is_guessed(which: str) -> None:
    saved, live = CHILDREN["ServiceAccount"]
    saved = with_metadata(saved, labels={"team": "a"})
    bare = {"name": "acme", "labels": {"team": "a"}}
    if which == "saved":
        saved = {**saved, "metadata": bare}
    else:
        live = {**live, "metadata": {"name": "acme"}}

    assert lost(saved, live) == {}
