"""Both versions of a ClusterInstallation: whatever is stored is shown, and comes back unharmed."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from mattermost_migrate.domain.conversion.versions import (
    EDITS,
    RECORD,
    managers_patch,
    to_preview,
    to_stored,
)
from mattermost_migrate.domain.defaults import default_cluster_installation
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.validation import validate
from mattermost_migrate.testing import crd
from mattermost_migrate.testing.builders import cluster_installation
from mattermost_migrate.testing.spoiled import Spoiler

PREVIEW = "mattermost.com/v1beta1-preview"


def exact(obj: dict[str, Any]) -> str:
    """Its one text; no annotations are as good as none."""
    metadata = dict(obj["metadata"])
    if not metadata.get("annotations"):
        metadata.pop("annotations", None)
    return json.dumps({**obj, "metadata": metadata}, sort_keys=True)


def bare(obj: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in obj["metadata"].items() if key != "annotations"}


def preview(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "chat", "namespace": "acme"}
    return {
        "apiVersion": PREVIEW,
        "kind": "ClusterInstallation",
        "metadata": metadata,
        "spec": spec,
    }


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_stored_is_shown_and_comes_back(seed: int) -> None:
    spoiler = Spoiler(seed)
    came_back = 0
    for _ in range(700):
        stored = spoiler.make()
        before = copy.deepcopy(stored)

        shown = to_preview(stored)

        assert stored == before
        assert shown["apiVersion"] == PREVIEW
        assert isinstance(shown["spec"], dict)
        assert bare(shown) == bare(stored)
        json.dumps(shown)
        record = shown["metadata"].get("annotations", {}).get(RECORD, "")
        if '"lost":true' in record:
            with pytest.raises(RefusedError, match="can only be read"):
                to_stored(shown)
        else:
            assert exact(to_stored(shown)) == exact(stored)
            came_back += 1
    assert came_back > 600


def test_whatever_is_written_as_a_mattermost_is_shown_again() -> None:
    generator, schema = crd.Generator(3), crd.schema("Mattermost")
    refused = 0
    for _ in range(700):
        written = preview(**generator.make(schema))
        try:
            stored = to_stored(written)
        except RefusedError as error:
            assert "readinessCheck.timeout" in str(error)  # noqa: PT017 - the one thing unreadable
            refused += 1
            continue
        assert to_preview(stored)["spec"] == written["spec"]
        assert bare(stored) == bare(written)
    assert refused < 50


def stored() -> dict[str, Any]:
    return default_cluster_installation(cluster_installation("chat"))


def test_an_edit_wins_over_what_was_kept() -> None:
    shown = to_preview(stored())
    shown["spec"] = {**shown["spec"], "replicas": 5, "version": "10.9.0"}

    assert to_stored(shown)["spec"] == {**stored()["spec"], "replicas": 5, "version": "10.9.0"}


def test_what_has_no_place_is_kept_and_refused_by_validation() -> None:
    shown = to_preview(stored())
    shown["spec"] = {**shown["spec"], "dnsPolicy": "Default"}

    written = to_stored(shown)

    assert written["spec"] == stored()["spec"]
    assert to_preview(written)["spec"]["dnsPolicy"] == "Default"
    assert [f.field for f in validate("ClusterInstallation", stored(), written).faults] == [
        "spec.dnsPolicy"
    ]
    assert validate("ClusterInstallation", written, written).faults == ()


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        pytest.param(preview(replicas="two"), r"spec\.replicas: must be an integer", id="a type"),
        pytest.param(
            preview(volumes=[{"name": "v", "hostPath": {"path": "x" * 300_000}}]),
            "too much of it has no place",
            id="too much",
        ),
    ],
)
def test_what_nothing_can_carry_is_refused_by_its_path(shown: dict[str, Any], why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        to_stored(shown)


def test_a_spec_that_no_operator_can_read_is_shown_empty_and_only_read() -> None:
    broken = {**stored(), "spec": {"ingressName": 7, "replicas": "two"}}
    shown = to_preview(broken)

    assert shown["spec"] == {}
    assert to_stored(shown) == broken
    with pytest.raises(RefusedError, match="edit it as v1alpha1"):
        to_stored({**shown, "spec": {"ingressName": "chat.example.com"}})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"changes": 1}', '{"whole": 3}'])
def test_a_record_that_somebody_spoilt_is_named(text: str) -> None:
    shown = to_preview(stored())
    shown["metadata"] = {**shown["metadata"], "annotations": {RECORD: text}}

    with pytest.raises(RefusedError, match=r"metadata\.annotations\[.*v1alpha1-record\]"):
        to_stored(shown)


def test_an_edit_in_the_other_version_meanwhile_wins_over_an_edit_that_did_nothing() -> None:
    shown = to_preview(stored())
    shown["spec"] = {**shown["spec"], "dnsPolicy": "Default"}
    written = to_stored(shown)
    later = {**written, "spec": {**written["spec"], "replicas": 7}}

    again = to_preview(later)

    assert (again["spec"]["dnsPolicy"], again["spec"]["replicas"]) == ("Default", 7)
    assert EDITS in to_stored(again)["metadata"]["annotations"]
    assert exact(to_stored(again)) == exact(later)


def managed(*versions: str) -> dict[str, Any]:
    entries = [{"manager": "kubectl", "apiVersion": version} for version in versions]
    return {"metadata": {"name": "chat", "resourceVersion": "7", "managedFields": entries}}


@pytest.mark.parametrize(
    ("obj", "left"),
    [
        pytest.param(managed("mattermost.com/v1alpha1"), None, id="nobody"),
        pytest.param(
            managed("mattermost.com/v1alpha1", PREVIEW),
            [{"manager": "kubectl", "apiVersion": "mattermost.com/v1alpha1"}],
            id="one of two",
        ),
        pytest.param(managed(PREVIEW), [{}], id="the only one"),
    ],
)
def test_writers_of_the_preview_are_forgotten(
    obj: dict[str, Any], left: list[dict[str, Any]] | None
) -> None:
    patch = managers_patch(obj)

    assert (patch[-1]["value"] if patch else None) == left
